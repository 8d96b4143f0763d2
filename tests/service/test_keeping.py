"""Which readings are to be kept, and when enough others are there for it to be worth the work."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.frequency import DAY, Frequency
from service.engine_settings import EngineSettings
from service.errors import SettingsError
from service.keeping import Keeping

JANUARY = 1_420_070_400  # 2015-01-01


def keeping(frequency: str = "1h", **bounds: object) -> Keeping:
    found = Keeping.of(EngineSettings(**bounds), Frequency.parse(frequency))  # type: ignore[arg-type]
    assert found is not None
    return found


def first(policy: Keeping, last: int, start: int = JANUARY) -> int:
    return int(policy.first(np.array([start]), np.array([last]))[0])


def test_everything_is_kept_unless_it_is_said_otherwise() -> None:
    assert Keeping.of(EngineSettings(), Frequency.parse("1h")) is None


def test_so_many_of_the_newest_are_kept() -> None:
    assert first(keeping(keep_readings=10), 99) == 90
    assert first(keeping(keep_readings=1), 99) == 99
    assert first(keeping(keep_readings=10), 5) == 0


def test_days_count_back_from_the_newest_reading() -> None:
    assert first(keeping(keep_days=1), 99) == 99 - 24, "the reading a day before it is one of them"
    assert first(keeping(keep_days=0.5), 99) == 99 - 12
    assert first(keeping("1d", keep_days=7), 99) == 92
    assert first(keeping("7h", keep_days=1), 99) == 96, "what lies between two readings is rounded to what is kept"


def test_days_on_a_monthly_grid_are_those_of_the_calendar() -> None:
    policy = keeping("1mo", keep_days=59)
    # from 1 March 2015, 59 days back is 1 January; from 1 April it is 1 February
    assert first(policy, 2) == 0
    assert first(policy, 3) == 1
    assert first(keeping("1mo", keep_days=58), 2) == 1


def test_of_readings_and_days_whichever_keeps_more_counts() -> None:
    assert first(keeping(keep_readings=10, keep_days=1), 99) == 75
    assert first(keeping(keep_readings=50, keep_days=1), 99) == 50


def test_a_session_is_due_when_a_quarter_more_and_the_slack_is_there() -> None:
    policy = keeping(keep_readings=1000, keep_slack=100)
    starts = np.full(4, JANUARY)
    due = policy.due(starts, np.array([0, 0, 0, 500]), np.array([1000, 1248, 1249, 1749]))
    assert due.tolist() == [False, False, True, True]
    short = keeping(keep_readings=8, keep_slack=100)
    assert short.due(starts[:2], np.zeros(2, np.int64), np.array([106, 107])).tolist() == [False, True]


def test_many_sessions_are_asked_about_at_once() -> None:
    policy = keeping(keep_days=2, keep_readings=3)
    starts, lasts = JANUARY + DAY * np.arange(1000), np.arange(1000)
    alone = [first(policy, last, start) for start, last in zip(starts.tolist(), lasts.tolist(), strict=True)]
    assert policy.first(starts, lasts).tolist() == alone


def test_a_model_that_counts_its_steps_knows_no_days() -> None:
    with pytest.raises(SettingsError, match="keep_readings"):
        Keeping.of(EngineSettings(keep_days=3), Frequency.parse("1"))


def test_bounds_are_positive_or_none() -> None:
    for name in ("keep_readings", "keep_days", "session_ttl_seconds"):
        with pytest.raises(ValueError, match=name):
            EngineSettings(**{name: 0})  # type: ignore[arg-type]
