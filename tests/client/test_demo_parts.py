"""What the demo scores, chooses and draws."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from gatecast_client import Forecast, Model
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from commands.band import Band
from commands.demonstration.axes import HOUR, limits, nice_step, time_ticks, value_ticks
from commands.demonstration.canvas import Canvas, braille
from commands.demonstration.chart import Chart, View
from commands.demonstration.feed import FeedError, make_feed, read_feed
from commands.demonstration.scores import Scores
from commands.demonstration.wording import length
from datasets.frequency import Frequency
from datasets.table import Series, SeriesTable
from tests.conftest import START

SIZES = st.floats(1e-6, 1e9)
VALUES = st.one_of(st.just(math.nan), st.floats(-1e6, 1e6))


def model(**changes: object) -> Model:
    known: dict[str, object] = {
        "name": "small", "digest": "0123456789", "frequency": "1h", "time_zone": None, "horizon": 6, "target": "y",
        "quantiles": [0.1, 0.5, 0.9], "covariates": [], "streams": True, "durable": "disk", "protocol": 1,
    }  # fmt: skip
    return Model(**{**known, **changes})  # type: ignore[arg-type]


def table(values: np.ndarray, covariates: tuple[str, ...] = (), frequency: str = "1h") -> SeriesTable:
    series = Series("a", START, values.reshape(len(values), -1).astype(np.float64))
    return SeriesTable("data/a.csv", Frequency.parse(frequency), None, "y", covariates, (series,), ())


@given(
    series=st.lists(VALUES, min_size=30, max_size=60),
    ahead=st.integers(2, 9),
    lags=st.sets(st.integers(2, 8), min_size=1),
)
def test_errors_are_those_of_the_readings_that_every_forecaster_foresaw(
    series: list[float], ahead: int, lags: set[int]
) -> None:
    known, horizon = 12, 10
    scores = Scores(np.array(series[:known]), sorted(lags), (1, ahead), Band(0.1, 0.9))
    promised = np.arange(len(series))[:, None] * 3.0 + np.arange(horizon)  # (origins, horizon)
    for step in range(known, len(series)):
        scores.forecast(step - 1, forecast(promised[step - 1]))
        scores.reading(step, series[step])
    for many in (1, ahead):
        ours, naives = [], {lag: [] for lag in lags}  # type: ignore[var-annotated]
        for step in range(known - 1 + many, len(series)):
            points = {lag: naive(series, step, many, lag) for lag in lags}
            if math.isfinite(series[step]) and all(map(math.isfinite, points.values())):
                ours.append(abs(promised[step - many, many - 1] - series[step]))
                for lag, point in points.items():
                    naives[lag].append(abs(point - series[step]))
        error = scores.error(many)
        if not ours:
            assert error is None
            continue
        assert error is not None
        assert (error.count, error.ours) == (len(ours), pytest.approx(np.mean(ours)))
        assert error.naive == pytest.approx(min(np.mean(each) for each in naives.values()))
    seen = [step for step in range(known, len(series)) if math.isfinite(series[step])]
    inside = [promised[step - 1, 0] - 50 <= series[step] <= promised[step - 1, 0] + 50 for step in seen]
    assert scores.inside == (pytest.approx(np.mean(inside)) if seen else None)


def forecast(median: np.ndarray) -> Forecast:
    quantiles = {"0.1": (median - 50).tolist(), "0.9": (median + 50).tolist()}
    return Forecast(median=median.tolist(), quantiles=quantiles, start="")


def naive(series: list[float], step: int, ahead: int, lag: int) -> float:
    """What stood whole seasons before, known `ahead` steps before; an earlier season where it is missing."""
    earlier = [at for at in range(step - ahead, -1, -1) if (step - at) % lag == 0 and math.isfinite(series[at])]
    return series[earlier[0]] if earlier else math.nan


def test_a_reading_out_of_turn_is_refused() -> None:
    with pytest.raises(ValueError, match="step 3"):
        Scores(np.zeros(3), [1], [1], None).reading(5, 1.0)


def test_the_band_is_the_pair_nearest_to_80_percent() -> None:
    assert Band.among([0.025, 0.1, 0.2, 0.5, 0.9, 0.975]) == Band(0.1, 0.9)
    assert Band.among([0.05, 0.5, 0.95]) == Band(0.05, 0.95)
    assert Band.among([0.1, 0.5]) is None


def test_the_demo_begins_where_training_saw_nothing() -> None:
    readings = np.arange(100.0)
    told = make_feed(table(readings), model(training={"held_out": {"start": "2014-07-03T00:00:00"}}))
    assert (told.name, told.first, told.time(told.first)) == ("a", 48, "2014-07-03T00:00:00")
    assert list(told.history().y) == readings[:48].tolist()
    assert make_feed(table(readings), model()).first == 80
    elsewhere = model(training={"held_out": {"start": "2019-01-01T00:00:00"}})
    assert make_feed(table(readings), elsewhere).first == 80


def test_a_history_is_no_longer_than_the_service_takes() -> None:
    feed = make_feed(table(np.arange(100.0)), model(limits={"history_steps": 10}))
    assert (feed.first, len(feed), feed.time(0)) == (10, 30, "2014-07-03T22:00:00")
    assert list(feed.history().y) == list(range(70, 80))


def test_of_several_columns_that_could_be_the_target_the_models_own_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "gauge.csv"
    rows = [f"2024-05-01T{hour:02d}:00:00,{hour},{hour + 100},{hour + 200},2" for hour in range(20)]
    path.write_text("\n".join(["when,depth,level,rain,width", *rows]))
    served = model(target="level", covariates=["rain"], future=["rain"], static=["width"])
    found = read_feed(path, served)
    assert (found.target, found.covariates, found.future, found.static) == ("level", ("rain",), ("rain",), ("width",))
    feed = make_feed(found, served)
    assert (feed.static, feed.reading("s", 3).y) == ({"width": 2.0}, 103.0)
    assert read_feed(path, served, target_column="depth").target == "depth"


def test_a_file_of_local_times_is_read_by_the_clock_of_the_model(tmp_path: Path) -> None:
    path = tmp_path / "local.csv"
    rows = [f"2024-03-31T{hour:02d}:00:00,{hour}" for hour in (0, 1, 3, 4, 5)]  # the hour after one is skipped there
    path.write_text("\n".join(["ds,y", *rows]))
    found = read_feed(path, model(time_zone="UTC", calendar_zone="Europe/Berlin"))
    (series,) = found.series
    assert (found.time_zone, series.values[:, 0].tolist()) == ("UTC", [0, 1, 3, 4, 5])


def test_covariates_are_sent_as_the_model_calls_them() -> None:
    values = np.stack([np.arange(10.0), np.arange(10.0) + 100, np.arange(10.0) + 200], axis=1)
    feed = make_feed(table(values, ("wind", "rain")), model(covariates=["rain"]))
    assert feed.reading("s", 9).covariates == {"rain": 209.0}
    assert feed.history().covariates == {"rain": [200.0 + step for step in range(8)]}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"frequency": "30min"}, "gatecast train data/a.csv"),
        ({"covariates": ["sun"]}, "sun"),
        ({"streams": False}, "stream"),
    ],
)
def test_data_that_does_not_fit_the_model_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(FeedError, match=says):
        make_feed(table(np.arange(50.0)), model(**changes))


@pytest.mark.parametrize(
    ("frequency", "steps", "said"),
    [
        ("30min", 48, "1 day"),
        ("30min", 336, "1 week"),
        ("30min", 1, "1 step"),
        ("1h", 3, "3 hours"),
        ("1mo", 12, "12 steps"),
    ],
)
def test_steps_are_said_as_people_say_them(frequency: str, steps: int, said: str) -> None:
    assert length(steps, Frequency.parse(frequency)) == said


@given(span=SIZES, count=st.integers(1, 20))
def test_a_nice_step_is_round_and_no_smaller_than_needed(span: float, count: int) -> None:
    step = nice_step(span, count)
    assert span / count * 0.99 <= step <= span / count * 2.51
    digits = step / 10 ** math.floor(math.log10(step * 1.0001))
    assert any(digits == pytest.approx(round_) for round_ in (1, 2, 5))


@given(low=st.floats(-1e9, 1e9), span=SIZES)
def test_limits_enclose_and_ticks_lie_between(low: float, span: float) -> None:
    bottom, top = limits(low, low + span)
    rounding = 1e-6 * (top - bottom)
    assert bottom <= low + rounding
    assert top >= low + span - rounding
    ticks = value_ticks(bottom, top, 4)
    assert all(bottom - rounding <= tick <= top + rounding for tick in ticks)
    assert 1 <= len(ticks) <= 12


def test_times_are_marked_at_midnight_and_noon() -> None:
    ticks = time_ticks(START - 6 * HOUR, START + 30 * HOUR, 70, True)
    assert [label for _, label in ticks] == ["18:00", "Tue 01 Jul", "06:00", "12:00", "18:00", "Wed 02 Jul", "06:00"]
    assert ticks[1][0] == pytest.approx(1 / 6)
    assert time_ticks(0, 1000, 60, False)[1] == (0.2, "200")


def test_lines_break_where_a_reading_is_missing() -> None:
    canvas = Canvas(3, 1)
    canvas.line(np.arange(6.0), np.array([0.0, 0.0, math.nan, 3.0, math.nan, 99.0]))
    assert [braille(code) for code in canvas.cells()[0]] == ["⣀", "⠈", "⠀"]


def test_a_column_is_filled_from_low_to_high() -> None:
    canvas = Canvas(1, 2)
    canvas.column(0, 1.0, 5.0)
    canvas.column(1, math.nan, 5.0)
    assert [braille(code) for (code,) in canvas.cells()] == ["⡄", "⠇"]


@given(
    width=st.integers(20, 200),
    height=st.integers(5, 50),
    past=st.lists(VALUES, min_size=1, max_size=200),
    ahead=st.lists(VALUES, min_size=1, max_size=60),
    calendar=st.booleans(),
)
def test_a_chart_fills_its_space_whatever_it_shows(
    width: int, height: int, past: list[float], ahead: list[float], calendar: bool
) -> None:
    middle = np.array(ahead)
    view = View(np.array(past), np.array(past[::-1]), middle, middle - 5, middle + 5, START, HOUR, calendar)
    console = Console(width=width, height=height, color_system=None)
    lines = console.render_lines(Chart(view), console.options.update(width=width, height=height), pad=False)
    assert len(lines) == height
    assert all(sum(segment.cell_length for segment in line) <= width for line in lines)
