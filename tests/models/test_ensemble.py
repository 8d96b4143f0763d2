"""An ensemble: one row, the mean of its members' forecasts, and members that learn as if they were alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from models.ensemble import EnsembleForecaster
from models.forecaster import Forecaster
from models.training.trainer import prepare
from tests.conftest import small_config
from tests.models.panels import SEASON, SETTINGS, small_panel
from tests.models.series import drawn, fresh, rows


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
