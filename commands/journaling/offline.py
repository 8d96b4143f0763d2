"""A journal opened without its model, by what it keeps of it, as its one owner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.journal.sqlite import SqliteJournal


def opened(path: Path) -> SqliteJournal:
    """`JournalLocked` while a service owns it; brings it up to today's format."""
    from service.journal.snapshot import Snapshot
    from service.journal.sqlite import SqliteJournal
    from service.share import Share

    with Snapshot(path) as snapshot:
        width, frequency = snapshot.width, str(snapshot.meta["frequency"])
        share = Share.named(str(snapshot.meta.get("worker", Share())))
    return SqliteJournal(path, width, frequency, "disk", share=share)
