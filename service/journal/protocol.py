"""What every journal promises: the words it is spoken to in (head, readings, checkpoint) and its operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Static = Mapping[str, float]  # features that never change in a series, by name; NaN where unknown
Durable = Literal["none", "process", "disk"]  # survives nothing, kill -9, loss of power

FIRST_REVISION = 1
NO_READING = -1  # the last step of a session that has none


@dataclass(frozen=True, eq=False)
class Head:
    """A session's place in its series. `key` is never used again for another session."""

    key: int
    name: str
    start: int  # time of step 0: seconds of the series' own clock, or a count
    revision: int
    last_step: int  # NO_READING: none yet
    last_values: NDArray[np.float64]  # (width,), NaN where missing and where there is no reading
    origin: str  # sha256 of what created it, so that the same PUT again can be told from another
    static: Static = field(default_factory=dict)
    regime: bool = False  # whether its gates are watched
    first_step: int = 0  # of its oldest kept reading; those before were let go of (`retain`)
    ttl: int = 0  # seconds without a reading after which it expires; 0: never
    seen: float = 0.0  # when its last reading came, or it was made: seconds since 1970, to about a minute
    expired: bool = False  # only where it stood is left
    parent: str = ""  # the session that it is a fork of, and what that one is of (lineage.py)
    exports: tuple[Export, ...] = ()  # the copies that were handed out, oldest first
    calibrate: bool = False  # whether its bands are calibrated
    quality: bool = False  # whether its forecasts are scored


@dataclass(frozen=True)
class Export:
    """A copy of a session that left the service; what erases the session tells of it."""

    at: int  # seconds since 1970
    step: int  # the last one in it
    digest: str  # sha256 of the file


@dataclass(frozen=True, eq=False)
class Readings:
    """A batch by columns. Several rows of one session may be in it, in ascending steps."""

    keys: NDArray[np.int64]  # (rows,)
    revisions: NDArray[np.int64]  # (rows,)
    steps: NDArray[np.int64]  # (rows,)
    values: NDArray[np.float64]  # (rows, width)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A session's whole row after its reading `step`; only a cache: a replay makes it again.

    It is [model | calibration | quality | monitor]; one that is not calibrated, scored or watched lacks that.
    """

    step: int
    revision: int
    digest: str  # of the bundle that made it; no other bundle can use it
    body: NDArray[np.float32]  # (numbers,)


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a session starts from."""

    name: str
    start: int
    origin: str
    values: NDArray[np.float64]  # (n, width), its steps 0 … n-1
    static: Static = field(default_factory=dict)
    regime: bool = False
    ttl: int = 0
    revision: int = 0  # of the session that it takes the place of; 0: whatever it has. Asked by `replace_all` alone
    key: int = 0  # of that session; 0: of whichever has the name
    parent: str = ""
    calibrate: bool = False
    quality: bool = False


@dataclass(frozen=True, eq=False)
class Kept:
    """All that a journal keeps of a session: what it can be made again from, here or elsewhere."""

    start: int
    origin: str
    static: Static
    regime: bool
    ttl: int
    first_step: int
    values: NDArray[np.float64]  # (n, width), its steps from `first_step` on
    checkpoints: tuple[Checkpoint, ...]  # of any bundles, in no order; those of step `first_step - 1` are its bases
    parent: str = ""
    calibrate: bool = False
    quality: bool = False

    def beginning(self, name: str) -> Beginning:
        """Of a session that is made of it."""
        told = self.start, self.origin, self.values, self.static, self.regime, self.ttl
        return Beginning(name, *told, calibrate=self.calibrate, quality=self.quality)


@dataclass(frozen=True, eq=False)
class Release:
    """What a session is to let go of; see `Journal.retain`."""

    key: int
    revision: int
    first: int  # the oldest reading that stays
    bases: Sequence[Checkpoint]


@dataclass(frozen=True)
class Wanted:
    """Which sessions a listing shall have, in the order of their names (by code points)."""

    prefix: str = ""
    after: str = ""  # only names that come after this one
    limit: int = 100
    parent: str | None = None  # forks of this session; "": what is no fork
    ancestor: str | None = None  # and forks of those
    expired: bool | None = None  # only those that are, or are not
    idle_since: float | None = None  # seen before this time


