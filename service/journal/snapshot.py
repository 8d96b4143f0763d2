"""A journal's file as it stands at one moment, read beside whoever owns it: nothing is locked and nothing changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from service.errors import JournalError
from service.journal import batches
from service.journal.faults import sound
from service.journal.protocol import Head, Readings
from service.journal.schema import APPLICATION
from service.journal.segments import read_readings
from service.journal.sessions import COLUMNS, head_of
from service.journal.upgrade import FORMAT, FORMATS
from service.names import inside, outside, quoted, tenant_of

# What sessions of older formats have in the place of a column that was not there yet.
BEFORE = {"regime": "0", "first_step": "0", "ttl": "0", "seen": "0.0", "expired": "0", "parent": "''"}


class Snapshot:
    """Sessions and readings at the moment of opening, the tail among them; used with `with`.

    A service that writes meanwhile is not disturbed; only its log grows until the snapshot is closed. Any format that
    was ever written can be read.
    """

    def __init__(self, path: Path, alone: bool = False) -> None:
        """With `alone` nobody writes to the file as long as it is read, and nothing is left beside it.

        `JournalError` if it is no journal, `JournalDamaged` if it cannot be read.
        """
        if not path.is_file():
            workers = sorted(each.name for each in path.parent.glob(f"{path.stem}.*-of-*{path.suffix}"))
            advice = f"it is kept by workers, name one of {', '.join(workers)}" if workers else "check name and folder"
            raise JournalError(f"there is no journal {path}: {advice}")
        self.path = path
        with sound(path, "be read"):
            self.database = connected(path, alone)
            try:
                self.database.execute("BEGIN")
                self.meta = self._meta()
                there = {name for _, name, *_ in self.database.execute("PRAGMA table_info(sessions)")}
                tables = self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                self.tables = {name for (name,) in tables}
                names = [each if each in there else BEFORE.get(each, "NULL") for each in COLUMNS.split(", ")]
                self._columns = ", ".join(names)
                self.tail = self._tail()
            except BaseException:
                self.database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.close()

    @property
    def format(self) -> int:
        return int(self.meta["format"])

    @property
    def width(self) -> int:
        """Values of a reading."""
        return int(self.meta["width"])

    @property
    def segment_rows(self) -> int:
        return int(self.meta["segment_rows"])

    def count(self) -> int:
        """Sessions."""
        (found,) = self.database.execute("SELECT count(*) FROM sessions").fetchone()
        return int(found)

    def sessions(self, prefix: str = "", tenant: str | None = None) -> Iterator[Head]:
        """All sessions whose names begin so, as their clients know them, or those of one tenant alone.

        By tenant and name, as they stand; `JournalDamaged` names one that is damaged.
        """
        for name, row in self.rows():
            if outside(name).startswith(prefix) and tenant in (None, tenant_of(name)):
                with sound(self.path, "read its sessions"):
                    head = self.standing(self.head(row))
                yield head

    def rows(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        """The name and the columns of each session, as they are written."""
        found = self.database.execute(f"SELECT name, {self._columns} FROM sessions ORDER BY name")
        return ((name, row) for name, *row in found)

    def head(self, row: Sequence[object]) -> Head:
        """A session as it was folded, from its columns; `ValueError` if it is damaged."""
        return head_of(row, self.width, guarded=self.format > 1)

    def session(self, name: str, tenant: str = "") -> Head | None:
        """One session, as its client knows it, or None."""
        name = inside(tenant, name)
        with sound(self.path, "read its sessions"):
            found = self.database.execute(f"SELECT {self._columns} FROM sessions WHERE name = ?", (name,)).fetchone()
            return None if found is None else self.standing(self.head(found))

    def standing(self, folded: Head) -> Head:
        """A session with what waits of it; `ValueError` if that does not go on from what is folded."""
        steps, values = self.waiting(folded)
        if not len(steps):
            return folded
        if not np.array_equal(steps, np.arange(folded.last_step + 1, folded.last_step + 1 + len(steps))):
            raise ValueError(
                f"session {quoted(folded.name)}: what waits in the tail does not follow on from what is folded"
            )
        return replace(folded, last_step=int(steps[-1]), last_values=values[-1])

    def waiting(self, folded: Head) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Steps (n,) and values (n, width) of a session in the tail, from its row in the file."""
        if folded.expired:
            return np.empty(0, np.int64), np.empty((0, self.width))
        low, high = np.searchsorted(self.tail.keys, [folded.key, folded.key + 1])
        own = (self.tail.revisions[low:high] == folded.revision) & (self.tail.steps[low:high] > folded.last_step)
        return self.tail.steps[low:high][own], self.tail.values[low:high][own]

    def readings(self, head: Head) -> NDArray[np.float64]:
        """All readings that are kept of a session, (n, width); `JournalDamaged` if they are not all there."""
        with sound(self.path, f"read the readings of session {quoted(head.name)}"):
            (last,) = self.database.execute("SELECT last_step FROM sessions WHERE key = ?", (head.key,)).fetchone()
            steps, waiting = self.waiting(replace(head, last_step=last))
            if len(steps) != head.last_step - last:
                raise ValueError("what waits of it does not follow on from what is folded")
            if head.first_step > last:
                return waiting[head.first_step - last - 1 :]
            folded = read_readings(self.database, head.key, head.first_step, last, self.segment_rows, self.width)
            return np.concatenate((folded, waiting))

    def _meta(self) -> Mapping[str, int | str]:
        """`JournalError` where the file is no journal, or one of a newer format."""
        if self.database.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
            raise JournalError(f"{self.path} is no journal of Gatecast: name the file that --journal sqlite:PATH names")
        meta: dict[str, int | str] = dict(self.database.execute("SELECT name, value FROM meta"))
        if meta.get("format") not in FORMATS:
            raise JournalError(
                f"the journal {self.path} has format {meta.get('format')}, this version reads formats {FORMATS[0]} to "
                f"{FORMAT}: use the version of Gatecast that wrote it or a newer one"
            )
        return meta

    def _tail(self) -> Readings:
        """What waits to be folded, those of one session side by side in the order in which they came."""
        parts = [
            batches.decode(body, rows, self.width)
            for rows, body in self.database.execute("SELECT count, body FROM batches ORDER BY id")
        ]
        nothing = np.empty(0, np.int64)
        parts.insert(0, Readings(nothing, nothing, nothing, np.empty((0, self.width))))
        keys = np.concatenate([part.keys for part in parts])
        order = np.argsort(keys, kind="stable")
        return Readings(
            keys[order],
            np.concatenate([part.revisions for part in parts])[order],
            np.concatenate([part.steps for part in parts])[order],
            np.concatenate([part.values for part in parts])[order],
        )


def connected(path: Path, alone: bool = False) -> sqlite3.Connection:
    """A connection that can change nothing; see `Snapshot`."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if alone else ''}"
    return sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False)


def at_rest(path: Path) -> bool:
    """Whether a journal has nothing in a log beside it, as a backup has not."""
    return not path.with_name(path.name + "-wal").exists()
