"""A journal of an older format brought up to today's."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from commands.journaling.offline import opened
from commands.journaling.place import dated


def migrated(path: Path, backup: bool) -> str:
    """What was done, in words. The backup is made while nobody else can write."""
    from service.journal.copying import copy
    from service.journal.ownership import Ownership
    from service.journal.snapshot import Snapshot
    from service.journal.upgrade import FORMAT

    with Snapshot(path) as snapshot:
        before = snapshot.format
    if before == FORMAT:
        return f"[green]✓[/] {escape(str(path))} has format {FORMAT} already: there is nothing to do."
    kept = dated(path, f"format-{before}")
    if backup:
        owner = Ownership(path)
        try:
            copy(path, kept)
        finally:
            owner.release()
    opened(path).close()
    said = f" As it was it is kept as {escape(str(kept))}." if backup else ""
    return (
        f"[green]✓[/] {escape(str(path))} was of format {before} and is of format {FORMAT} now: readings and "
        f"checkpoints are as they were, older versions refuse it.{said}"
    )
