"""A journal made as small as it can be while no service has it open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from commands.journaling.offline import opened
from commands.journaling.place import bar, in_bytes, size_of

if TYPE_CHECKING:
    from service.journal import Head
    from service.journal.sqlite import SqliteJournal

_AT_ONCE = 1000  # sessions


@dataclass
class Compacted:
    """What was done."""

    path: Path
    before: int = 0  # bytes
    after: int = 0
    folded: int = 0  # readings
    keep: int | None = None
    cut: int = 0  # sessions that let go of readings
    let_go: int = 0  # readings
    whole: int = 0  # sessions with more readings than were to be kept, and no state to cut them at

    def lines(self) -> Iterator[str]:
        """What is said of it."""
        yield f"[green]✓[/] {escape(str(self.path))}: {in_bytes(self.before)} before, {in_bytes(self.after)} now."
        yield f"{self.folded:,} readings of the tail were folded."
        if self.keep is not None:
            yield f"{self.cut:,} sessions let go of {self.let_go:,} readings; at least {self.keep:,} of each stay."
        if self.whole:
            yield (
                f"{self.whole:,} sessions with more than that stay whole: no saved state lies before the readings "
                "that are to stay, and a model is needed to make one. The service does it while it runs."
            )


def compacted(path: Path, keep: int | None) -> Compacted:
    """Folds, lets go of readings where that was asked, and writes the file anew without free pages."""
    done = Compacted(path, size_of(path), keep=keep)
    journal = opened(path)
    try:
        done.folded = journal.fold(0)
        while journal.fold(2**18):
            pass
        if keep is not None:
            _let_go(journal, keep, done)
        with bar("") as progress:
            progress.add_task("Writing the file anew", total=None)
            journal.compact()
    finally:
        journal.close()
    done.after = size_of(path)
    return done


def _let_go(journal: SqliteJournal, keep: int, done: Compacted) -> None:
    from service.journal import Wanted

    with bar("sessions") as progress:
        task = progress.add_task("Letting go of readings", total=journal.count())
        after = ""
        while heads := journal.listing(Wanted(after=after, limit=_AT_ONCE)):
            for head in heads:
                _cut(journal, head, keep, done)
            progress.advance(task, len(heads))
            after = heads[-1].name


def _cut(journal: SqliteJournal, head: Head, keep: int, done: Compacted) -> None:
    """Up to the newest state from which at least so many readings follow."""
    if head.expired or head.last_step - head.first_step + 1 <= keep:
        return
    state, _ = journal.load(head.key, None, head.last_step - keep)
    if state is None or state.step < head.first_step:
        done.whole += 1
        return
    if journal.retain(head.key, head.revision, state.step + 1, [state]):
        done.cut += 1
        done.let_go += state.step + 1 - head.first_step
