"""Forecasts of histories that no session keeps: each is a session of one request, its state thrown away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.errors import GatecastError, NonFiniteForecast
from service.frames import History
from service.histories import Histories, Window
from service.replies import Caller, Replies


class Prediction:
    """One request: answered when the last of its histories is done, or with the first error."""

    def __init__(self, caller: Caller, forecasts: NDArray[np.float64], replies: Replies) -> None:
        self._caller = caller
        self._forecasts = forecasts  # (histories, horizon, quantiles), filled as they come
        self._left = len(forecasts)
        self._failed = False
        self._replies = replies

    def begin(self, histories: Sequence[History], initial: NDArray[np.float32], line: Histories) -> None:
        """Puts each history at the end of the line, beginning with the initial row (state,)."""
        for index, history in enumerate(histories):
            line.add(self._window(index, history, initial))

    def _window(self, index: int, history: History, initial: NDArray[np.float32]) -> Window:
        def finished(_: NDArray[np.float32], forecast: NDArray[np.float64]) -> None:
            if not np.isfinite(forecast).all():
                raise NonFiniteForecast("the model's forecast after this history is not finite", series=index)
            self._forecasts[index] = forecast
            self._left -= 1
            if self._left == 0:
                self._replies.answer(self._caller, self._forecasts)

        def failed(error: GatecastError) -> None:
            if not self._failed:
                self._failed = True
                self._replies.answer(self._caller, error)

        def gone() -> bool:
            return self._failed or self._caller.gone

        values, times = history.values, history.times
        return Window(values, times, initial, finished, failed, gone, history.future, history.static)
