"""The check of a journal, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from commands.journaling.place import bar, console

_SHOWN = 50  # lines of damage


def report(path: Path, alone: bool = False) -> bool:
    """Checks a journal and prints what is damaged, by session; whether it is sound."""
    from service.journal.snapshot import Snapshot
    from service.journal.soundness import Damage, damages
    from service.names import quoted

    found: list[Damage] = []
    with Snapshot(path, alone) as snapshot, bar("sessions") as progress:
        sessions = snapshot.count()
        task = progress.add_task(f"Checking {path.name}", total=sessions)
        for damage in damages(snapshot):
            if damage is None:
                progress.advance(task)
            else:
                found.append(damage)
        waiting = len(snapshot.tail.keys)
    if not found:
        said = f"[green]✓[/] {escape(str(path))} is sound: {sessions:,} sessions, {waiting:,} readings in the tail."
        console.print(said, highlight=False, soft_wrap=True)
        return True
    for damage in found[:_SHOWN]:
        who = "the journal" if damage.session is None else f"session {quoted(damage.session)}"
        mark = "[red]✗[/]" if damage.costs else "[yellow]![/]"
        console.print(f"{mark} {escape(who)}: {escape(damage.what)}", highlight=False, soft_wrap=True)
    if len(found) > _SHOWN:
        console.print(f"… and {len(found) - _SHOWN:,} more")
    lost = {damage.session for damage in found if damage.costs}
    costs = (
        f"{len(lost):,} sessions cannot be read as they were: restore a backup, or make them anew with their histories."
        if lost
        else "No reading is lost: spoilt states are passed over, and made again by a replay."
    )
    console.print(f"{escape(str(path))} is damaged. {costs}", highlight=False, soft_wrap=True)
    return False
