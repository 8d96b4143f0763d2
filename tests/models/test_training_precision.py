"""Mixed precision: the loss is scaled, gradients are as they are when they are clipped, and an overflow is one skip.

The scaler and lower precision of the CPU stand for those of CUDA, which is tried in tests/cuda.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.training.loop import Record, Training, TrainingDiverged
from models.training.precision import loss_scaler, require_device
from models.training.settings import TrainingSettings
from tests.models.panels import SETTINGS, small_training

CPU = torch.device("cpu")


def in_precision(precision: str, settings: TrainingSettings = SETTINGS) -> Training:
    """A training of the CPU in a precision that `prepare` would refuse there."""
    plain = small_training(settings)
    return Training(plain.model, plain.gradient.sampler, plain.validation, replace(settings, precision=precision))


def scaled(scale: float, settings: TrainingSettings = SETTINGS) -> Training:
    """A training in full precision whose loss is scaled all the same."""
    training = small_training(settings)
    training.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return training


def overflowing() -> Training:
    """A training in float16 whose scale is far too high at first."""
    training = in_precision("float16")
    training.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**22)
    return training


def records(training: Training, save: Callable[[Checkpoint], None] = lambda _: None) -> list[Record]:
    found: list[Record] = []
    training.run(found.append, save)
    return found


def test_on_the_cpu_other_precisions_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="precision float16 is for CUDA alone: take float32, or --device cuda"):
        small_training(replace(SETTINGS, precision="float16"))
    with pytest.raises(ValueError, match="unknown device 'tpu'; choose among cpu, cuda"):
        require_device("tpu", "float32")


def test_a_missing_cuda_device_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="this torch sees no CUDA device: take --device cpu"):
        require_device("cuda", "float16")


def test_a_scale_changes_neither_weights_nor_norms() -> None:
    plain, other = small_training(), scaled(2.0**12)
    expected, found = records(plain), records(other)
    for a, b in zip(expected, found, strict=True):
        assert (b.loss, b.gradient_norm) == pytest.approx((a.loss, a.gradient_norm), rel=1e-6)
    for a, b in zip(plain.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_gradients_are_unscaled_before_they_are_clipped() -> None:
    training = scaled(2.0**12, replace(SETTINGS, clip=1e-3))
    found = records(training)
    total = sum(float(weight.grad.square().sum()) for weight in training.model.parameters() if weight.grad is not None)
    assert total**0.5 == pytest.approx(1e-3, rel=1e-3)
    assert all(record.gradient_norm < 100 for record in found)


def test_an_overflow_is_one_skipped_step_and_half_the_scale() -> None:
    training = overflowing()
    before = [weight.detach().clone() for weight in training.model.parameters()]
    assert training._step().skipped
    assert (training.place.skipped, training.place.skipped_in_a_row) == (1, 1)
    assert training.scaler.get_scale() == 2.0**21
    for a, b in zip(before, training.model.parameters(), strict=True):
        assert torch.equal(a, b)
    while training._step().skipped:
        pass
    assert training.scaler.get_scale() == 2.0 ** (22 - training.place.skipped)
    assert training.place.skipped_in_a_row == 0


def test_gradients_that_no_scale_makes_finite_end_the_run() -> None:
    training = scaled(1.0)
    training.gradient.sampler.units[:] = float("nan")
    with pytest.raises(TrainingDiverged, match="10 of 10 steps had no finite gradient, 10 in a row"):
        records(training)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precision_learns_what_full_precision_learns(precision: str) -> None:
    expected, found = records(small_training()), records(in_precision(precision))
    assert [record.loss for record in found] == pytest.approx([record.loss for record in expected], rel=0.02)
    assert [record.loss for record in found] != [record.loss for record in expected]
    assert not any(record.skipped for record in found)


@pytest.mark.parametrize(("precision", "scales"), [("float32", False), ("bfloat16", False), ("float16", True)])
def test_only_float16_needs_a_scale(precision: str, scales: bool) -> None:
    assert loss_scaler(CPU, precision).is_enabled() == scales


def test_the_scale_is_part_of_a_checkpoint(tmp_path: Path) -> None:
    def save(checkpoint: Checkpoint) -> None:
        save_checkpoint(checkpoint, tmp_path / f"{checkpoint.place.step}")

    whole, resumed = overflowing(), overflowing()
    expected = records(whole, save)
    assert whole.place.skipped > 1
    resumed.restore(load_checkpoint(tmp_path / "10"))
    assert resumed.scaler.get_scale() < 2.0**22
    found = records(resumed)
    assert [record.loss for record in found] == [record.loss for record in expected[10:]]
    assert resumed.scaler.state_dict() == whole.scaler.state_dict()
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_accumulated_batches_share_one_scale() -> None:
    twice = replace(SETTINGS, accumulate=2, steps=8)
    for a, b in zip(records(small_training(twice)), records(scaled(2.0**10, twice)), strict=True):
        assert (b.loss, b.gradient_norm) == pytest.approx((a.loss, a.gradient_norm), rel=1e-5)
