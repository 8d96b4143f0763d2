"""The gates of sessions' last readings, found again without advancing anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import GatecastError, NoReadings
from service.frames import SessionView
from service.histories import Histories, Window
from service.padding import PaddedRuntime
from service.registry import Registry
from service.replays import Replay, Replays
from service.replies import Caller, Replies

Answer = tuple[SessionView, NDArray[np.float32]]


@dataclass(frozen=True)
class Shown:
    """Begins at the newest checkpoint before the last reading; what lies between is replayed beside the stream."""

    runtime: PaddedRuntime
    registry: Registry
    replays: Replays
    histories: Histories
    replies: Replies
    long: int  # readings of a replay whose end is worth a checkpoint: the next who asks begins there

    def find(self, caller: Caller, name: str) -> Answer | None:
        """Where the session stands and the gates (gates,) of its last reading; None: the caller is answered later.

        `UnknownSession`, `NoReadings`, `StateLost`.
        """
        row = self.registry.row(name)
        last = int(self.registry.table.last_step[row])
        if last < 0:
            raise NoReadings("this session has no reading yet, and gates are those of a reading; send one")
        view, replay = self.registry.view(row), self.replays.load(row, last - 1)
        reading = self.registry.table.last_values[row : row + 1].copy(), np.array([view.last_time], np.int64)
        if not len(replay.values):
            return view, self._gates(replay, replay.state, *reading)

        def finished(state: NDArray[np.float32], _: NDArray[np.float64]) -> None:
            self.replies.answer(caller, (view, self._gates(replay, state, *reading)))
            if len(replay.values) > self.long:
                self.registry.checkpoints.add(*replay.session, last - 1, state)

        def failed(error: GatecastError) -> None:
            self.replies.answer(caller, error)

        window = Window(
            replay.values, replay.times, replay.state, finished, failed, lambda: caller.gone, static=replay.static
        )
        self.histories.add(window)
        return None

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
