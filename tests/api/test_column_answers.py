"""Forecasts by columns as raw numbers: differences to an origin, which keep the decimals of a large register."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from datasets.frequency import Frequency
from service.api.clock import Clock
from service.api.column_answers import ColumnAnswers
from service.api.columns import ColumnFrame
from service.api.forecasts import Levels
from service.api.qualities import Qualities
from service.api.readings import Sheet
from service.api.sums import StepSums
from service.frames import NO_STEP, Answers, Observations

LEVELS = Levels(4, (0.1, 0.5, 0.9))
WRITER = ColumnAnswers(Clock(Frequency.parse("1h"), None), StepSums(), Qualities(3, 0.001))


def write(forecasts: NDArray[np.float64], rows: NDArray[np.int64], packed: bool = True) -> dict[str, object]:
    """The answer to readings of which `rows` (readings,) says where in `forecasts` theirs is."""
    count = len(rows)
    no, zeros = np.zeros(count, np.bool_), np.zeros(count, np.int64)
    answers = Answers(zeros, zeros, zeros, no, ~no, rows, forecasts, [None] * count, "none")
    frame = ColumnFrame(list(range(count)), [0.0] * count, None, None, {}, {})
    observations = Observations([""] * count, np.full(count, NO_STEP), zeros, np.zeros((count, 1)))
    return WRITER.write(frame, Sheet(observations, list(range(count)), {}), answers, LEVELS.all, packed)


def values_of(answer: dict[str, object]) -> NDArray[np.float64]:
    sent: dict[str, object] = msgspec.msgpack.decode(msgspec.msgpack.encode(answer))["forecast"]
    origin = np.frombuffer(sent["origin"], "<f8")  # type: ignore[call-overload]
    return origin[:, None, None] + np.frombuffer(sent["values"], "<f4").reshape(sent["shape"])  # type: ignore[call-overload]


def test_a_register_at_a_hundred_million_keeps_its_decimals() -> None:
    forecasts = 1e8 + np.linspace(0.001, 9.999, 24).reshape(2, 4, 3)
    found = values_of(write(forecasts, np.arange(2)))
    assert np.abs(found - forecasts).max() < 1e-6
    assert np.abs(forecasts.astype(np.float32) - forecasts).max() > 1  # as float32 alone would not


@given(origin=st.floats(-1e15, 1e15), differences=st.lists(st.floats(-1e9, 1e9, width=32), min_size=12, max_size=12))
def test_a_forecast_is_its_origin_and_the_float32_of_its_difference(origin: float, differences: list[float]) -> None:
    forecasts = origin + np.array(differences).reshape(1, 4, 3)
    median = forecasts[:, :1, 1:2]
    expected = median + (forecasts - median).astype(np.float32)
    np.testing.assert_array_equal(values_of(write(forecasts, np.arange(1))), expected)


def test_forecasts_are_those_of_their_readings_in_whatever_order_they_were_made() -> None:
    forecasts = np.arange(36.0).reshape(3, 4, 3)
    rows = np.array([2, -1, 0, 1])
    for packed in (True, False):
        answer = write(forecasts, rows, packed)
        places = np.frombuffer(answer["rows"], "<u4") if packed else answer["rows"]  # type: ignore[call-overload]
        assert places.tolist() == [0, 2, 3]  # type: ignore[union-attr]
    np.testing.assert_array_equal(values_of(write(forecasts, rows)), forecasts[[2, 0, 1]])


def test_what_no_float32_holds_is_infinite_and_no_warning() -> None:
    forecasts = np.zeros((1, 4, 3))
    forecasts[0, 3, 2] = 1e300
    assert np.isinf(values_of(write(forecasts, np.arange(1)))[0, 3, 2])
