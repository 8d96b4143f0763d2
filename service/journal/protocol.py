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


@dataclass(frozen=True, eq=False)
class Readings:
    """A batch by columns. Several rows of one session may be in it, in ascending steps."""

    keys: NDArray[np.int64]  # (rows,)
    revisions: NDArray[np.int64]  # (rows,)
    steps: NDArray[np.int64]  # (rows,)
    values: NDArray[np.float64]  # (rows, width)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A session's row [model | monitor] after its reading `step`; only a cache, since a replay makes it again.

    Sessions whose gates are not watched have no monitor: their row is the model's state alone.
    """

    step: int
    revision: int
    digest: str  # of the bundle that made it; no other bundle can use it
    body: NDArray[np.float32]  # (state,) or (state + monitor,)


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a session starts from."""

    name: str
    start: int
    origin: str
    values: NDArray[np.float64]  # (n, width), its steps 0 … n-1
    static: Static = field(default_factory=dict)
    regime: bool = False


class Journal(Protocol):
    """Keeps every reading and the latest states. Used from one thread; only `fold` may be called from another.

    Every operation holds wholly or not at all. One that fails ends in `JournalError` (storage) with what to do, and
    leaves the journal as it was.
    """

    durable: Durable  # what a reading survives once `append` has returned

    def create(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
    ) -> Head:
        """A new session whose steps 0 … n-1 have `values` (n, width), n may be 0; `SessionExists` if there is one.

        The checkpoint becomes one of the new session, whatever its revision says. What is static stays with the
        session, number by number, until it is replaced or deleted, as does `regime`.
        """

    def replace(
        self,
        name: str,
        start: int,
        origin: str,
        values: NDArray[np.float64],
        checkpoint: Checkpoint | None = None,
        static: Static | None = None,
        regime: bool = False,
    ) -> Head:
        """The session starts anew under the next revision; its readings and checkpoints are dropped.

        `UnknownSession` if there is none.
        """

    def replace_all(self, beginnings: Sequence[Beginning]) -> list[Head]:
        """As `replace` without a checkpoint, for several sessions, each named once: all of them or none."""

    def head(self, name: str) -> Head | None:
        """Where the session stands, or None."""

    def heads(self, names: Sequence[str]) -> list[Head | None]:
        """As `head`, for several sessions at once."""

    def names(self) -> list[str]:
        """The names of all sessions, in no order."""

    def count(self) -> int:
        """How many sessions there are."""

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        """Records readings, durable on return; (rows,) bool: whether each followed its session's (revision, step).

        Nothing is written of a row that does not follow, nor of later rows of its session.
        """

    def load(
        self, key: int, digest: str | None = None, until: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        """The newest sound checkpoint and all readings after it, (n, width); from step 0 where there is none.

        With `digest`, only checkpoints of that bundle count; with `until`, what is later than that step does not
        count at all. `UnknownSession` if the key is no session's (any more).
        """

    def states(self, keys: NDArray[np.int64], digest: str) -> list[NDArray[np.float32] | None]:
        """The states (state,) of sessions whose last reading has a sound checkpoint of that bundle; else None.

        What `load` would find for each of them, without readings that follow.
        """

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        """The readings of steps `first` to `last`, both included, as far as they exist: (n, width)."""

    def save(self, keys: NDArray[np.int64], checkpoints: Sequence[Checkpoint]) -> None:
        """Keeps the newest checkpoint of each session and the one before.

        Those of deleted sessions, of another revision or of a step not recorded are passed over.
        """

    def fold(self, limit: int) -> int:
        """Moves up to `limit` readings from the tail, where batches land, to their sessions.

        Returns how many are left. Appends wait while it runs, so let `limit` be what one may wait for.
        """

    def delete(self, name: str) -> None:
        """Forgets the session with its readings and checkpoints; `UnknownSession` if there is none."""

    def close(self) -> None:
        """Lets go of the storage; calling it twice does no harm."""
