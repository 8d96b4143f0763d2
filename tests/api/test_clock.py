"""Times at the edge: the fast way and the careful way read alike, and what is written can be read."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import Frequency, format_time, parse_time
from service.api.clock import Clock
from service.errors import InvalidTime, OffGrid

HOURLY = Clock(Frequency.parse("1h"), None)
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda each: each.replace(microsecond=0))
digits = st.text("0123456789", min_size=2, max_size=2)
almost_times = st.builds("{}{}-{}-{}T{}:{}:{}".format, digits, digits, digits, digits, digits, digits, digits)


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from("T "))
def test_many_times_are_read_as_each_alone(times: list[datetime], between: str) -> None:
    texts = [time.isoformat(between) for time in times]
    assert HOURLY.read_all(texts).tolist() == [parse_time(text, None) for text in texts]


@given(almost_times)
def test_what_is_no_time_is_refused_the_fast_way_too(text: str) -> None:
    try:
        expected = parse_time(text, None)
    except ValueError:
        with pytest.raises(InvalidTime):
            HOURLY.read_all([text])
    else:
        assert HOURLY.read_all([text]).tolist() == [expected]


@given(st.lists(moments, max_size=20))
def test_what_is_written_is_what_the_dataset_reader_writes_and_can_be_read_back(times: list[datetime]) -> None:
    seconds = np.array([parse_time(time.isoformat(), None) for time in times], dtype=np.int64)
    written = HOURLY.write_all(seconds)
    assert written == [format_time(each, HOURLY.frequency) for each in seconds.tolist()]
    assert HOURLY.read_all(written).tolist() == seconds.tolist()


@given(st.sampled_from(["10s", "30min", "1h", "1d", "1w", "1mo", "1q", "1y"]), moments, st.integers(1, 60))
def test_consecutive_times_pass_and_one_moved_is_found(alias: str, start: datetime, count: int) -> None:
    if start.year > 9900:
        start = start.replace(year=9900, day=28)
    clock = Clock(Frequency.parse(alias), None)
    times = clock.after(clock.read(start.isoformat()), 0, count)
    assert clock.write_all(clock.consecutive(times)) == times
    if count > 1:
        at = count // 2 or 1
        moved = [*times]
        moved[at] = (datetime.fromisoformat(str(times[at])) + timedelta(seconds=3)).isoformat()
        with pytest.raises(OffGrid) as found:
            clock.consecutive(moved)
        assert (found.value.facts["index"], found.value.facts["expected"]) == (at, times[at])


def test_a_time_left_out_is_told_from_one_off_the_grid() -> None:
    with pytest.raises(InvalidTime, match="null y") as found:
        HOURLY.consecutive(["2015-01-10T00:00:00", "2015-01-10T01:00:00", "2015-01-10T04:00:00"])
    assert found.value.facts == {"index": 2, "expected": "2015-01-10T02:00:00"}


def test_a_wrong_time_among_many_is_named_by_its_index() -> None:
    texts = ["2015-01-10T00:00:00"] * 5 + ["2015-02-30T00:00:00"]
    with pytest.raises(InvalidTime, match=r"ds\[5\]"):
        HOURLY.read_all(texts)


@pytest.mark.parametrize(
    "text", ["", "x" * 10_000, "2015-01-10T00:00:00.5", "0000-01-01T00:00:00", "٢٠١٥-01-10T00:00:00"]
)
def test_odd_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidTime):
        HOURLY.read(text)
    with pytest.raises(InvalidTime):
        HOURLY.read_all([text, "2015-01-10T00:00:00"])


def test_two_times_in_one_are_no_time() -> None:
    twice = "2015-01-10T00:00:00\n2015-01-10T00:00:00"
    assert Clock(Frequency.parse("1h"), None).read_plain([twice]) is None
    with pytest.raises(InvalidTime):
        Clock(Frequency.parse("1h"), None).read_all([twice])
