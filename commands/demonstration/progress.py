"""How a run of the demo stands: what was sent, what came back, and how fast."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from gatecast_client import Acknowledgement, Forecast, Model, Session

from commands.band import Band
from commands.demonstration.axes import DAY
from commands.demonstration.chart import View
from commands.demonstration.feed import Feed
from commands.demonstration.scores import Scores

_RECENT = 200  # readings of which the rate is taken


class Progress:
    """Changed by the loop that sends, read by whoever shows it."""

    def __init__(
        self, feed: Feed, model: Model, session: Session, end: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.feed, self.model, self.session = feed, model, session
        self.band = Band.among(model.quantiles)
        self.first, self.end = session.next_step, end  # steps of this run
        self.step = session.next_step - 1  # the last that was sent
        self.forecast: Forecast | None = None  # from it
        self.durable = session.durable
        self.day = _day(feed, model.horizon)
        aheads = (1, self.day) if self.day > 1 else (1,)
        self.scores = Scores(feed.values[: self.first, 0], feed.frequency.seasons(), aheads, self.band)
        self.earlier = np.full(len(feed) + model.horizon, np.nan)  # forecast a day before, by step
        self.round_trips: list[float] = []  # seconds
        self._moments: deque[float] = deque(maxlen=_RECENT)
        self._clock = clock

    @property
    def sent(self) -> int:
        """Readings of this run."""
        return self.step + 1 - self.first

    @property
    def quantiles(self) -> list[float]:
        """The levels that the demo asks for; the median comes by itself."""
        return [] if self.band is None else [self.band.low, self.band.high]

    @property
    def readings_per_second(self) -> float | None:
        """Over the last readings."""
        if len(self._moments) < 2 or self._moments[-1] <= self._moments[0]:
            return None
        return (len(self._moments) - 1) / (self._moments[-1] - self._moments[0])

    @property
    def round_trip(self) -> float | None:
        """Half of the readings were answered within so many seconds."""
        return statistics.median(self.round_trips) if self.round_trips else None

    def expect(self, forecast: Forecast) -> None:
        """The forecast from the last reading that was sent."""
        self.forecast = forecast
        self.scores.forecast(self.step, forecast)
        self.earlier[self.step + self.day] = forecast.median[self.day - 1]

    def take(self, answer: Acknowledgement, seconds: float) -> None:
        """The answer to the next reading, which took so long."""
        self.step += 1
        self.scores.reading(self.step, float(self.feed.values[self.step, 0]))
        self.durable = answer.durable or self.durable
        self.round_trips.append(seconds)
        self._moments.append(self._clock())
        if answer.forecast is not None:
            self.expect(answer.forecast)

    def view(self) -> View:
        """What the chart draws now."""
        until = max(1, self.step + 1)
        forecast, nothing = self.forecast, np.full(self.model.horizon, np.nan)
        banded = forecast is not None and self.band is not None
        return View(
            past=self.feed.values[:until, 0],
            earlier=self.earlier[:until],
            median=nothing if forecast is None else np.array(forecast.median),
            low=np.array(forecast.quantile(self.band.low)) if forecast and banded and self.band else nothing,
            high=np.array(forecast.quantile(self.band.high)) if forecast and banded and self.band else nothing,
            newest=self.feed.seconds(until - 1),
            step_seconds=self.feed.frequency.seconds,
            calendar=self.feed.frequency.has_calendar,
        )


def _day(feed: Feed, horizon: int) -> int:
    """A day in steps; the whole horizon where a day is no whole number of steps, or beyond it."""
    seconds = feed.frequency.seconds
    steps = round(DAY / seconds)
    whole = feed.frequency.unit == "second" and steps * seconds == DAY
    return steps if whole and 1 < steps <= horizon else horizon
