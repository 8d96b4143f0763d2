"""The grid: its frequency found from the times, holes filled, and times beside it refused or moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import Frequency, format_time
from datasets.inference import infer_frequency
from datasets.reader import read_table
from datasets.readings import Readings
from datasets.source import Source
from datasets.table import DataError

Write = Callable[..., Path]


def lines(times: list[str]) -> str:
    return "ds,y\n" + "".join(f"{time},{row}\n" for row, time in enumerate(times))


@pytest.mark.parametrize(
    ("times", "alias"),
    [
        (["2015-01-01T00:00:00", "2015-01-01T00:15:00", "2015-01-01T00:30:00"], "15min"),
        (["2015-01-05", "2015-01-06", "2015-01-07", "2015-01-08", "2015-01-09", "2015-01-12"], "1d"),
        (["2015-01-01", "2015-01-08", "2015-01-15"], "1w"),
        (["2015-01-01", "2015-01-29", "2015-02-26"], "4w"),
        (["2015-01-01", "2015-02-01", "2015-03-01", "2015-04-01"], "1mo"),
        (["2015-01-31", "2015-02-28", "2015-03-31", "2015-04-30"], "1mo"),
        (["2015-01-01", "2015-02-01"], "1mo"),
        (["2015-01-01", "2015-04-01", "2015-07-01", "2015-10-01", "2016-01-01"], "1q"),
        (["2015-03-31", "2015-06-30", "2015-09-30", "2015-12-31"], "1q"),
        (["2015-01-01", "2016-01-01", "2017-01-01", "2018-01-01"], "1y"),
        (["2015-01-01", "2015-01-31", "2015-03-02", "2015-04-01"], "30d"),
    ],
)
def test_the_frequency_is_the_most_common_distance_by_the_calendar(write: Write, times: list[str], alias: str) -> None:
    assert read_table(write(lines(times))).frequency.alias == alias


def test_the_frequency_is_that_of_most_readings_over_all_series(write: Write) -> None:
    rows = [("a", 0), ("a", 7), ("b", 0), ("b", 1), ("b", 2), ("c", 5), ("c", 6)]
    table = read_table(write("unique_id,ds,y\n" + "".join(f"{name},{ds},{ds}\n" for name, ds in rows)))
    assert table.frequency == Frequency("count", 1)
    assert [len(series) for series in table.series] == [8, 3, 2]


def test_a_frequency_that_is_given_beats_the_one_that_is_found(write: Write) -> None:
    path = write(lines(["2015-01-01T00:00:00", "2015-01-01T02:00:00"]))
    table = read_table(path, frequency="1h")
    np.testing.assert_array_equal(table.series[0].values[:, 0], [0, np.nan, 1])
    assert read_table(path, frequency=Frequency("second", 3600)).frequency == table.frequency


def test_steps_without_a_reading_are_missing_in_every_column(write: Write) -> None:
    table = read_table(write("ds,y,x\n2015-01-30,1,10\n2015-01-31,2,20\n2015-02-02,4,40\n2015-02-03,5,50\n"))
    nan = [np.nan, np.nan]
    np.testing.assert_array_equal(table.series[0].values, [[1, 10], [2, 20], nan, [4, 40], [5, 50]])


def test_a_missing_month_is_one_step(write: Write) -> None:
    table = read_table(write(lines(["2015-01-31", "2015-03-31", "2015-04-30", "2015-05-31", "2015-06-30"])))
    np.testing.assert_array_equal(table.series[0].values[:, 0], [0, np.nan, 1, 2, 3, 4])


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 50_000), st.integers(-(10**9), 10**9))
def test_readings_lie_where_their_times_say(leaps: list[int], size: int, start: int) -> None:
    leaps = [1] * len(leaps) + leaps  # so that one step is the most common distance
    steps = np.concatenate(([0], np.cumsum(leaps)))
    times = start + steps * size
    rows = np.arange(len(times))
    readings = Readings(("s",), np.array([0, len(times)]), times, np.zeros((len(times), 1)), rows)
    assert infer_frequency(NO_SOURCE, readings, has_calendar=False) == Frequency("count", size)
    np.testing.assert_array_equal(Frequency("count", size).steps(start, times)[0], steps)


NO_SOURCE: Source = None  # type: ignore[assignment]  # inference names the file only in errors


def test_times_off_the_grid_are_shown_with_their_lines_and_both_ways_out(write: Write) -> None:
    times = [f"2015-01-01T{hour:02}:00:00" for hour in range(20)]
    times[3], times[7] = "2015-01-01T03:20:00", "2015-01-01T07:40:00"
    with pytest.raises(DataError) as refused:
        read_table(write(lines(times)))
    message = str(refused.value)
    assert "expected times on a grid of 1h, got 2 of 20 off it" in message
    assert "2015-01-01T03:20:00 of series 'data' on line 5; 2015-01-01T07:40:00 of series 'data' on line 9" in message
    assert "--snap moves them to the nearest step" in message
    assert "a grid of 20min holds them all (--freq 20min)" in message


@pytest.mark.parametrize("step", ["days", "weeks", "months"])
def test_days_and_what_is_longer_are_told_to_leave_a_zone_out(write: Write, step: str) -> None:
    every = {"days": "1d", "weeks": "1w", "months": "1mo"}[step]
    days = pl.date_range(date(2023, 1, 1), date(2023, 12, 31), every, eager=True).to_list()
    with pytest.raises(DataError, match="the midnights of Europe/Berlin lie on no grid of UTC") as refused:
        read_table(write(lines([day.isoformat() for day in days])), zone="Europe/Berlin")
    assert "--snap" not in str(refused.value)
    assert read_table(write(lines([day.isoformat() for day in days]))).series


def test_only_the_first_times_off_the_grid_are_shown(write: Write) -> None:
    times = [f"2015-01-{day:02}T00:00:0{day % 2}" for day in range(1, 31)]
    with pytest.raises(DataError, match=r"got 15 of 30 off it: .* on line 10 and 10 more") as refused:
        read_table(write(lines(times)), frequency="1d")
    assert str(refused.value).count(" on line ") == 5


def test_a_first_time_off_the_grid_does_not_put_all_others_off_it(write: Write) -> None:
    times = ["2015-01-01T00:00:07", "2015-01-01T01:00:00", "2015-01-01T02:00:00", "2015-01-01T03:00:00"]
    with pytest.raises(DataError, match=r"got 1 of 4 off it: 2015-01-01T00:00:07 .* on line 2:"):
        read_table(write(lines(times)))
    table = read_table(write(lines(times)), snap=True)
    assert format_time(table.series[0].start, table.frequency) == "2015-01-01T00:00:00"
    assert table.series[0].values[:, 0].tolist() == [0, 1, 2, 3]


def test_snap_moves_jittered_times_to_the_usual_step_and_says_so(write: Write) -> None:
    jitter = [3, -40, 12, 55, -20, 0, 31, -9, 44, -2]
    start = datetime(2015, 1, 1)
    times = [(start + timedelta(seconds=600 * step + late)).isoformat() for step, late in enumerate(jitter)]
    table = read_table(write(lines(times)), snap=True)
    assert table.frequency.alias == "10min"
    assert table.series[0].values[:, 0].tolist() == list(range(10))
    assert format_time(table.series[0].start, table.frequency) == "2015-01-01T00:00:00"
    assert "9 of 10 times were moved to the grid of 10min, by at most 55 seconds" in table.warnings[0]


@pytest.mark.parametrize(
    ("times", "start"),
    [
        (["2015-01-02", "2015-02-02", "2015-03-02", "2015-04-01", "2015-05-01", "2015-06-01"], "2015-01-01"),
        (["2015-01-30", "2015-02-27", "2015-03-31", "2015-04-30", "2015-05-29", "2015-06-30"], "2015-01-31"),
    ],
)
def test_snap_moves_working_days_to_the_edges_of_their_months(write: Write, times: list[str], start: str) -> None:
    table = read_table(write(lines(times)), snap=True)
    assert table.frequency.alias == "1mo"
    assert format_time(table.series[0].start, table.frequency) == f"{start}T00:00:00"
    assert table.series[0].values[:, 0].tolist() == list(range(6))


def test_snap_keeps_the_time_of_day_of_daily_readings(write: Write) -> None:
    times = [f"2015-01-{day:02}T{'11:59:50' if day % 3 else '12:00:05'}" for day in range(1, 12)]
    table = read_table(write(lines([times[2], *times[4:]])), snap=True, frequency="1d")
    assert format_time(table.series[0].start, table.frequency).endswith("T11:59:50")
    jittered = [f"2015-01-{day:02}T{'11:59' if day % 2 else '12:00'}:{4 * day:02}" for day in range(1, 12)]
    table = read_table(write(lines(jittered)), snap=True)
    assert table.frequency.alias == "1d"
    assert format_time(table.series[0].start, table.frequency) == "2015-01-01T12:00:00"


def test_snap_refuses_two_readings_on_one_step(write: Write) -> None:
    times = ["2015-01-01T00:00:00", "2015-01-01T01:00:00", "2015-01-01T01:10:00", "2015-01-01T02:00:00"]
    with pytest.raises(DataError, match=r"series 'data': expected one reading per step of 1h") as refused:
        read_table(write(lines(times)), snap=True, frequency="1h")
    assert "2015-01-01T01:00:00 (line 3) and 2015-01-01T01:10:00 (line 4): delete one" in str(refused.value)


def test_snap_changes_nothing_where_all_times_fit(write: Write) -> None:
    path = write(lines(["2015-01-01", "2015-01-02", "2015-01-04", "2015-01-05"]))
    assert read_table(path, snap=True).warnings == read_table(path).warnings == ()


def test_a_hole_that_would_fill_the_memory_is_refused(write: Write) -> None:
    times = ["1970-01-01T00:00:00", "1970-01-01T00:00:01", "2015-01-01T00:00:00", "2015-01-01T00:00:01"]
    with pytest.raises(DataError, match=r"series 'data': expected a grid with few holes, got one of 1,4\d\d,") as e:
        read_table(write(lines(times)))
    assert "from 1970-01-01T00:00:01 (line 3) to 2015-01-01T00:00:00 (line 4)" in str(e.value)
    assert "--freq" in str(e.value)


def test_a_grid_that_is_mostly_holes_is_a_warning(write: Write) -> None:
    table = read_table(write("unique_id,ds,y\na,0,1\na,10,2\nb,0,1\nb,1,2\nb,2,3\n"))
    assert "series 'a': more than half of the steps are missing" in table.warnings[0]


def test_one_reading_a_series_needs_a_frequency_that_is_given(write: Write) -> None:
    path = write("unique_id,ds,y\na,2015-01-01,1\nb,2015-01-01,2\n")
    with pytest.raises(DataError, match=r"data\.csv: expected a series with two readings .* --freq"):
        read_table(path)
    assert [len(series) for series in read_table(path, frequency="1d").series] == [1, 1]


@pytest.mark.parametrize(
    ("times", "frequency", "expected"),
    [
        (["2015-01-01", "2015-01-02"], "fortnight", "--freq: 'fortnight' is not a frequency: write a number"),
        (["2015-01-01", "2015-01-02"], "5", "times that are dates, got 5: write one such as 30min"),
        (["1", "2"], "1h", "times that are integers, got 1h: write one such as 1"),
        (["0", "100000000000000"], None, "name the frequency with --freq"),
    ],
)
def test_a_frequency_that_does_not_fit_the_times_is_refused(
    write: Write, times: list[str], frequency: str | None, expected: str
) -> None:
    with pytest.raises(DataError, match=r"data\.csv: ") as refused:
        read_table(write(lines(times)), frequency=frequency)
    assert expected in str(refused.value)
