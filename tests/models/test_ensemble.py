"""An ensemble: one row, the mean of its members' forecasts, and members that learn as if they were alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.architectures import ignores
from models.bi_gru import BiGRUForecaster
from models.config import ForecasterConfig
from models.ensemble import EnsembleForecaster
from models.forecaster import Forecaster
from models.registry import ARCHITECTURES, build
from models.training.trainer import prepare
from tests.conftest import small_config
from tests.models.panels import SEASON, SETTINGS, small_panel
from tests.models.series import drawn, fresh, rows, weights_of


def members_of(model: Forecaster) -> list[Forecaster]:
    assert isinstance(model, EnsembleForecaster)
    return [each for _, each in model._each()]


@torch.no_grad()
def test_the_forecast_is_the_mean_of_the_members_and_the_state_is_their_rows() -> None:
    model = drawn("ensemble", members=("gru", "lstm", "gru"))
    members = members_of(model)
    values, times = rows(30)
    lengths = torch.tensor([30, 7, 0])
    forecast, state = model.sequence(values, times, lengths, fresh(model))
    own = [each.sequence(values, times, lengths, fresh(each)) for each in members]
    torch.testing.assert_close(forecast, torch.stack([quantiles for quantiles, _ in own]).mean(0))
    torch.testing.assert_close(state, torch.cat([after for _, after in own], 1), equal_nan=True)
    stepped, after, gates = model.step(values[:, 0], times[:, 0], state)
    steps = [each.step(values[:, 0], times[:, 0], part) for each, (_, part) in zip(members, own, strict=True)]
    torch.testing.assert_close(stepped, torch.stack([one[0] for one in steps]).mean(0))
    torch.testing.assert_close(after, torch.cat([one[1] for one in steps], 1), equal_nan=True)
    torch.testing.assert_close(gates, torch.cat([one[2] for one in steps], 1))
    names = [part.name for part in model.layout]
    assert names[0] == "1/hidden.1"
    assert "2/cell.1" in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("missing", ["mask", "linear"])
@torch.no_grad()
def test_with_a_member_that_does_not_stream_every_member_reads_the_whole_history(missing: str) -> None:
    """`linear` fills a gap in from both sides, and so does each member, as it is told to."""
    model = drawn("ensemble", members=("lstm", "bi-gru", "gru"), missing=missing)
    members = members_of(model)
    values, times = rows(40)
    lengths = torch.tensor([40, 17, 1])
    forecast, state = model.sequence(values, times, lengths, fresh(model))
    fork = model.fork(values, times, lengths, fresh(model))
    own = [each.sequence(values, times, lengths, fresh(each)) for each in members]
    torch.testing.assert_close(forecast, torch.stack([quantiles for quantiles, _ in own]).mean(0))
    torch.testing.assert_close(state, torch.cat([after for _, after in own], 1), equal_nan=True)
    torch.testing.assert_close(fork.state, state, equal_nan=True, rtol=1e-5, atol=1e-4)
    forked = fork.level[:, :, None, None] + fork.scale[:, :, None, None] * fork.quantiles
    torch.testing.assert_close(forked[:, 0], forecast, rtol=1e-5, atol=1e-4)
    assert {part.name for part in model.layout} >= {"1/cell.1", "2/backward", "3/hidden.1"}
    wild = values.clone()
    wild[1, 17:], wild[2, 1:] = 1e5, float("nan")
    for one, other in zip(model.sequence(wild, times, lengths, fresh(model)), (forecast, state), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)  # what stands behind a row's end is not read


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(sorted(set(ARCHITECTURES) - {"ensemble"})), min_size=2, max_size=4))
def test_an_ensemble_can_do_what_all_of_its_members_can(names: list[str]) -> None:
    config = small_config(architecture="ensemble", members=tuple(names), hidden=4, layers=1)
    model = build(config)
    members = members_of(model)
    assert [each.config.architecture for each in members] == names
    assert model.streams == all(each.streams for each in members) == (not ignores(config))
    bounds = [each.longest_history for each in members if each.longest_history is not None]
    assert model.longest_history == min(bounds, default=None)
    assert model.gate_count == (sum(each.gate_count for each in members) if model.streams else 0)
    assert model.state_size == sum(each.state_size for each in members)


def test_of_several_bounds_the_smallest_is_the_ensembles() -> None:
    config = small_config(architecture="ensemble", members=("gru", "bi-gru", "bi-gru"))
    bounds = iter((99, 77))

    class Bounded(BiGRUForecaster):
        def __init__(self, config: ForecasterConfig) -> None:
            super().__init__(config)
            self.bound = next(bounds)

        @property
        def longest_history(self) -> int:
            return self.bound

    found = EnsembleForecaster(config, lambda each: build(each) if each.architecture == "gru" else Bounded(each))
    assert found.longest_history == 77


def test_two_members_of_one_architecture_start_apart() -> None:
    one, other = members_of(drawn("ensemble", members=("gru", "gru")))
    assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_members_that_are_trained_together_learn_what_each_learns_alone() -> None:
    """From equal weights and the same crops; every gradient is cut, which must not join what is apart."""
    settings = replace(SETTINGS, steps=6, clip=0.05, validate_every=6)
    config = small_config(architecture="ensemble", members=("gru", "min-gru"))
    together = prepare(small_panel(), config, settings, SEASON)
    alone = []
    for at, name in enumerate(config.members):
        training = prepare(small_panel(), replace(config, architecture=name), settings, SEASON)
        training.model.load_state_dict(members_of(together.model)[at].state_dict())
        alone.append(training)
    for training in (together, *alone):
        training.run(lambda _: None, lambda _: None)
    for member, training in zip(members_of(together.model), alone, strict=True):
        for name, value in training.model.state_dict().items():
            torch.testing.assert_close(member.state_dict()[name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert np.isfinite(together.place.best or np.nan)


def test_a_net_of_whole_histories_learns_beside_others_what_it_learns_alone_and_they_as_it_does() -> None:
    settings = replace(SETTINGS, steps=4, clip=0.05, validate_every=4)
    config = small_config(architecture="ensemble", members=("lstm", "bi-gru"))
    together = prepare(small_panel(), config, settings, SEASON)
    alone = prepare(small_panel(), replace(config, architecture="bi-gru"), settings, SEASON)
    assert together.settings == alone.settings  # rows of one to two windows, each from a new state
    streaming, whole = members_of(together.model)
    alone.model.load_state_dict(whole.state_dict())
    crops = together.gradient.sampler.crops(0)
    for fork in together.gradient.forks(crops):
        assert fork.steps is not None
        assert fork.steps.tolist() == [[length - 1] for length in crops.lengths.tolist()]
    before = weights_of(streaming)
    for training in (together, alone):
        training.run(lambda _: None, lambda _: None)
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(whole.state_dict()[name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert any(not torch.equal(value, before[name]) for name, value in weights_of(streaming).items())
