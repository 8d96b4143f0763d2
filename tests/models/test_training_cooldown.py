"""The cool-down: from the best weights on, at a low rate, kept if it is better, and begun anew where it was cut off."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.training.checkpoint import Checkpoint
from models.training.loop import Record, Training
from tests.models.panels import SETTINGS, small_training
from tests.models.test_training_loop import assert_same_weights, finished, scripted


def cooling_training() -> Training:
    return small_training(replace(SETTINGS, cooldown=0.4))


def test_behind_the_budget_it_cools_down_from_the_best_weights() -> None:
    training = cooling_training()
    records, _ = finished(training)
    behind = [record for record in records if record.cooling]
    assert [record.step for record in behind] == list(range(21, 29))
    assert not any(record.cooling for record in records[:20])
    assert max(record.rate for record in behind) == pytest.approx(0.1 * SETTINGS.rate)
    assert [record.validation is None for record in behind] == [True] * 7 + [False]
    assert training.place.step == 20


@pytest.mark.parametrize(("after", "kept"), [(0.5, True), (1.5, False)])
def test_what_it_cools_down_to_is_kept_if_it_is_better(after: float, kept: bool) -> None:
    training = scripted([3.0, 1.0, 2.0, 2.0, after], replace(SETTINGS, cooldown=0.4))
    before: dict[str, Tensor] = {}

    def look(record: Record) -> None:
        if record.step == 20:
            before.update({name: value.clone() for name, value in training.best.items()})

    outcome = training.run(look, lambda _: None)
    same = all(torch.equal(value, before[name]) for name, value in training.model.state_dict().items())
    assert (outcome.place.cooled, outcome.place.best, same) == (kept, min(1.0, after), not kept)
    assert outcome.place.best_step == 10


def test_a_run_that_ended_while_it_cooled_down_begins_that_anew() -> None:
    whole, checkpoints = cooling_training(), list[Checkpoint]()
    whole.run(lambda _: None, checkpoints.append)
    stopped = cooling_training()
    saved: list[Checkpoint] = []
    steps = iter(range(24))
    outcome = stopped.run(lambda _: None, saved.append, lambda: next(steps, None) == 23)
    assert outcome.reason == "interrupted"
    assert outcome.place.cooled is None
    again = cooling_training()
    again.restore(saved[-1])
    assert again.run(lambda _: None, lambda _: None).reason == "budget"
    assert_same_weights(again, whole)
    ended = cooling_training()
    ended.restore(checkpoints[-1])
    records, _ = finished(ended)
    assert records == []
    assert_same_weights(ended, whole)
