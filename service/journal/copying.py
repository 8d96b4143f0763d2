"""Whole journals copied: a backup beside a running service, and a journal put in the place of another one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from service.errors import JournalError
from service.journal.faults import explained
from service.journal.ownership import Ownership
from service.journal.snapshot import at_rest, connected

PAGES = 256  # copied at a time
BESIDE = ("-wal", "-shm")  # what SQLite keeps next to a database

Progress = Callable[[int, int], None]  # pages that are done, of how many


def copy(source: Path, target: Path, progress: Progress = lambda _, __: None, alone: bool = False) -> None:
    """Copies a journal as it stands at one moment, tail and all, durable on return.

    It may be in use: its owner is not disturbed, and what it records meanwhile is not in the copy; `alone`: it is not.
    `JournalError` if there is something at `target`, or it cannot be written.
    """
    part = target.with_name(target.name + ".part")
    for path in (target, part, *(target.with_name(target.name + end) for end in BESIDE)):
        if path.exists():
            raise JournalError(f"there is a file {path} already, and nothing is overwritten: name another one")
    try:
        part.touch()
        with (
            explained(source, "be copied"),
            closing(connected(source, alone)) as there,
            closing(sqlite3.connect(part)) as copied,
        ):
            there.execute("BEGIN")  # one moment, however long it takes
            there.execute("SELECT count(*) FROM sqlite_master").fetchone()
            there.backup(copied, pages=PAGES, progress=lambda _, left, pages: progress(pages - left, pages))
        sync(part)
        part.rename(target)
        sync(target.parent)
    except OSError as fault:
        raise JournalError(
            f"cannot write {target}: {fault.strerror}. Free space there, or name another place"
        ) from fault
    finally:
        for path in (part, *(part.with_name(part.name + end) for end in BESIDE)):
            path.unlink(missing_ok=True)


def put_in_place(backup: Path, journal: Path, aside: Path, progress: Progress = lambda _, __: None) -> bool:
    """Makes a copy of the backup the journal; one that is there is kept as `aside`. Returns whether there was one.

    At every moment there is either the old journal or the new one at its place. `JournalLocked` while a service owns
    it.
    """
    owner = Ownership(journal)
    new = journal.with_name(journal.name + ".restored")
    try:
        new.unlink(missing_ok=True)
        copy(backup, new, progress, at_rest(backup))
        there = journal.exists()
        if there:
            _close_log(journal, aside)
            os.link(journal, aside)
        new.replace(journal)
        sync(journal.parent)
        return there
    except OSError as fault:
        raise JournalError(
            f"cannot put {backup} in the place of {journal}: {fault.strerror} ({fault.filename})"
        ) from fault
    finally:
        new.unlink(missing_ok=True)
        owner.release()


def sync(path: Path) -> None:
    """Sees that a file, or what a folder lists, is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _close_log(journal: Path, aside: Path) -> None:
    """Brings the log of a journal into it, or moves it too: it would be taken for the new one's."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(journal, timeout=1.0)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for end in BESIDE:
        log = journal.with_name(journal.name + end)
        if log.exists():
            log.rename(aside.with_name(aside.name + end))
