"""Frequencies: their text, their grid and their seasons."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import DAY, Frequency, format_time, parse_time

FREQUENCIES = st.one_of(
    st.builds(Frequency, st.just("second"), st.integers(1, 400 * DAY)),
    st.builds(Frequency, st.just("month"), st.integers(1, 60)),
    st.builds(Frequency, st.just("count"), st.integers(1, 10**9)),
)
TIMES = st.integers(-5_000_000_000, 10_000_000_000)  # the years 1811 to 2286


@given(FREQUENCIES)
def test_the_alias_reads_back_as_the_same_frequency(frequency: Frequency) -> None:
    assert Frequency.parse(frequency.alias) == frequency


@given(FREQUENCIES, TIMES, st.lists(st.integers(-500, 500), max_size=20))
def test_the_times_of_steps_have_those_steps(frequency: Frequency, start: int, numbers: list[int]) -> None:
    steps = np.array(numbers, dtype=np.int64)
    found, fits = frequency.steps(start, frequency.times(start, steps))
    assert fits.all()
    np.testing.assert_array_equal(found, steps)


@given(FREQUENCIES, TIMES, TIMES)
def test_a_time_lies_between_its_step_and_the_next(frequency: Frequency, start: int, time: int) -> None:
    steps, fits = frequency.steps(start, np.array([time]))
    below, above = frequency.times(start, np.array([steps[0], steps[0] + 1]))
    assert below <= time < above
    assert fits[0] == (below == time)


@given(FREQUENCIES, st.lists(TIMES, min_size=2, max_size=5))
def test_a_start_per_time_gives_the_steps_of_each_start_alone(frequency: Frequency, starts: list[int]) -> None:
    times = np.array(starts[::-1])
    together = frequency.steps(np.array(starts), times)
    alone = [frequency.steps(start, times[i : i + 1]) for i, start in enumerate(starts)]
    np.testing.assert_array_equal(together[0], np.concatenate([steps for steps, _ in alone]))
    np.testing.assert_array_equal(together[1], np.concatenate([fits for _, fits in alone]))


def dates(frequency: Frequency, start: str, count: int) -> list[str | int]:
    times = frequency.times(parse_time(start, None), np.arange(count))
    return [format_time(int(time), frequency) for time in times]


def test_a_start_on_the_last_of_a_month_means_month_ends() -> None:
    monthly = Frequency("month", 1)
    assert dates(monthly, "2016-01-31", 4) == [
        "2016-01-31T00:00:00",
        "2016-02-29T00:00:00",
        "2016-03-31T00:00:00",
        "2016-04-30T00:00:00",
    ]
    assert dates(monthly, "2015-02-28T06:00:00", 3)[1:] == ["2015-03-31T06:00:00", "2015-04-30T06:00:00"]


def test_a_day_that_a_month_lacks_becomes_its_last() -> None:
    assert dates(Frequency("month", 1), "2015-01-30", 3)[1:] == ["2015-02-28T00:00:00", "2015-03-30T00:00:00"]


def test_quarters_and_years_follow_the_civil_calendar() -> None:
    assert dates(Frequency.parse("1q"), "2015-11-15", 2)[1] == "2016-02-15T00:00:00"
    assert dates(Frequency.parse("1y"), "2016-02-29", 3)[1:] == ["2017-02-28T00:00:00", "2018-02-28T00:00:00"]


@pytest.mark.parametrize(
    ("text", "frequency"),
    [
        ("30min", Frequency("second", 1800)),
        ("1h", Frequency("second", 3600)),
        ("h", Frequency("second", 3600)),
        ("H", Frequency("second", 3600)),
        ("10 s", Frequency("second", 10)),
        ("1d", Frequency("second", 86_400)),
        ("1w", Frequency("second", 604_800)),
        ("1mo", Frequency("month", 1)),
        ("MS", Frequency("month", 1)),
        ("1q", Frequency("month", 3)),
        ("2y", Frequency("month", 24)),
        ("1", Frequency("count", 1)),
        ("15", Frequency("count", 15)),
    ],
)
def test_the_usual_spellings_are_understood(text: str, frequency: Frequency) -> None:
    assert Frequency.parse(text) == frequency


@pytest.mark.parametrize("text", ["", " ", "0", "0h", "-1h", "1.5h", "ms", "fortnight", "1h30min", "1e3", "9" * 30])
def test_what_is_no_frequency_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="30min, 1h, 1d"):
        Frequency.parse(text)


def test_a_lone_m_is_refused_because_it_may_be_minutes_or_months() -> None:
    with pytest.raises(ValueError, match="write 5min or 5mo"):
        Frequency.parse("5m")


def test_a_step_of_nothing_or_beyond_all_bounds_is_refused() -> None:
    for size in (0, -1, 10**13):
        with pytest.raises(ValueError, match="whole step of 1 to"):
            Frequency("second", size)
    with pytest.raises(ValueError, match="'second', 'month' or 'count'"):
        Frequency("week", 1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seasons"),
    [
        ("1s", (60,)),
        ("1min", (60, 1440)),
        ("5min", (288, 2016)),
        ("10min", (144, 1008)),
        ("15min", (96, 672)),
        ("30min", (48, 336)),
        ("1h", (24, 168)),
        ("6h", (4, 28)),
        ("1d", (7,)),
        ("1w", (52,)),
        ("1mo", (12,)),
        ("1q", (4,)),
        ("1y", (1,)),
        ("7s", (1,)),
        ("1", (1,)),
    ],
)
def test_the_seasons_are_the_cycles_of_clock_and_calendar(text: str, seasons: tuple[int, ...]) -> None:
    assert Frequency.parse(text).seasons() == seasons


@given(FREQUENCIES)
def test_seasons_are_ascending_and_few(frequency: Frequency) -> None:
    seasons = frequency.seasons()
    assert 1 <= len(seasons) <= 2
    assert list(seasons) == sorted(set(seasons))


def test_only_dates_have_a_calendar_and_months_have_a_mean_length() -> None:
    assert Frequency.parse("1h").has_calendar
    assert Frequency.parse("1mo").has_calendar
    assert not Frequency.parse("1").has_calendar
    assert Frequency.parse("1y").seconds == pytest.approx(365.2425 * DAY)
    assert Frequency.parse("1h").seconds == 3600


def test_the_service_can_use_frequencies_where_polars_is_not_installed() -> None:
    code = "import sys, datasets.frequency; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
