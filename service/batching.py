"""Which readings run together: pieces of frames into batches, sessions into turns, turns into runs of one shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import GatecastError
from service.frame_queue import Piece
from service.frames import LARGEST_TIME
from service.futures import Futures

PADDING = -1  # the position of a reading that is none: the last row of a batch, all missing


def padded(count: int) -> int:
    """The power of two that `count` is padded to, at least 1."""
    return 1 << max(0, count - 1).bit_length()


@dataclass(frozen=True, eq=False)
class Batch:
    """The readings of some pieces in one set of columns; `values` has one more row, all missing, for padding."""

    pieces: list[Piece]
    sessions: list[str]
    steps: NDArray[np.int64]  # (readings,)
    times: NDArray[np.int64]  # (readings,)
    values: NDArray[np.float64]  # (readings + 1, width)
    errors: list[GatecastError | None]  # those found before the queue
    futures: Futures | None  # None: the model takes none
    gated: NDArray[np.bool_] | None  # (readings,) whose frame asks for gates; None: none does
    every: NDArray[np.int64] | None  # (readings,) see `Observations.every`; None: every forecast is wanted
    since: NDArray[np.int64] | None  # (readings,) see `Frame.since`; None: nothing of these frames was taken before
    fills: NDArray[np.bool_] | None  # (readings,) see `Frame.fills`; None: no frame asks
    told: bool = False  # whether a frame asks how good forecasts are

    @classmethod
    def of(cls, pieces: list[Piece]) -> Batch:
        """Copies of the pieces' columns, one after the other."""
        cuts = [(piece.frame.observations, slice(piece.first, piece.stop)) for piece in pieces]
        sessions = [name for frame, cut in cuts for name in frame.sessions[cut]]
        missing = np.full((1, cuts[0][0].values.shape[1]), np.nan)
        errors: list[GatecastError | None] = [None] * len(sessions)
        before = 0
        for piece in pieces:
            for index, error in piece.frame.wrong.items():
                if piece.first <= index < piece.stop:
                    errors[before + index - piece.first] = error
            before += piece.stop - piece.first
        gated = every = since = None
        if any(frame.gates or frame.every != 1 for frame, _ in cuts):
            counts = [cut.stop - cut.start for _, cut in cuts]
            gated = np.repeat([frame.gates for frame, _ in cuts], counts) if any(f.gates for f, _ in cuts) else None
            every = np.repeat([frame.every for frame, _ in cuts], counts)
            before = 0
            for piece, count in zip(pieces, counts, strict=True):
                taken = piece.frame.since(piece.first, piece.stop) if piece.frame.observations.every > 1 else None
                if taken is not None:
                    since = np.full(len(sessions), LARGEST_TIME) if since is None else since
                    since[before : before + count] = taken
                before += count
        fills = None
        if any(frame.fill for frame, _ in cuts):
            fills = np.concatenate([piece.frame.fills(piece.first, piece.stop) for piece in pieces])
        futures = [frame.futures.cut(cut) for frame, cut in cuts if frame.futures is not None]
        return cls(
            pieces,
            sessions,
            np.concatenate([frame.steps[cut] for frame, cut in cuts]),
            np.concatenate([frame.times[cut] for frame, cut in cuts]),
            np.concatenate([*(frame.values[cut] for frame, cut in cuts), missing]),
            errors,
            Futures.join(futures),
            gated,
            every,
            since,
            fills,
            any(frame.quality for frame, _ in cuts),
        )

    def __len__(self) -> int:
        return len(self.sessions)

    def only(self, items: NDArray[np.int64]) -> Batch:
        """Some of its readings, of no pieces: who sent them is answered by the whole batch."""
        chosen = items.tolist()
        return Batch(
            [],
            [self.sessions[at] for at in chosen],
            self.steps[items],
            self.times[items],
            self.values[[*chosen, PADDING]],
            [self.errors[at] for at in chosen],
            None if self.futures is None else self.futures.cut(chosen),
            None if self.gated is None else self.gated[items],
            None if self.every is None else self.every[items],
            None if self.since is None else self.since[items],
            None,  # gaps are filled in frames, and these readings are of none
            self.told,
        )


@dataclass(frozen=True, eq=False)
class Turns:
    """One turn a session: the readings it takes in this batch, one short sequence."""

    rows: NDArray[np.int64]  # (turns,) of the session table
    lengths: NDArray[np.int64]  # (turns,) new readings; 0: the forecast again, nothing advances
    offsets: NDArray[np.int64]  # (turns,) where its readings begin in `readings`
    readings: NDArray[np.int64]  # (accepted,) positions in the batch, turn by turn, in ascending steps
    newest: NDArray[np.int64]  # (turns,) position in the batch of the observation that gets the forecast

    def __len__(self) -> int:
        return len(self.rows)

    def keep(self, kept: NDArray[np.bool_]) -> Turns:
        """The turns where `kept` is true."""
        if kept.all():
            return self
        lengths = self.lengths[kept]
        readings = self.readings[np.repeat(kept, self.lengths)]
        return Turns(self.rows[kept], lengths, np.cumsum(lengths) - lengths, readings, self.newest[kept])

    def moved_to(self, rows: NDArray[np.int64]) -> Turns:
        """The same turns, of sessions that stand in other `rows` (turns,) elsewhere."""
        return Turns(rows, self.lengths, self.offsets, self.readings, self.newest)

    @property
    def last(self) -> NDArray[np.int64]:
        """Position in the batch of each turn's last reading; meaningless where its length is 0."""
        return _take(self.readings, self.offsets + self.lengths - 1)

    def without_last(self) -> Turns:
        """The same turns, each but for its last reading."""
        lengths = self.lengths - 1
        kept = np.ones(len(self.readings), np.bool_)
        kept[self.offsets + lengths] = False
        return Turns(self.rows, lengths, np.cumsum(lengths) - lengths, self.readings[kept], self.newest)

    def groups(self) -> Iterator[tuple[NDArray[np.bool_], int]]:
        """Turns that run together, as a mask, and their width: 0 for single steps, else a power of two."""
        single = self.lengths == 1
        if single.any():
            yield single, 0
        if single.all():
            return
        widths = 1 << np.frexp(np.maximum(self.lengths - 1, 0))[1].astype(np.int64)  # as `padded`
        for width in np.unique(widths[~single]).tolist():
            yield ~single & (widths == width), width

    def positions(self, width: int) -> NDArray[np.int64]:
        """Positions in the batch of each turn's readings, (turns, width), PADDING beyond its length."""
        along = np.arange(width)
        where = self.offsets[:, None] + along
        return np.where(along < self.lengths[:, None], _take(self.readings, where), PADDING)  # (turns, width)


def _take(readings: NDArray[np.int64], where: NDArray[np.int64]) -> NDArray[np.int64]:
    return readings.take(where, mode="clip") if len(readings) else np.full(where.shape, PADDING)
