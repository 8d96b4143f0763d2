"""Schedules: the default as it was, each at its landmarks, and the plateau's memory across a stop."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.training.schedule import FLOOR, SCHEDULES, rate_at
from tests.models.panels import SETTINGS, small_training

STEPS, WARM_UP = 220, 20  # 200 steps of the way down


def rates(schedule: str, losses: tuple[float, ...] = ()) -> list[float]:
    return [rate_at(step, STEPS, 0.5, WARM_UP, schedule, losses) for step in range(STEPS)]


def test_the_default_is_exactly_what_it_was() -> None:
    for step in range(STEPS):
        way = (step - WARM_UP) / (STEPS - WARM_UP)
        falling = 0.5 * (0.01 + (1 - 0.01) * 0.5 * (1 + math.cos(math.pi * min(1.0, way))))
        expected = 0.5 * (step + 1) / WARM_UP if step < WARM_UP else falling
        assert rate_at(step, STEPS, 0.5, WARM_UP) == expected


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_warms_up_evenly_to_where_it_begins(schedule: str) -> None:
    found = rates(schedule)
    begin = found[WARM_UP]
    assert found[:WARM_UP] == pytest.approx([begin * (step + 1) / WARM_UP for step in range(WARM_UP)])
    assert rate_at(0, STEPS, 0.5, 0, schedule) == pytest.approx(begin)


@given(
    st.sampled_from(sorted(SCHEDULES)),
    st.integers(0, 500),
    st.integers(1, 500),
    st.integers(0, 600),
    st.lists(st.floats()),
)
def test_a_rate_is_never_above_the_peak_nor_nought(
    schedule: str, step: int, steps: int, warm_up: int, losses: list[float]
) -> None:
    assert 0 < rate_at(step, steps, 0.1, warm_up, schedule, losses) <= 0.1


def test_the_step_schedule_drops_to_a_tenth_at_half_and_at_three_quarters() -> None:
    found = rates("step")
    assert found[WARM_UP : WARM_UP + 100] == [0.5] * 100
    assert found[WARM_UP + 100 : WARM_UP + 150] == pytest.approx([0.05] * 50)
    assert found[WARM_UP + 150 :] == pytest.approx([0.005] * 50)


def test_the_exponential_schedule_falls_by_the_same_factor_at_each_step_down_to_the_floor() -> None:
    found = rates("exponential")[WARM_UP:]
    factors = [after / before for before, after in pairwise(found)]
    assert factors == pytest.approx([FLOOR ** (1 / 200)] * len(factors))
    assert found[-1] == pytest.approx(0.5 * FLOOR, rel=0.03)


def test_one_cycle_rises_to_the_peak_in_three_tenths_and_falls_to_the_floor() -> None:
    found = rates("onecycle")[WARM_UP:]
    assert found[0] == pytest.approx(0.5 / 25)
    assert max(found) == found[60] == pytest.approx(0.5)
    assert found[:61] == sorted(found[:61])
    assert found[60:] == sorted(found[60:], reverse=True)
    assert found[-1] == pytest.approx(0.5 * FLOOR, rel=0.05)


@pytest.mark.parametrize(
    ("losses", "drops"),
    [
        ((), 0),
        ((3.0, 2.0, 1.0), 0),
        ((1.0, 2.0, 2.0), 0),
        ((1.0, 2.0, 1.0, 1.0), 1),  # the same again is not better
        ((1.0, 2.0, 2.0, 0.9, 1.0, 1.0), 0),
        ((1.0, 2.0, 2.0, 2.0, 2.0, 2.0), 1),  # the count starts again after a drop
        ((1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0), 2),
        ((1.0, math.nan, math.nan, math.nan), 1),
    ],
)
def test_the_plateau_drops_when_three_validations_brought_nothing_better(losses: tuple[float, ...], drops: int) -> None:
    assert rates("plateau", losses)[WARM_UP:] == pytest.approx([0.5 * 0.3**drops] * 200)


def test_the_plateau_never_falls_below_the_floor() -> None:
    assert rates("plateau", (1.0,) * 200)[-1] == pytest.approx(0.5 * FLOOR)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_schedule_goes_on_after_a_stop_as_if_never_stopped(schedule: str, tmp_path: Path) -> None:
    chosen = replace(SETTINGS, schedule=schedule, validate_every=1, steps=14, rate=0.5)  # a rate that gets worse
    whole, stopped, resumed = (small_training(chosen) for _ in range(3))
    expected, found = [], []
    stop = 9
    whole.run(expected.append, lambda _: None)

    def save(checkpoint: Checkpoint) -> None:
        save_checkpoint(checkpoint, tmp_path / "resume")

    stopped.run(lambda _: None, save, lambda: stopped.place.step == stop)
    resumed.restore(load_checkpoint(tmp_path / "resume"))
    resumed.run(found.append, lambda _: None)
    assert [record.rate for record in found] == [record.rate for record in expected[stop:]]
    assert [record.loss for record in found] == [record.loss for record in expected[stop:]]
    assert resumed.place.validations == whole.place.validations
    if schedule == "plateau":
        assert found[-1].rate < chosen.rate
        assert len(set(whole.place.validations)) == chosen.steps
