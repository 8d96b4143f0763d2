"""The end of the calendar: what is accepted can be written with all of its forecast, and nothing else is accepted."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.frequency import Frequency, format_time, parse_time
from service.errors import InvalidTime
from service.frames import History
from service.reach import Reach
from service.runtimes.fake import FakeRuntime, fake_bundle
from tests.service.engines import codes, column, frame, running, send

LATE = parse_time("9999-12-31T20:00:00", None)  # hourly with a horizon of 3: the last reading that leaves it room
HOUR = 3_600


@given(
    st.sampled_from(["10s", "1h", "1d", "1w", "1mo", "1q", "1y"]),
    st.datetimes(datetime(9990, 1, 1), datetime(9999, 12, 31)).map(lambda each: each.replace(microsecond=0)),
    st.integers(0, 90),
    st.integers(1, 40),
)
def test_what_lies_within_reach_is_what_can_be_written(alias: str, start: datetime, step: int, horizon: int) -> None:
    frequency, begin = Frequency.parse(alias), parse_time(start.isoformat(), None)
    reach = Reach(frequency, horizon)
    last = int(frequency.times(begin, np.array([step + horizon]))[0])
    try:
        format_time(last, frequency)
    except ValueError:
        with pytest.raises(InvalidTime, match="times end with the year 9999, and step"):
            reach.check(begin, step)
    else:
        reach.check(begin, step)


def test_counts_have_no_end() -> None:
    Reach(Frequency.parse("1"), 3).check(2**52, 100_000)


async def test_a_session_ends_where_its_forecast_could_not_be_written() -> None:
    async with running() as engine:
        await engine.create("a", LATE - 2 * HOUR, column(1.0))
        answers = await send(engine, ("a", 2.0, 1), ("a", 3.0, 2), ("a", 4.0, 3), ("a", 5.0), ("a", 6.0, 4))
        assert codes(answers) == [None, None, "invalid_time", "invalid_time", "gap"]
        assert (answers.times[1], answers.rows[1]) == (LATE, 0)
        late = answers.errors[2]
        assert late is not None
        assert "step 3 (9999-12-31T21:00:00) with the 3 steps of 1h forecast after it" in late.message
        again = await send(engine, ("a", 3.0, 2), ("a", 4.0, None, LATE + HOUR), ("a", 2.0, 1), ("a", 9.0, 2))
        assert codes(again) == [None, "invalid_time", "duplicate", "conflict"]
        assert again.repeated.tolist()[0]
        assert (await engine.session("a")).last_step == 2
        assert (await engine.peek("a"))[0].last_time == LATE


async def test_nothing_begins_beyond_the_calendar() -> None:
    async with running() as engine:
        await engine.create("last", LATE, column())
        for values in ((), (1.0,)):
            with pytest.raises(InvalidTime, match="step 0"):
                await engine.create("a", LATE + HOUR, column(*values))
        with pytest.raises(InvalidTime, match="step 2"):
            await engine.create("a", LATE - HOUR, column(1.0, 2.0, 3.0))
        times = LATE - HOUR + HOUR * np.arange(3)
        with pytest.raises(InvalidTime, match="step 2") as refused:
            await engine.forecast([History(column(1.0), times[:1]), History(column(1.0, 2.0, 3.0), times)])
        assert refused.value.facts["series"] == 1
        await engine.create("unborn", None, column())
        answers = await send(engine, ("unborn", 1.0, None, LATE + HOUR), ("unborn", 2.0, None, LATE), ("last", 1.0, 0))
        assert codes(answers) == ["invalid_time", None, None]
        assert (await engine.session("unborn")).start == LATE


async def test_months_end_with_december_of_9999() -> None:
    async with running(FakeRuntime(fake_bundle(frequency="1mo", horizon=2))) as engine:
        await engine.create("a", parse_time("9999-09-30T00:00:00", None), column())
        await engine.create("b", None, column())
        answers = await engine.observe(frame(("a", 1.0), ("b", 1.0), ("a", 2.0), ("a", 3.0)))
        assert codes(answers) == [None, "time_required", None, "invalid_time"]
