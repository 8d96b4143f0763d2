"""The gates of sessions' last readings, found again without advancing anything."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.errors import GatecastError, NoReadings
from service.faults import again
from service.frames import SessionView
from service.histories import Histories, Window
from service.padding import PaddedRuntime
from service.pasts import Replay
from service.registry import Registry
from service.replays import Replays
from service.replies import Caller, Replies
from service.waiting import WaitingRoom

Answer = tuple[SessionView, NDArray[np.float32]]
Reading = tuple[int, int, int]  # key and revision of a session, and a step


@dataclass(frozen=True, eq=False)
class Return:
    """A way back to one reading that is being gone, and all who wait for its end."""

    reading: Reading
    view: SessionView
    steps: int
    callers: list[Caller]


@dataclass(frozen=True)
class Shown:
    """Begins at the newest checkpoint before the last reading; what lies between is replayed beside the stream.

    Those who ask for one reading go there together, and how much waits to be replayed is bounded by `room`.
    """

    runtime: PaddedRuntime
    registry: Registry
    replays: Replays
    histories: Histories
    replies: Replies
    room: WaitingRoom
    long: int  # readings of a replay whose end is worth a checkpoint: the next who asks begins there
    _returns: dict[Reading, Return] = field(default_factory=dict)

    def find(self, caller: Caller, name: str) -> Answer | None:
        """Where the session stands and the gates (gates,) of its last reading; None: the caller is answered later.

        `UnknownSession`, `NoReadings`, `StateLost`, `Overloaded`.
        """
        row, table = self.registry.row(name), self.registry.table
        last = int(table.last_step[row])
        if last < 0:
            raise NoReadings("this session has no reading yet, and gates are those of a reading; send one")
        reading = int(table.key[row]), int(table.revision[row]), last
        if (known := self._returns.get(reading)) is not None:
            known.callers.append(caller)
            return None
        view, replay = self.registry.view(row), self.replays.pasts.load(row, last - 1)
        came = table.last_values[row : row + 1].copy(), np.array([view.last_time], np.int64)
        if not len(replay.values):
            return view, self._gates(replay, replay.state, *came)
        self.room.take_steps(len(replay.values))
        self._go(Return(reading, view, len(replay.values), [caller]), replay, *came)
        return None

    def _go(self, back: Return, replay: Replay, values: NDArray[np.float64], times: NDArray[np.int64]) -> None:
        """Replays beside the stream what lies before the reading (1, width) at (1,)."""
        self._returns[back.reading] = back

        def finished(state: NDArray[np.float32], _: NDArray[np.float64]) -> None:
            gates = self._gates(replay, state, values, times)
            for caller in self._end(back):
                self.replies.answer(caller, (back.view, gates))
            if back.steps > self.long:
                key, revision, last = back.reading
                self.registry.checkpoints.add(key, revision, last - 1, state)

        def failed(error: GatecastError) -> None:
            for caller in self._end(back):
                self.replies.answer(caller, again(error))

        def gone() -> bool:
            nobody = all(caller.gone for caller in back.callers)
            if nobody:
                self._end(back)
            return nobody

        self.histories.add(
            Window(replay.values, replay.times, replay.state, finished, failed, gone, static=replay.static)
        )

    def _end(self, back: Return) -> list[Caller]:
        """Those who wait for it; nobody if it has ended before."""
        if self._returns.pop(back.reading, None) is None:
            return []
        self.room.give_steps(back.steps)
        return back.callers

    def _gates(
        self, replay: Replay, state: NDArray[np.float32], values: NDArray[np.float64], times: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Of one reading (1, width) at (1,) from a state (state,)."""
        arena, one = self.runtime.runtime.arena(2), np.ones(1, np.int64)
        arena.write(one, state[None, : len(self.runtime.initial)])
        static = None if replay.static is None else replay.static[None]
        missing = np.full_like(values, np.nan)  # as in a batch, the last row is padding's
        padded_values, padded_times = np.concatenate([values, missing]), np.append(times, 0)
        gates = self.runtime.step_with_gates(
            arena, one, np.zeros(1, np.int64), padded_values, padded_times, None, static
        )
        row: NDArray[np.float32] = gates[2][0]
        return row
