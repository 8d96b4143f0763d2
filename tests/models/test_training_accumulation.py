"""Gradients of several batches are those of one batch of all their rows, each target weighing the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from models.layers.dropout import Dropout
from models.training.accumulation import accumulate
from models.training.loop import Training
from models.training.windows import Crops, Sampler
from tests.models.panels import SETTINGS, small_training


def joined(parts: list[Crops]) -> Crops:
    """One batch of the rows of several, padded to the longest of all."""
    longest = max(part.values.size(1) for part in parts)

    def widened(name: str, fill: float) -> Tensor:
        each = [getattr(part, name) for part in parts]
        extra = [longest - part.values.size(1) for part in parts]
        behind = [(0, 0, 0, more) if tensor.ndim == 3 else (0, more) for tensor, more in zip(each, extra, strict=True)]
        return torch.cat([pad(tensor, shape, value=fill) for tensor, shape in zip(each, behind, strict=True)])

    nan = float("nan")
    plain = {name: torch.cat([getattr(part, name) for part in parts]) for name in ("before", "lengths", "unit")}
    return Crops(values=widened("values", nan), times=widened("times", 0), future=widened("future", nan), **plain)


class Joined(Sampler):
    """Gives what a sampler gives in three steps as one batch."""

    def crops(self, step: int) -> Crops:
        return joined([super(Joined, self).crops(3 * step + part) for part in range(3)])


def trained(training: Training) -> tuple[list[float], list[float], dict[str, Tensor]]:
    losses: list[float] = []
    norms: list[float] = []
    training.run(lambda record: (losses.append(record.loss), norms.append(record.gradient_norm)), lambda _: None)
    return losses, norms, training.model.state_dict()


def test_three_batches_of_four_train_as_one_of_twelve() -> None:
    once = replace(
        SETTINGS, steps=6, batching="pad", shortest=3, every=1
    )  # batches of very different numbers of targets
    one, three = small_training(once), small_training(replace(once, accumulate=3))
    one.gradient.sampler = Joined(**vars(one.gradient.sampler))
    for training in (one, three):
        for module in training.model.modules():
            if isinstance(module, Dropout):
                module.share = 0.0
    assert len(one.gradient.sampler.crops(0).lengths) == 12
    (losses, norms, weights), (others, other_norms, other_weights) = trained(one), trained(three)
    assert others == pytest.approx(losses, rel=1e-5)
    assert other_norms == pytest.approx(norms, rel=1e-4)
    for name, weight in weights.items():
        torch.testing.assert_close(other_weights[name], weight, rtol=1e-3, atol=1e-5)


def test_each_target_weighs_the_same_whatever_its_batch() -> None:
    weight = torch.tensor([2.0], requires_grad=True)
    data = [torch.arange(1.0, 2.0), torch.arange(10.0, 17.0), torch.empty(0), torch.arange(3.0, 5.0)]
    parts = ((((weight * part) ** 2).sum() / max(1, len(part)), len(part)) for part in data)
    mean = accumulate(parts, [weight], lambda loss: loss)
    together = torch.cat(data)
    assert mean == pytest.approx(float((2 * together).square().mean()))
    assert weight.grad is not None
    assert weight.grad.item() == pytest.approx(float((2 * 2 * together.square()).mean()))


def test_one_graph_is_held_at_a_time() -> None:
    weight = torch.ones(1, requires_grad=True)
    events: list[str] = []

    def parts() -> object:
        for number in range(2):
            events.append(f"made {number}")
            yield (weight * 1.0).sum(), 1

    def scale(loss: Tensor) -> Tensor:
        events.append("taken")
        return loss

    accumulate(parts(), [weight], scale)  # type: ignore[arg-type]
    assert events == ["made 0", "taken", "made 1", "taken"]


def test_a_step_draws_its_own_batches_and_resumes_with_the_next() -> None:
    chosen = replace(SETTINGS, steps=10, accumulate=2)
    whole, stopped, resumed = (small_training(chosen) for _ in range(3))
    whole.run(lambda _: None, lambda _: None)
    saved: list = []
    stopped.run(lambda _: None, saved.append, lambda: stopped.place.step == 7)
    resumed.restore(saved[-1])
    asked: list[int] = []

    class Noting(Sampler):
        def crops(self, step: int) -> Crops:
            asked.append(step)
            return super().crops(step)

    resumed.gradient.sampler = Noting(**vars(resumed.gradient.sampler))
    resumed.run(lambda _: None, lambda _: None)
    assert asked == list(range(14, 20))
    for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