class Journal(Protocol):
    """Keeps every reading and the latest states. Used from one thread; only `fold` may be called from another.

    Every operation on one session holds wholly or not at all. One that fails ends in `JournalError` (storage) with
    what to do, and leaves the journal as it was; where that is elsewhere, one whose answer was lost may have been done
    all the same, and `head` tells.
    """

    durable: Durable  # what a reading survives once `append` has returned
    shared: bool  # whether other processes move its sessions too: what one remembers of them may be out of date

    def create(self, begun: Beginning, checkpoint: Checkpoint | None = None) -> Head:
        """A new session whose steps 0 … n-1 have the values of its beginning; `SessionExists` if there is one.

        The checkpoint becomes one of the new session, whatever its revision says. What is static stays with the
        session, number by number, until it is replaced or deleted, as do `regime`, `calibrate`, `quality` and `ttl`. A
        session that has expired is one still: it can be replaced.
        """

    def replace(self, begun: Beginning, checkpoint: Checkpoint | None = None) -> Head:
        """The session starts anew under the next revision; its readings and checkpoints are dropped.

        `UnknownSession` if there is none.
        """

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head | None]:
        """As `replace` without a checkpoint, for several sessions, each named once.

        None, and nothing is done, where there is (any more) no session of the key and revision in its beginning. A
        journal in one place replaces the others all together; one in several may fail after some.
        """

    def head(self, name: str) -> Head | None:
        """Where the session stands, or None."""

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        """As `head`, for several sessions at once."""

    def names(self) -> list[str]:
        """The names of all sessions, in no order, of those that have expired too."""

    def count(self, prefix: str = "", without: str = "") -> int:
        """How many sessions begin with `prefix`, expired ones too; with `without`, those alone that do not hold it."""

    def listing(self, wanted: Wanted) -> list[Head]:
        """The sessions that are wanted, by name; go on `after` the last one."""

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        """Records readings, durable on return; (rows,) bool: whether each followed its session's (revision, step).

        Nothing is written of a row that does not follow, nor of later ones of its session, nor behind an expired one.
        """

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        """The newest sound checkpoint and all readings after it, (n, width); all that are kept where there is none.

        With `digest`, only checkpoints of that bundle count; with `until`, what is later than that step does not
        count at all; with `most`, only so many readings are fetched, the first ones. Bases (`retain`) count as
        checkpoints; `JournalDamaged` where there would be none and a base is damaged, of which the session must not be
        taken to have none. `UnknownSession` if the key is no session's (any more).
        """

    def states(self, keys: NDArray[np.int64], digest: str) -> list[NDArray[np.float32] | None]:
        """The states (state,) of sessions whose last reading has a sound checkpoint of that bundle; else None.

        What `load` would find for each of them, without readings that follow.
        """

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        """The readings of steps `first` to `last`, both included, as far as they exist and are kept: (n, width)."""

    def save(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> None:
        """Keeps the newest checkpoint of each session and the one before; passed over are those of sessions that were
        deleted or have expired, of another revision, or of a step that is not recorded or lies before the bases.
        """

    def revise(
        self,
        key: int,
        revision: int,
        last_step: int,
        first: int,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
    ) -> Head:
        """From step `first` on the session's readings are now `values` (n, width), under the next revision.

        So readings are corrected, added behind, or (n = 0) taken back; `first` is at most one beyond the last step.
        Checkpoints from step `first` on are dropped, those before stay and are of the new revision. The checkpoint
        that is given becomes one of the session, whatever its revision says.

        `SessionExpired`, `StaleSession` unless the session stands at just this revision and last step, `HistoryGone` if
        `first` lies before the oldest kept reading. A session that has let go of readings keeps at least one.
        """

    def retain(self, key: int, revision: int, first: int, bases: Sequence[Checkpoint]) -> bool:
        """Lets go of the readings before step `first`, of which at least the last one stays: `first` <= last step.

        `bases` are states after step `first - 1`, at most one of each bundle, from which the rest can be replayed; they
        take the place of those that were there, and newer checkpoints never push them out. Checkpoints of steps before
        `first` are dropped. With `first` as it is, only the bases change. False, and nothing is done, if the session
        has another revision, has let go of more, or has expired. `UnknownSession`.
        """

    def retain_all(self, releases: Sequence[Release]) -> list[bool]:
        """As `retain`, for several sessions, each named once; False too for those that were deleted.

        A journal in one place does it for all or, where it fails, for none; one in several may fail after some.
        """

    def kept(self, key: int) -> Kept:
        """All that is kept of a session, without checkpoints that are damaged; `UnknownSession`.

        `JournalDamaged` if a base is.
        """

    def put(self, name: str, kept: Kept, replace: bool = False) -> Head:
        """A session made of what was kept of this or another one. Its checkpoints become those of the new session.

        `SessionExists` if there is one, unless it is to be replaced; one that is not there is made all the same.
        """

    def exported(self, key: int, export: Export) -> None:
        """Notes that a copy was handed out; `UnknownSession`. Replaced sessions keep their notes."""

    def expire(self, now: float, limit: int) -> list[Head]:
        """Lets sessions expire whose time without a reading is over, at most `limit`; returns them as they are now.

        Their readings and checkpoints are dropped and their revision rises; where they stood, and that they expired,
        is kept until they are replaced or deleted.
        """

    def size(self) -> int:
        """Bytes that it takes where it is kept: its files, or memory."""

    def fold(self, limit: int) -> int:
        """Moves up to `limit` readings from the tail, where batches land, to their sessions; returns how many are left.

        Appends wait while it runs, so let `limit` be what one may wait for.
        """

    def delete(self, name: str) -> None:
        """Forgets the session with its readings and checkpoints; `UnknownSession` if there is none."""

    def renewed(self) -> bool:
        """Whether another server has taken over since this was last asked: sessions may have another past there.

        One that takes over before anybody asked fails the operation that meets it, undone. `JournalError`.
        """

    def close(self) -> None:
        """Lets go of the storage; calling it twice does no harm."""
