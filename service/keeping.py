"""How many readings of a session are kept: a number of them, or those of some days, counted back from its newest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datasets.frequency import DAY, Frequency
from service.engine_settings import EngineSettings
from service.errors import SettingsError

Steps = NDArray[np.int64]


@dataclass(frozen=True)
class Keeping:
    """Where both are given, whichever keeps more: each says what may be relied on."""

    frequency: Frequency
    readings: int | None
    days: float | None
    slack: int

    @classmethod
    def of(cls, settings: EngineSettings, frequency: Frequency) -> Self | None:
        """None where everything is kept. `SettingsError` if days are asked of a model that counts its steps."""
        if settings.keep_readings is None and settings.keep_days is None:
            return None
        if settings.keep_days is not None and not frequency.has_calendar:
            raise SettingsError("this model counts its steps and knows no days; set keep_readings, not keep_days")
        return cls(frequency, settings.keep_readings, settings.keep_days, settings.keep_slack)

    def first(self, starts: Steps, lasts: Steps) -> Steps:
        """(sessions,) the oldest step that is to be kept; the newest one always is."""
        first = np.asarray(lasts, np.int64)
        if self.readings is not None:
            first = lasts + 1 - self.readings
        if self.days is not None:
            oldest = self.frequency.times(starts, lasts) - int(self.days * DAY)
            steps, on_grid = self.frequency.steps(starts, oldest)
            by_time = steps + ~on_grid
            first = by_time if self.readings is None else np.minimum(first, by_time)
        return np.clip(first, 0, lasts)

    def spare(self, starts: Steps, lasts: Steps) -> Steps:
        """(sessions,) how many readings more than are to be kept there may be: a quarter more, and the slack."""
        spare: Steps = np.maximum(self.slack, (lasts + 1 - self.first(starts, lasts)) // 4)
        return spare

    def due(self, starts: Steps, firsts: Steps, lasts: Steps) -> NDArray[np.bool_]:
        """(sessions,) whether so many more are there."""
        over: NDArray[np.bool_] = self.first(starts, lasts) - firsts >= self.spare(starts, lasts)
        return over
