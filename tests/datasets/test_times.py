"""Single times as a client writes them and as a forecast carries them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import Frequency, format_time, parse_time

MINUTES = Frequency("second", 60)
SECONDS = st.integers(-62_135_596_800, 253_402_300_799)  # the years 1 to 9999


@given(SECONDS)
def test_a_formatted_time_reads_back_as_the_same_second(seconds: int) -> None:
    assert parse_time(format_time(seconds, MINUTES), None) == seconds


@given(SECONDS)
def test_a_time_with_an_offset_becomes_the_wall_clock_of_the_zone(seconds: int) -> None:
    text = f"{format_time(seconds, MINUTES)}Z"
    assert parse_time(text, "UTC") == seconds
    if abs(seconds) < 10**10:
        assert parse_time(text, "+02:00") == seconds + 7200
        assert parse_time(text, "-09:30") == seconds - 34_200


def test_a_named_zone_knows_its_summer_time() -> None:
    summer = parse_time("2015-07-01T12:00:00+00:00", "Europe/Berlin")
    assert summer == parse_time("2015-07-01T14:00:00", None)
    winter = parse_time("2015-01-01T12:00:00Z", "Europe/Berlin")
    assert winter == parse_time("2015-01-01T13:00:00", None)


def test_the_usual_ways_to_write_a_time_are_one_time() -> None:
    expected = int(datetime(2015, 1, 10, tzinfo=UTC).timestamp())
    for text in ("2015-01-10", "2015-01-10T00:00", "2015-01-10 00:00:00", "2015-01-10T00:00:00.000"):
        assert parse_time(text, None) == expected


def test_an_integer_is_a_count_and_stays_as_it_is() -> None:
    assert parse_time(17, None) == 17
    assert format_time(17, Frequency("count", 1)) == 17


@pytest.mark.parametrize(
    "text", ["", "soon", "2015", "20150110", "2015-W02-6", "2015-13-01", "2015-02-30", "2015-01-10x00:30", "10/01/2015"]
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"2015-01-10T00:30:00 was expected, got '"):
        parse_time(text, None)


@pytest.mark.parametrize("value", [True, None, 1.5, ["2015-01-10"]])
def test_a_value_of_another_type_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(ValueError, match="2015-01-10T00:30:00 was expected"):
        parse_time(value, None)  # type: ignore[arg-type]


def test_an_offset_without_a_zone_to_convert_to_is_refused() -> None:
    with pytest.raises(ValueError, match="send times without an offset"):
        parse_time("2015-01-10T00:30:00+01:00", None)


def test_a_zone_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'Mars/Olympus' is not known"):
        parse_time("2015-01-10T00:30:00Z", "Mars/Olympus")


def test_a_fraction_of_a_second_is_refused() -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        parse_time("2015-01-10T00:30:00.5", None)


def test_times_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        format_time(10**15, MINUTES)
    with pytest.raises(ValueError, match="years 1 to 9999"):
        parse_time("9999-12-31T23:59:59Z", "+02:00")


def test_a_very_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match="was expected") as refused:
        parse_time("2" * 10_000, None)
    assert len(str(refused.value)) < 200
