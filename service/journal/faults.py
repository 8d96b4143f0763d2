"""SQLite's faults as errors that say what to do, and transactions that hold wholly or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from service.errors import JournalDamaged, JournalError

DAMAGED = "Restore it from a backup, or move it away and its -wal file too, to begin an empty one"

ADVICE = {
    sqlite3.SQLITE_FULL: "The disk is full: free space on it",
    sqlite3.SQLITE_READONLY: "The file or its disk cannot be written to: give the service's user the right to write",
    sqlite3.SQLITE_PERM: "Give the service's user the right to read and write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "Give a path to a file in a folder that the service's user may write to",
    sqlite3.SQLITE_IOERR: "Reading or writing failed: check the disk's health, free space, quotas and limits",
    sqlite3.SQLITE_BUSY: "Another program holds it: close whatever else has the file open",
    sqlite3.SQLITE_CORRUPT: f"The file is damaged. {DAMAGED}",
    sqlite3.SQLITE_NOTADB: f"The file is no journal, or it is damaged. {DAMAGED}",
}
SPOILT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def damaged(path: Path, what: str) -> JournalDamaged:
    """The error for content that cannot be what this program wrote."""
    return JournalDamaged(f"the journal {path} is damaged: {what}. {DAMAGED}")


class explained:  # noqa: N801 (used as a function; a class, since every append passes through it)
    """Turns an error of SQLite into a `JournalError`: what was being done, what SQLite says, what to do."""

    __slots__ = ("_doing", "_path")

    def __init__(self, path: Path, doing: str) -> None:
        self._path = path
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(fault, sqlite3.Error):
            return
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF  # an extended code has its family in the low byte
        advice = ADVICE.get(code, "Open the journal again; if it happens again, check the disk")
        error = JournalDamaged if code in SPOILT else JournalError
        raise error(f"the journal {self._path} could not {self._doing}: {fault}. {advice}") from fault


@contextmanager
def sound(path: Path, doing: str) -> Iterator[None]:
    """As `explained`, for reading: content that cannot even be taken apart is damage too."""
    with explained(path, doing):
        try:
            yield
        except (TypeError, ValueError, OverflowError) as wrong:
            raise damaged(path, f"it could not {doing}: {wrong}") from wrong


@contextmanager
def transaction(database: sqlite3.Connection, path: Path, doing: str) -> Iterator[None]:
    """Commits what the block wrote, or undoes it when the block or the commit fails."""
    with explained(path, doing):
        database.execute("BEGIN IMMEDIATE")
        try:
            yield
            database.execute("COMMIT")
        finally:
            if database.in_transaction:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    database.execute("ROLLBACK")
