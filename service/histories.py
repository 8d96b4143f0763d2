"""Long windows, run chunk by chunk: those of requests, of new sessions, and of states that are rebuilt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.batching import padded
from service.budget import STEP_COST
from service.engine_settings import EngineSettings
from service.errors import GatecastError, InternalError
from service.events import Observer
from service.faults import again, faults_as
from service.padding import PaddedRuntime
from service.stepping import Stepper

Finished = Callable[[NDArray[np.float32], NDArray[np.float64]], None]  # state (state,), forecast (horizon, quantiles)


@dataclass(eq=False)
class Window:
    """A history on its way: the state after the first `at` of its readings, and what to do at the end."""

    values: NDArray[np.float64]  # (time, width)
    times: NDArray[np.int64]  # (time,)
    state: NDArray[np.float32]  # (state,), or with what is beside it: then it advances by step
    finished: Finished
    failed: Callable[[GatecastError], None]
    gone: Callable[[], bool]  # nobody wants it any more
    future: NDArray[np.float64] | None = None  # (horizon, known-future covariates), for the forecast at its end
    static: NDArray[np.float64] | None = None  # (static features,)
    at: int = 0
    came: int = 0  # the higher, the later it joined the line

    @property
    def left(self) -> int:
        return len(self.values) - self.at


class Histories:
    """Chunks of one length class run together; what is not done then goes to the end of the line.

    There is a line for each kind and each length class, so that a chunk costs the same however many windows wait.
    """

    def __init__(
        self,
        runtime: PaddedRuntime,
        stepper: Stepper,
        settings: EngineSettings,
        observer: Observer,
        note: Callable[[GatecastError], None],
        clock: Callable[[], float],
    ) -> None:
        self._runtime = runtime
        self._stepper = stepper
        self._chunk = settings.chunk
        self._together = settings.history_batch
        self._observer = observer
        self._note = note  # told of every failure
        self._clock = clock
        self._steps = max(1, settings.chunk // STEP_COST)  # of a chunk that advances by step
        self._lines: dict[tuple[int, int], deque[Window]] = {}
        self._came = 0

    def __bool__(self) -> bool:
        return any(self._lines.values())

    def add(self, window: Window) -> None:
        """Puts a window at the end of the line; it must have readings."""
        self._came += 1
        window.came = self._came
        line = len(window.state), padded(min(window.left, self.chunk_of(self._by_step(window))))
        self._lines.setdefault(line, deque()).append(window)

    def abandon(self, error: GatecastError) -> None:
        """Nothing will be run any more: all windows end with this error."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            for window in line:
                window.failed(again(error))

    def run_chunk(self) -> bool:
        """Runs one chunk of as many windows as go together with the first; False if there is none."""
        picked = self._pick()
        if not picked:
            return False
        began = self._clock()
        by_step = self._by_step(picked[0])
        chunk, run = self.chunk_of(by_step), self._stepper.windows if by_step else self._runtime.windows
        cuts = [slice(window.at, window.at + chunk) for window in picked]
        values = [window.values[cut] for window, cut in zip(picked, cuts, strict=True)]
        times = [window.times[cut] for window, cut in zip(picked, cuts, strict=True)]
        try:
            with faults_as(InternalError, "the engine could not run this history; send it again"):
                states = np.stack([window.state for window in picked])
                futures = [window.future if window.left <= chunk else None for window in picked]
                statics = [window.static for window in picked]
                forecasts, states = run(values, times, states, futures, statics)
        except GatecastError as error:
            self._note(error)
            for window in picked:
                window.failed(again(error))
            return True
        for window, some, forecast, state in zip(picked, values, forecasts, states, strict=True):
            window.at += len(some)
            window.state = state
            if window.left:
                self.add(window)
            else:
                self._finish(window, forecast)
        self._observer.chunk(len(picked), sum(map(len, values)), self._clock() - began)
        return True

    def _by_step(self, window: Window) -> bool:
        return len(window.state) > len(self._runtime.initial)

    def chunk_of(self, by_step: bool) -> int:
        return self._steps if by_step else self._chunk

    def _finish(self, window: Window, forecast: NDArray[np.float64]) -> None:
        try:
            with faults_as(InternalError, "a history that was run could not be answered"):
                window.finished(window.state, forecast)
        except GatecastError as error:
            self._note(error)
            window.failed(error)

    def _pick(self) -> list[Window]:
        """Takes the window that has waited longest, and those behind it in its line, out of the line."""
        for line in self._lines.values():
            while line and line[0].gone():
                line.popleft()
        waiting = [line for line in self._lines.values() if line]
        picked: list[Window] = []
        if waiting:
            line = min(waiting, key=lambda line: line[0].came)
            while line and len(picked) < self._together:
                window = line.popleft()
                if not window.gone():
                    picked.append(window)
        return picked
