"""Dropout, zoneout and normalisation: at work in training, off or fixed everywhere else."""

from __future__ import annotations

import pytest
import torch

from models.layers.norm import MaskedBatchNorm, Normalisation
from models.layers.zoneout import zoned_out
from models.registry import ARCHITECTURES, build
from tests.conftest import small_config
from tests.models.series import fresh, rows

LENGTHS = torch.tensor([30, 12, 5])


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
@pytest.mark.parametrize("chosen", [{"dropout": 0.4}, {"zoneout": 0.4}])
@torch.no_grad()
def test_dropout_and_zoneout_draw_in_training_and_nowhere_else(name: str, chosen: dict[str, float]) -> None:
    torch.manual_seed(0)
    model, plain = (build(small_config(architecture=name, **settings)) for settings in (chosen, {}))
    plain.load_state_dict(model.state_dict())
    values, times = rows(30)

    def forked(of: torch.nn.Module) -> torch.Tensor:
        return of.fork(values, times, LENGTHS, fresh(model)).quantiles[:, 0]  # type: ignore[operator,no-any-return]

    model.train()
    assert not torch.equal(forked(model), forked(model))
    model.eval(), plain.eval()
    assert torch.equal(forked(model), forked(plain))
    for one, other in zip(
        model.sequence(values, times, LENGTHS, fresh(model)),
        plain.sequence(values, times, LENGTHS, fresh(model)),
        strict=True,
    ):
        assert torch.equal(one.nan_to_num(), other.nan_to_num())


def test_zoneout_keeps_about_its_share_of_units_and_all_that_are_held_anyway() -> None:
    torch.manual_seed(0)
    like, held = torch.zeros(20, 50, 3), torch.zeros(20, 50, 1)
    held[:, ::2] = 1.0
    alone = zoned_out(0.15, like, 40)
    assert alone.shape == (20, 50, 40)
    assert set(alone.unique().tolist()) == {0.0, 1.0}
    assert 0.14 < alone.mean().item() < 0.16
    both = zoned_out(0.15, like, 40, held)
    assert torch.all(both[:, ::2] == 1)
    assert 0.14 < both[:, 1::2].mean().item() < 0.16


def test_statistics_of_a_batch_are_of_its_real_steps() -> None:
    torch.manual_seed(0)
    norm, other = MaskedBatchNorm(4).train(), MaskedBatchNorm(4).train()
    values = 3 + 2 * torch.randn(3, 20, 4)
    real = torch.arange(20) < torch.tensor([[20], [8], [3]])
    padded = torch.where(real.unsqueeze(2), values, torch.full_like(values, 1e6))
    trimmed = values[real].unsqueeze(0)  # (1, steps, 4)
    found = norm(padded, real)[real]
    expected = other(trimmed, torch.ones(1, len(trimmed[0]), dtype=torch.bool))[0]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(found.var(0, correction=0), torch.ones(4), rtol=1e-3, atol=0)
    torch.testing.assert_close(norm.mean, 0.1 * trimmed[0].mean(0))
    torch.testing.assert_close(norm.variance, 0.9 + 0.1 * trimmed[0].var(0, correction=0))
    torch.testing.assert_close(norm.mean, other.mean)
    norm.eval()
    expected = (values - norm.mean) / torch.sqrt(norm.variance + 1e-5)
    torch.testing.assert_close(norm(values, real), expected)
    torch.testing.assert_close(norm(values[:, 0]), expected[:, 0])


def test_statistics_are_kept_in_float32_whatever_the_layers_give() -> None:
    for kind in (torch.float16, torch.bfloat16):
        norm = MaskedBatchNorm(4).train()
        norm(torch.ones(2, 3, 4, dtype=kind), torch.ones(2, 3, dtype=torch.bool))
        assert (norm.mean.dtype, norm.variance.dtype) == (torch.float32, torch.float32)


def test_padding_changes_nothing_in_training_with_statistics_of_the_batch() -> None:
    values, times = rows(30, missing=0.0)
    wild = values.clone()
    wild[1, 12:], wild[2, 5:] = 1e4, -1e4
    torch.manual_seed(0)
    model = build(small_config(architecture="gru", normalisation="batch", layers=3)).train()
    one, other = (model.fork(each, times, LENGTHS, fresh(model)) for each in (values, wild))
    for row, length in enumerate(LENGTHS.tolist()):
        torch.testing.assert_close(one.quantiles[row, :length], other.quantiles[row, :length])


def test_an_unknown_normalisation_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown normalisation 'group'; choose among none, layer, batch"):
        Normalisation("group", 4)
