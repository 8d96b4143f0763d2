"""Holidays that a model knows by itself: of every reading's day and of every step's ahead, by the clock of its zone."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxruntime import InferenceSession

from datasets.holidays import Holidays, difference
from export.step_weights import beyond_the_kernel
from models.config import ForecasterConfig
from models.holidays import HolidayFlags
from models.moment import read, written
from models.registry import build
from tests.conftest import HOUR, START, daily_wave, small_config, taught

# clocks that change at midnight, by half an hour, around Ramadan, by a whole day (Apia, at the end of 2011), and never
ZONES = (None, "UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")
FIRST, LAST = date(2010, 1, 3), date(2016, 12, 31)
SOURCES = tuple(
    tuple((FIRST + timedelta(at)).isoformat() for at in range(0, (LAST - FIRST).days, every)) for every in (2, 3)
)
MANY = Holidays(("even", "third"), SOURCES, LAST.isoformat())
FLAGS = {zone: HolidayFlags(small_config(holidays=MANY, calendar_zone=zone)) for zone in ZONES}
CHANGES = [  # an hour around each lies on two days, or on one that is an hour longer or shorter than others
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2014, 3, 30, 1, tzinfo=UTC),
    datetime(2014, 11, 2, 5, tzinfo=UTC),
    datetime(2015, 3, 8, 5, tzinfo=UTC),
    datetime(2015, 4, 4, 15, tzinfo=UTC),
]
MOMENTS = st.integers(-100_000_000, 2_000_000_000) | st.builds(
    lambda change, off: int(change.timestamp()) + off, st.sampled_from(CHANGES), st.integers(-200_000, 200_000)
)


def expected(zone: str | None, moment: int) -> list[float]:
    """By the standard library: its own day, then those a season of 4 and of 24 hours before, each of both sources."""
    found = []
    for back in (0, 4 * HOUR, 24 * HOUR):
        day = datetime.fromtimestamp(moment - back, ZoneInfo(zone or "UTC")).date().isoformat()
        found += [float(day in source) for source in SOURCES]
    return found


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(ZONES), MOMENTS)
def test_a_day_begins_at_midnight_of_the_zones_own_clock_whenever_that_is(zone: str | None, moment: int) -> None:
    assert FLAGS[zone](torch.tensor([moment])).tolist() == [expected(zone, moment)]


@settings(deadline=None)
@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_a_row_keeps_any_time_that_can_be_written_to_the_second(moment: int) -> None:
    numbers = written(torch.tensor([moment]))
    assert numbers.dtype == torch.float32
    assert read(numbers).tolist() == [moment]


def test_before_the_first_and_after_the_last_day_that_is_known_no_day_is_a_holiday() -> None:
    known = Holidays(("XX",), (("2015-12-25", "2016-12-26"),), "2015-12-31")
    flags = HolidayFlags(small_config(holidays=known))
    days = [datetime(year, month, day, 12, tzinfo=UTC) for year, month, day in
            ((2015, 12, 24), (2015, 12, 25), (2015, 12, 26), (2016, 12, 26), (1, 1, 2), (9999, 1, 1))]  # fmt: skip
    times = torch.tensor([int((day - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) for day in days])
    assert flags(times)[:, 0].tolist() == [0, 1, 0, 0, 0, 0]
    assert not HolidayFlags(small_config(holidays=Holidays(("XX",), ((),), "2015-12-31")))(times).any()


def test_exported_the_days_are_the_same(tmp_path: Path) -> None:
    flags = FLAGS["America/Havana"].eval()
    times = int(CHANGES[3].timestamp()) + 1_800 * torch.arange(-400, 400).reshape(20, 40)
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("time")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' own
        program = torch.onnx.export(flags, (times[:5, :3],), dynamo=True, dynamic_shapes=(free,), verbose=False)
        traced = torch.jit.trace(flags, (times[:5, :3],), check_trace=False)
    assert program is not None
    program.save(str(tmp_path / "days.onnx"))
    session = InferenceSession(str(tmp_path / "days.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: times.numpy()})
    assert set(found.flat) == {0.0, 1.0}
    np.testing.assert_array_equal(found, flags(times).numpy())
    assert torch.equal(traced(times), flags(times))


@pytest.mark.parametrize("architecture", ["gru", "bi-gru", "ensemble"])
def test_a_holiday_moves_the_forecast_of_its_own_day_from_the_day_before_on(architecture: str) -> None:
    """Readings end at nine in the evening of July 2, summer time in New York; three steps ahead lie on July 3."""
    plain = Holidays(("US",), (("2014-06-01",),), "2014-12-31")
    config = small_config(architecture=architecture, calendar_zone="America/New_York", holidays=plain)
    torch.manual_seed(0)
    model = taught(build(config), steps=3)
    other = build(replace(config, holidays=Holidays(("US",), (("2014-06-01", "2014-07-03"),), "2014-12-31")))
    other.load_state_dict(model.state_dict())
    end = int(datetime(2014, 7, 2, 21, tzinfo=ZoneInfo("America/New_York")).timestamp())
    times = (end + HOUR * torch.arange(-39, 1))[None]
    values = torch.from_numpy(daily_wave(40))[None, :, None]
    lengths, start = torch.tensor([40]), model.initial()[None]
    with torch.no_grad():
        one, state = model.sequence(values, times, lengths, start)
        two, same = other.eval().sequence(values, times, lengths, start)
    assert torch.equal(state.nan_to_num(), same.nan_to_num())
    assert (one != two).any(2)[0].tolist() == [False, False, True, True, True, True]


def test_a_session_without_a_reading_has_a_forecast_and_no_day() -> None:
    model = build(small_config(holidays=MANY)).eval()
    nothing = torch.full((2, 1, 1), float("nan"), dtype=torch.float64)
    none = torch.zeros(2, dtype=torch.int64)
    with torch.no_grad():
        forecast, state = model.sequence(nothing, START + none[:, None], none, model.initial().repeat(2, 1))
    assert torch.isfinite(forecast).all()
    assert torch.equal(state.nan_to_num(), model.initial().repeat(2, 1).nan_to_num())


def test_a_configuration_with_holidays_comes_back_from_json_and_one_without_days_is_refused() -> None:
    config = small_config(holidays=MANY)
    assert ForecasterConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert str(config.holidays) == "even, third until 2016-12-31"
    with pytest.raises(ValueError, match="holidays want steps of a day or shorter, not 1w"):
        small_config(holidays=MANY, frequency="1w")
    for other in ("Christmas", "20151225", "2015-W52-5"):  # text of another form has not the order of time
        with pytest.raises(ValueError, match=f"dates such as 2015-12-25, not '{other}'"):
            Holidays(("XX",), ((other,),), "2015-12-31")
    with pytest.raises(ValueError, match="need dates for each of XX, YY"):
        Holidays(("XX", "YY"), ((),), "2015-12-31")


def test_other_dates_under_the_same_names_are_told_apart() -> None:
    one = {"names": ["XX"], "dates": [["2015-05-01"]], "until": "2015-12-31"}
    assert difference("holidays", one, None) == "holidays was XX until 2015-12-31, is None"
    assert difference("holidays", one, {**one, "dates": [[]]}).endswith("is XX until 2015-12-31 with other dates")


def test_the_kernel_leaves_such_a_model_to_its_graphs() -> None:
    assert beyond_the_kernel(build(small_config(holidays=MANY))) == "the holidays of even, third"
