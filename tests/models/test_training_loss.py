"""The masked quantile loss and the learning rate's schedule."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.forecaster import Fork
from models.training.loss import fork_loss, quantile_loss
from models.training.schedule import rate_at
from models.transform import Transform

LEVELS = torch.tensor([0.1, 0.5, 0.9])
NAN = float("nan")


def plain(quantiles: Tensor, level: Tensor, scale: Tensor, target: Tensor, unit: Tensor) -> tuple[Tensor, int]:
    """The loss as the books write it, one target after the other."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for place in torch.cartesian_prod(*(torch.arange(n) for n in target.shape)):
        where = tuple(place.tolist())
        if torch.isnan(target[where]):
            continue
        count += 1
        error = target[where] - (level[where[:-1]] + scale[where[:-1]] * quantiles[where])
        loss = 2 * torch.maximum(LEVELS * error, (LEVELS - 1) * error).mean()
        total = total + loss / unit[where[:-1]]
    return total, count


def case() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    quantiles = torch.randn(2, 4, 5, 3).sort(-1).values.requires_grad_()
    level, scale = torch.randn(2, 4).double() * 50, torch.rand(2, 4).double() * 3 + 0.5
    target = level.unsqueeze(-1) + torch.randn(2, 4, 5).double() * 4
    target[0, 1, 2:] = NAN
    return quantiles, level, scale, target, torch.tensor([[2.0], [5.0]]).double().expand(2, 4)


def test_the_loss_is_that_of_the_books_in_units_of_each_series() -> None:
    inputs = case()
    found, count = quantile_loss(*inputs, LEVELS)
    expected, targets = plain(*inputs)
    assert int(count) == targets
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_its_gradient_is_that_of_the_loss() -> None:
    inputs = case()
    quantile_loss(*inputs, LEVELS)[0].backward()
    found = inputs[0].grad
    again = case()
    plain(*again)[0].backward()
    torch.testing.assert_close(found, again[0].grad)


def test_a_missing_target_has_no_part_in_value_or_gradient() -> None:
    quantiles, level, scale, target, unit = case()
    total, count = quantile_loss(quantiles, level, scale, torch.full_like(target, NAN), unit, LEVELS)
    total.backward()
    assert (total.item(), count.item()) == (0.0, 0)
    assert quantiles.grad is not None
    assert not quantiles.grad.any()


def test_a_target_after_a_constant_window_gives_a_finite_loss() -> None:
    quantiles, level, scale, target, unit = case()
    total, _ = quantile_loss(quantiles, level, torch.full_like(scale, 1e-30), target, unit, LEVELS)
    total.backward()
    assert torch.isfinite(total)
    assert quantiles.grad is not None
    assert torch.isfinite(quantiles.grad).all()


def test_steps_beyond_a_rows_end_and_before_any_reading_do_not_count() -> None:
    quantiles, level, scale, _, _ = case()
    seen = torch.tensor([[0.0, 1, 2, 3], [1, 2, 3, 4]])
    fork = Fork(quantiles, level, scale, seen, torch.zeros(2, 1))
    future = torch.randn(2, 8).double()
    loss = fork_loss(fork, future, torch.tensor([4, 2]), torch.ones(2).double(), LEVELS)
    loss.backward()
    assert quantiles.grad is not None
    assert quantiles.grad.any(-1).any(-1).tolist() == [[False, True, True, True], [True, True, False, False]]


def test_only_chosen_origins_count_each_by_how_young_it_is_and_are_held_against_their_own_targets() -> None:
    quantiles, level, scale, _, _ = case()
    future, lengths, unit = torch.randn(2, 8).double(), torch.tensor([4, 3]), torch.ones(2).double()
    seen = torch.tensor([[8.0, 16.0, 32.0, 80.0], [80.0, 32.0, 16.0, 8.0]])
    chosen = slice(1, None, 2)
    steps = torch.arange(4).expand(2, -1)[:, chosen]
    parts = (each[:, chosen] for each in (quantiles, level, scale, seen))
    found = fork_loss(Fork(*parts, torch.zeros(2, 1), steps), future, lengths, unit, LEVELS)
    left_out = future.unfold(1, 5, 1).clone()
    target = torch.stack([left_out[0, 1], left_out[0, 3], left_out[1, 1]]).unsqueeze(0)
    rows = ([0, 0, 1], [1, 3, 1])
    units = torch.tensor([[1 / 1.5, 1 / 1.1, 1 / 1.25]]).double()  # after n readings it weighs 1 + 8 / n
    total, count = plain(quantiles[rows][None], level[rows][None], scale[rows][None], target, units)
    assert found.item() == pytest.approx(total.item() / count, rel=1e-5)


def test_under_a_logarithm_errors_are_relative() -> None:
    quantiles, _, scale, _, unit = case()
    level = torch.full((2, 4), 5.0).double()
    target = torch.rand(2, 4, 5).double() * 900 + 100
    curve = Transform(1e-3)
    found = [
        quantile_loss(quantiles, curve.apply(factor * level), scale, factor * target, unit, LEVELS, curve)[0].item()
        for factor in (1.0, 1_000.0)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_each_step_is_held_against_what_came_after_it() -> None:
    future = torch.arange(1.0, 9.0).double().unsqueeze(0)  # the target one step on, and so forth
    exact = future.unfold(1, 5, 1).unsqueeze(-1).expand(1, 4, 5, 3).float()
    level, scale, seen = torch.zeros(1, 4).double(), torch.ones(1, 4).double(), torch.ones(1, 4)
    fork = Fork(exact, level, scale, seen, torch.zeros(1, 1))
    assert float(fork_loss(fork, future, torch.tensor([4]), torch.ones(1).double(), LEVELS)) == 0.0


def test_the_rate_warms_up_and_falls_to_a_hundredth() -> None:
    rates = [rate_at(step, 200, 1.0, 40) for step in range(200)]
    assert rates[:2] == pytest.approx([1 / 40, 2 / 40])
    assert max(rates) == rates[39] == 1.0
    assert rates[40:] == sorted(rates[40:], reverse=True)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)


def test_a_short_run_warms_up_for_a_fifth_of_it() -> None:
    rates = [rate_at(step, 10, 1.0, 100) for step in range(10)]
    assert rates[1] == 1.0
