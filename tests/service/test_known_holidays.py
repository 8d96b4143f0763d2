"""A model that knows holidays until a day: whoever serves it is told, once, when forecasts reach beyond that."""

from __future__ import annotations

import io
import json
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from service.events import NullObserver
from service.frames import History
from service.holidays import EVERY, KnownHolidays
from service.journal import Head
from service.journal.memory import MemoryJournal
from service.logs import LogObserver, open_log
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.sessions import SessionTable
from tests.service.engines import HOUR, START, Clock, column, send
from tests.service.retaining import Keeper, Wall, keeping, settle

UNTIL = date(2015, 1, 10)  # the day of START
LAST = START + 24 * HOUR - 1 - 3 * HOUR  # of a reading whose three steps ahead end within it


class Told(NullObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def holidays_passed(self, until: str) -> None:
        self.said.append(until)


def known(until: date | None = UNTIL, zone: str | None = None) -> tuple[KnownHolidays, SessionTable, Told, Clock]:
    manifest = fake_bundle(holidays_until=until).manifest.model_copy(update={"calendar_zone": zone})
    table, told, clock = SessionTable(1), Told(), Clock()
    return KnownHolidays(manifest, table, told, clock), table, told, clock


def history(*times: int) -> History:
    return History(np.zeros((len(times), 1)), np.array(times, dtype=np.int64))


def test_the_last_reading_within_is_the_last_of_which_nothing_is_said() -> None:
    holidays, _, told, _ = known()
    holidays.asked([history(), history(START, LAST)])
    assert (holidays.passed, told.said) == (False, [])
    holidays.asked([history(START), history(LAST, LAST + 1)])
    holidays.asked([history(LAST + 9 * HOUR)])
    assert (holidays.passed, told.said) == (True, ["2015-01-10"])


def test_a_day_ends_when_it_ends_in_the_zone_of_the_calendar() -> None:
    for zone, east in (("Asia/Tokyo", 9), ("America/New_York", -5), ("Mars/Olympus", 0)):
        holidays, _, told, _ = known(zone=zone)
        holidays.asked([history(LAST - east * HOUR)])
        assert not told.said
        holidays.asked([history(LAST - east * HOUR + 1)])
        assert told.said == ["2015-01-10"]


def test_sessions_are_looked_at_now_and_then_until_one_is_beyond() -> None:
    holidays, table, told, clock = known()
    assert holidays.seconds() == 0
    holidays.piece()  # nobody is there
    assert holidays.seconds() == EVERY
    heads = (Head(1, "a", START, 0, -1, np.zeros(1), ""), Head(2, "b", LAST + HOUR, 0, -1, np.zeros(1), ""))
    row, silent = (table.put(head, unborn=False) for head in heads)
    clock.now += EVERY
    holidays.piece()
    assert told.said == []
    table.advance(np.array([row]), np.array([21]), np.zeros((1, 1)))
    table.remove(silent)
    holidays.piece()
    assert told.said == ["2015-01-10"]
    assert holidays.seconds() is None


def test_a_model_without_holidays_looks_at_nothing() -> None:
    holidays, _, told, _ = known(until=None)
    holidays.asked([history(LAST + 9_000_000)])
    assert (holidays.seconds(), holidays.passed, told.said) == (None, False, [])


async def test_a_stream_that_goes_on_for_longer_is_noticed_by_the_engine() -> None:
    clock, journal = Clock(), MemoryJournal(1, Wall())
    runtime = FakeRuntime(fake_bundle(holidays_until=UNTIL))
    async with keeping(journal, clock, runtime, Keeper()) as engine:
        await engine.create("a", START, column(*range(20)))
        await settle(engine, clock, 3)
        assert not engine.holidays_passed
        await send(engine, *(("a", 1.0, step) for step in range(20, 22)))
        clock.now += EVERY
        await settle(engine, clock, 10)
        assert engine.holidays_passed


def test_the_log_warns_by_the_day_and_by_nothing_else() -> None:
    stream = io.StringIO()
    LogObserver(open_log("info", "json", stream)).holidays_passed("2015-01-10")
    line = json.loads(stream.getvalue())
    assert (line["level"], line["until"]) == ("warning", "2015-01-10")
    assert "train anew" in line["event"]


def test_a_manifest_has_both_holidays_and_their_last_day_or_neither() -> None:
    manifest = fake_bundle(holidays_until=UNTIL).manifest
    for part in ({"holidays": []}, {"holidays_until": None}):
        with pytest.raises(ValidationError, match="holidays want a day until which they are known"):
            type(manifest).model_validate({**manifest.model_dump(), **part})
