"""The loop: same seed, same weights; stopped and resumed, same weights; and what keeps it stable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from models.forecaster import Forecaster
from models.registry import build
from models.training.checkpoint import Checkpoint, ResumeError
from models.training.loop import Record, Training, TrainingDiverged
from models.training.optimizer import build_optimizer
from models.training.settings import TrainingSettings
from models.training.validation import Validation
from models.training.windows import Crops, Sampler
from tests.conftest import small_config
from tests.models.panels import SEASON, SETTINGS, small_panel, small_training


def finished(training: Training) -> tuple[list[Record], list[Checkpoint]]:
    records: list[Record] = []
    checkpoints: list[Checkpoint] = []
    training.run(records.append, checkpoints.append)
    return records, checkpoints


def assert_same_weights(a: Training, b: Training) -> None:
    for (name, first), second in zip(a.model.state_dict().items(), b.model.state_dict().values(), strict=True):
        assert torch.equal(first, second), name


def test_training_makes_the_loss_smaller() -> None:
    training = small_training(replace(SETTINGS, steps=60))
    records, _ = finished(training)
    assert records[-1].validation is not None
    assert sum(r.loss for r in records[-10:]) < 0.8 * sum(r.loss for r in records[:10])


def test_same_seed_same_weights() -> None:
    first, second = small_training(), small_training()
    finished(first)
    torch.rand(5)  # what others draw in between does not matter
    finished(second)
    assert_same_weights(first, second)


def test_another_seed_other_weights() -> None:
    first, second = small_training(), small_training(replace(SETTINGS, seed=1))
    finished(first)
    finished(second)
    assert not torch.equal(first.model.decoder.mix.weight, second.model.decoder.mix.weight)


def test_a_run_leaves_the_random_state_of_its_caller_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    finished(small_training())
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("stop", [1, 5, 7, 13, 19])
def test_stopped_and_resumed_is_as_never_stopped(stop: int) -> None:
    whole, stopped, resumed = small_training(), small_training(), small_training()
    expected, _ = finished(whole)
    saved: list[Checkpoint] = []
    outcome = stopped.run(lambda _: None, saved.append, lambda: stopped.place.step == stop)
    assert outcome.reason == "interrupted"
    resumed.restore(saved[-1])
    found, _ = finished(resumed)
    assert_same_weights(whole, resumed)
    assert [replace(record, seconds=0) for record in found] == [replace(r, seconds=0) for r in expected[stop:]]
    assert replace(resumed.place, seconds=0) == replace(whole.place, seconds=0)


class Scripted(Validation):
    """A validation that says what it was told to say."""

    script: list[float]

    def loss(self, model: Forecaster) -> float:  # noqa: ARG002 (the validation's)
        return self.script.pop(0)


def scripted(losses: Sequence[float], settings: TrainingSettings) -> Training:
    training = small_training(settings)
    training.validation = Scripted(**vars(training.validation))
    object.__setattr__(training.validation, "script", list(losses))
    return training


def test_the_best_weights_are_kept_not_the_last() -> None:
    training = scripted([3.0, 1.0, 2.0, 1.5], SETTINGS)
    records, checkpoints = finished(training)
    assert [record.step for record in records if record.best] == [5, 10]
    assert (training.place.best, training.place.best_step) == (1.0, 10)
    at_best = next(checkpoint for checkpoint in checkpoints if checkpoint.place.step == 10)
    for name, weight in training.model.state_dict().items():
        assert torch.equal(weight, at_best.weights[name])
    assert not torch.equal(checkpoints[-1].weights["decoder.mix.weight"], at_best.weights["decoder.mix.weight"])


def test_it_ends_early_when_nothing_gets_better() -> None:
    training = scripted([3.0, 2.0, 2.0, 2.5, 2.4, 0.1], replace(SETTINGS, steps=500, patience=3))
    outcome = training.run(lambda _: None, lambda _: None)
    assert (outcome.reason, outcome.place.step, outcome.place.best_step) == ("early", 25, 10)


def test_a_run_stopped_before_its_first_validation_still_has_weights() -> None:
    training = small_training()
    outcome = training.run(lambda _: None, lambda _: None, lambda: True)
    assert outcome.place.step == 1
    assert outcome.place.best is not None


class Spoilt(Sampler):
    """A sampler some of whose batches have no finite gradient."""

    def crops(self, step: int) -> Crops:
        crops = super().crops(step)
        return crops._replace(unit=torch.full_like(crops.unit, float("nan"))) if step in SPOILT else crops


SPOILT: set[int] = set()


def spoilt_training(steps: Sequence[int], budget: int = 20) -> Training:
    SPOILT.clear()
    SPOILT.update(steps)
    training = small_training(replace(SETTINGS, steps=budget))
    training.gradient.sampler = Spoilt(**vars(training.gradient.sampler))
    return training


def test_a_step_without_a_finite_gradient_is_skipped_and_counted() -> None:
    training = spoilt_training([2])
    before: list[torch.Tensor] = []
    training.run(lambda _: before.append(training.model.decoder.mix.weight.detach().clone()), lambda _: None)
    assert torch.equal(before[2], before[1])
    assert not torch.equal(before[3], before[2])
    assert training.place.skipped == 1
    assert all(torch.isfinite(weight).all() for weight in training.model.parameters())


def test_ten_such_steps_in_a_row_end_the_run_with_advice() -> None:
    training = spoilt_training(range(5, 20))
    with pytest.raises(TrainingDiverged, match=r"10 of 15 steps .* halve the rate \(--rate 0.0025\)"):
        finished(training)


def test_one_such_step_in_ten_ends_the_run_too() -> None:
    training = spoilt_training(range(0, 200, 8), budget=200)
    with pytest.raises(TrainingDiverged):
        finished(training)
    assert training.place.step == 50


def test_gradients_are_clipped() -> None:
    training = small_training(replace(SETTINGS, clip=1e-3))
    records, _ = finished(training)
    total = sum(float(weight.grad.square().sum()) for weight in training.model.parameters() if weight.grad is not None)
    assert records[-1].gradient_norm > 1e-3
    assert total**0.5 == pytest.approx(1e-3, rel=1e-3)


def test_biases_and_norms_do_not_decay() -> None:
    model = build(small_config())
    groups = build_optimizer(model, SETTINGS).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, free = ({names[id(parameter)] for parameter in group["params"]} for group in groups)
    assert (groups[0]["weight_decay"], groups[1]["weight_decay"]) == (SETTINGS.decay, 0.0)
    assert decayed | free == set(names.values())
    assert all("bias" in name or "norm" in name for name in free)
    assert not any("bias" in name or "norm" in name for name in decayed)


def test_the_validation_loss_draws_nothing_at_random_and_sees_no_held_out_reading() -> None:
    training = small_training()
    panel = small_panel()
    first = training.validation.loss(training.model)
    for stretch, end in zip(panel.series, panel.validation_end, strict=True):
        stretch.values[end:] = 1e6
    assert Validation.of(panel, SEASON).loss(training.model) == first


def test_without_a_validation_part_nothing_can_be_chosen() -> None:
    panel = small_panel()
    with pytest.raises(ValueError, match="no series has a validation part"):
        Validation.of(replace(panel, train_end=panel.validation_end), SEASON)


def test_a_checkpoint_of_another_model_is_refused() -> None:
    checkpoint = small_training().checkpoint()
    with pytest.raises(ResumeError, match="does not fit this model"):
        small_training(hidden=12).restore(checkpoint)
