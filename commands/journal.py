"""`gatecast journal`: looks into a journal, checks, copies, restores, compacts, migrates it, exports its readings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from commands.journaling.place import bar, console, dated, errors, in_bytes, path_of, refusals, refuse, size_of

journal = typer.Typer(
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    help="Look into a journal, check, copy, restore, compact or migrate it, export its readings.",
)

DEFAULT = "default"  # the tenant of all sessions that were made without keys

_Journal = Annotated[str, typer.Argument(help="sqlite:PATH, or the path alone.", show_default=False)]


@journal.command()
def inspect(
    journal: _Journal,
    session: Annotated[str | None, typer.Option(help="One session instead of the whole.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose session it is.")] = DEFAULT,
) -> None:
    """Show what stands in a journal, running or not: sessions, readings, tail, checkpoints, sizes, its model."""
    from commands.journaling.inspection import of_session, of_whole
    from service.journal.snapshot import Snapshot

    with refusals(), Snapshot(path_of(journal)) as snapshot:
        if session is None:
            console.print(of_whole(snapshot))
            return
        head = snapshot.session(session, "" if tenant == DEFAULT else tenant)
        if head is None:
            whose = "" if tenant == DEFAULT else f" of the tenant {tenant!r}"
            refuse(f"there is no session {session!r}{whose} in {snapshot.path}; other tenants' are asked with --tenant")
        else:
            console.print(of_session(snapshot, head))


@journal.command()
def verify(journal: _Journal) -> None:
    """Hold every session, reading and checkpoint against its checksum, running or not; exit 1 where one is damaged."""
    from commands.journaling.verification import report

    with refusals():
        sound = report(path_of(journal))
    if not sound:
        raise typer.Exit(1)


@journal.command()
def backup(
    journal: _Journal,
    target: Annotated[Path, typer.Argument(help="The copy; nothing is overwritten.", show_default=False)],
) -> None:
    """Copy a journal as it stands at one moment, running or not, check the copy and see it to the disk."""
    from commands.journaling.verification import report
    from service.journal.copying import copy

    with refusals():
        path = path_of(journal)
        with bar("pages") as progress:
            task = progress.add_task("Copying", total=None)
            copy(path, target, lambda done, pages: progress.update(task, completed=done, total=pages))
        sound = report(target, alone=True)
    if not sound:
        console.print(f"The copy is kept, since what is sound in it can be read: {escape(str(target))}", soft_wrap=True)
        raise typer.Exit(1)
    said = f"[green]✓[/] Copied to [bold]{escape(str(target))}[/] ({in_bytes(size_of(target))})."
    console.print(said, highlight=False, soft_wrap=True)


@journal.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="What `gatecast journal backup` wrote.", show_default=False)],
    journal: Annotated[str, typer.Argument(help="Where it goes: sqlite:PATH, or the path alone.", show_default=False)],
) -> None:
    """Put a backup in a journal's place, once it has been checked; the old one is kept beside it under a dated name."""
    from commands.journaling.verification import report
    from service.journal.copying import put_in_place
    from service.journal.snapshot import at_rest

    with refusals():
        path = path_of(journal)
        if not report(backup, at_rest(backup)):
            refuse(f"{backup} is damaged and was not restored: take another backup")
        aside = dated(path, "before-restore")
        with bar("pages") as progress:
            task = progress.add_task("Restoring", total=None)
            tell = lambda done, pages: progress.update(task, completed=done, total=pages)  # noqa: E731
            there = put_in_place(backup, path, aside, tell)
    kept = f" The journal that was there is kept as {escape(str(aside))}." if there else ""
    console.print(f"[green]✓[/] Restored to [bold]{escape(str(path))}[/].{kept}", highlight=False, soft_wrap=True)
    console.print(
        "It may be behind its clients now: readings that were acknowledged after the backup are not in it. Clients of "
        "the library send again what is missing; others ask for the last step and go on from there.",
        soft_wrap=True,
    )


@journal.command()
def compact(
    journal: _Journal,
    keep_readings: Annotated[
        int | None,
        typer.Option(min=1, help="Let go of older readings than so many of each session, where a state allows it."),
    ] = None,
) -> None:
    """Fold the tail and give free pages back, while no service runs.

    With --keep-readings sessions are cut only as far as a saved state reaches, since no model is at hand to make one:
    at least so many readings stay, and all of them where no state lies before. The service itself keeps to a number.
    """
    from commands.journaling.compaction import compacted

    with refusals():
        done = compacted(path_of(journal), keep_readings)
    for line in done.lines():
        console.print(line, highlight=False, soft_wrap=True)


@journal.command()
def migrate(
    journal: _Journal,
    backup: Annotated[bool, typer.Option(help="Keep the journal as it is beside it.")] = True,
) -> None:
    """Bring a journal of an older format up to today's, while no service runs. A service does the same at its start."""
    from commands.journaling.migration import migrated

    with refusals():
        console.print(migrated(path_of(journal), backup), highlight=False, soft_wrap=True)


@journal.command("export-readings")
def export_readings(
    journal: _Journal,
    out: Annotated[Path, typer.Argument(help="The Parquet file; an older one is replaced.", show_default=False)],
    prefix: Annotated[str, typer.Option(help="Only sessions whose names begin so.")] = "",
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's sessions.", show_default=False)] = None,
    own_name: Annotated[
        bool, typer.Option("--own-name", help="Call the target as the journal's model does, instead of y.")
    ] = False,
) -> None:
    """Write all readings, running or not, as a table that `gatecast train` reads.

    Where there are sessions of tenants the table says whose each one is in a column `tenant`.
    """
    from commands.journaling.readings import Wish, export
    from datasets.table import DataError
    from service.journal.snapshot import Snapshot

    with refusals(), Snapshot(path_of(journal)) as snapshot:
        own = str(snapshot.meta.get("target", "y"))
        with bar("readings") as progress:
            task = progress.add_task("Exporting", total=None)
            try:
                wanted = Wish(prefix, tenant and ("" if tenant == DEFAULT else tenant))
                done = export(
                    snapshot, out, wanted, own if own_name else "y", lambda more: progress.advance(task, more)
                )
            except DataError as wrong:
                refuse(str(wrong), wrong)
                return
    if not done.readings:
        whose = f" of the tenant {tenant}" if tenant else ""
        refuse(f"there are no readings{whose} in {snapshot.path}" + (f" of sessions {prefix}…" if prefix else ""))
    if done.left_out:
        errors.print(
            f"[yellow]![/] {done.left_out:,} readings were left out: they lie at times that the clocks of "
            f"{done.columns.zone} skip",
            soft_wrap=True,
        )
    console.print(
        f"[green]✓[/] {done.readings:,} readings of {done.sessions:,} sessions in [bold]{escape(str(out))}[/]. "
        f"Next: [bold]gatecast train {escape(str(out))} --horizon …{escape(done.typed())}[/]",
        highlight=False,
        soft_wrap=True,
    )
    if not own_name and own != "y":
        console.print(
            f"A model that is to serve this journal has the target {escape(own)}: export with --own-name for it.",
            soft_wrap=True,
        )
