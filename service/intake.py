"""What is refused before it waits: readings of a wrong shape, times that no clock has, a model that cannot stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.beside import Beside
from service.bundle import Bundle
from service.engine_settings import EngineSettings
from service.errors import (
    CannotStream,
    EmptyHistory,
    EmptyRequest,
    GatecastError,
    InvalidTime,
    InvalidValue,
    NoRegime,
    TimeRequired,
    TooManyReadings,
)
from service.frames import LARGEST_TIME, NO_STEP, NO_TIME, History, Observations, check_history
from service.gates import Gates
from service.known import Known
from service.places import Correction
from service.reach import Reach
from service.session_errors import NoCalibration, NoQuality


@dataclass(frozen=True)
class Intake:
    """Holds what callers hand in to one bundle and its engine's bounds."""

    streams: bool
    width: int  # values of a reading
    longest: int  # steps of a history
    most: int  # readings at once
    reach: Reach
    known: Known
    gates: Gates
    beside: Beside

    @classmethod
    def of(cls, bundle: Bundle, settings: EngineSettings, known: Known, beside: Beside, reach: Reach) -> Intake:
        manifest = bundle.manifest
        longest = min(settings.max_history, manifest.longest_history or settings.max_history)
        return cls(
            manifest.streams,
            bundle.width,
            longest,
            settings.max_waiting,
            reach,
            known,
            Gates.of(manifest),
            beside,
        )

    def must_stream(self) -> None:
        """`CannotStream` where the model keeps no state between readings."""
        if not self.streams:
            raise CannotStream("this model keeps no state between readings; send the whole history to be forecast")

    def histories(self, histories: Sequence[History]) -> None:
        """Histories to be forecast; an error names the `series` it concerns."""
        for index, history in enumerate(histories):
            try:
                if len(history.values) == 0:
                    raise EmptyHistory("a history of at least one reading was expected, got none")
                self._history(history.values)
                self.reach.check(int(history.times[0]), len(history.times) - 1)
                self.known.check(history.future, history.static)
            except GatecastError as wrong:
                wrong.facts["series"] = index
                raise

    def beginning(
        self,
        start: int | None,
        values: NDArray[np.float64],
        static: NDArray[np.float64] | None,
        regime: bool,
        calibrate: bool,
        quality: bool | None = None,
    ) -> None:
        """What a session is made from.

        `TimeRequired`, `InvalidTime`, `CannotStream`, `NoRegime`, `NoCalibration`, `NoQuality`, and of a history.
        """
        self.must_stream()
        if quality and self.beside.quality is None:
            raise NoQuality(
                "forecasts can be scored of a model that forecasts its median and a band around it from recorded "
                f"readings alone, this one {self._uncalibrated}: make the session without it, or serve another model"
            )
        if calibrate and self.beside.calibration is None:
            raise NoCalibration(
                "bands can be calibrated of a model that forecasts its median and other quantiles from recorded "
                f"readings alone, this one {self._uncalibrated}: make the session without it, or serve another model"
            )
        if regime and self.beside.watch is None:
            raise NoRegime(
                "the regime is told by reset gates (or an LSTM's input gates), and this model has none: make the "
                "session without it, or serve another model"
            )
        self._history(values)
        self.known.check(None, static)
        if start is None and len(values) > 0 and self.reach.frequency.has_calendar:
            raise TimeRequired("a history needs the time of its first reading, got none")
        if start is not None and abs(start) > LARGEST_TIME:
            raise InvalidTime(f"a start of at most {LARGEST_TIME} either way was expected, got {start}")
        if start is not None:
            self.reach.check(start, max(len(values) - 1, 0))

    def observations(self, observations: Observations) -> None:
        """A frame as a whole; what is wrong with single readings is told in their answers."""
        self.must_stream()
        if observations.gates:
            self.gates.check()
        count = len(observations.sessions)
        if count > self.most:
            raise TooManyReadings(
                f"at most {self.most} readings at once were expected, got {count}; send them in parts",
                readings=self.most,
            )
        self._width(observations.values)

    def correction(self, correction: Correction) -> None:
        """`EmptyRequest`, `TooManyReadings`, `InvalidTime` or `InvalidValue` if it can be had of no session."""
        count = len(correction.steps)
        if count == 0:
            raise EmptyRequest("at least one reading to be corrected was expected, got none")
        self._history(correction.values)
        late = correction.times[correction.times != NO_TIME]
        if max(int(correction.steps.max()), int(np.abs(late).max(initial=0))) > LARGEST_TIME:
            raise InvalidTime(f"steps and times of at most {LARGEST_TIME} were expected, got a larger one")
        if correction.steps.min() < NO_STEP:
            raise InvalidValue(f"a step of 0 or more was expected, got {int(correction.steps.min())}")

    def _history(self, values: NDArray[np.float64]) -> None:
        self._width(values)
        check_history(values, self.longest)

    @property
    def _uncalibrated(self) -> str:
        if self.known.future:
            return f"also takes what is known ahead ({', '.join(self.known.future)})"
        return "has no quantiles around a median"

    def _width(self, values: NDArray[np.float64]) -> None:
        if values.ndim != 2 or values.shape[1] != self.width:
            raise ValueError(f"values of shape (readings, {self.width}) were expected, got {values.shape}")
