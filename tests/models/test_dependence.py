"""How the steps of a forecast go together: found again where it is known, sound whatever comes, kept in the run."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.registry import build
from models.training.dependence import Pairs, dependence_of, normal_scores, sound
from models.training.run import DEPENDENCE, RunError
from models.training.trainer import covariate_statistics
from tests.conftest import small_config, taught
from tests.models.panels import SEASON, small_panel, small_run

LEVELS = (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975)
POINTS = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
HORIZON = 12


def toeplitz(row: np.ndarray) -> np.ndarray:
    at = np.arange(len(row))
    return row[np.abs(at[:, None] - at)]


def test_a_score_is_the_normal_point_at_which_its_forecast_puts_a_target() -> None:
    quantiles = np.exp(POINTS)[None]  # of a lognormal variable
    for level, point in zip(LEVELS, POINTS, strict=True):
        assert normal_scores(quantiles, np.array([np.exp(point)]), LEVELS) == pytest.approx(point), level
    lines = normal_scores(POINTS[None] * 2 + 5, np.array([5 + 2 * 0.4]), LEVELS)
    assert lines == pytest.approx(0.4)
    assert normal_scores(POINTS[None], np.array([-3.0]), LEVELS) == pytest.approx(-3.0)  # beyond the outer quantile
    assert normal_scores(POINTS[None], np.array([1e9]), LEVELS) == 4.0
    assert np.isnan(normal_scores(POINTS[None], np.array([np.nan]), LEVELS)).all()


@pytest.mark.parametrize("row", [0.8 ** np.arange(12.0), np.eye(12)[0], 0.3 + 0.7 * 0.5 ** np.arange(12.0)])
def test_errors_that_go_together_in_a_known_way_are_found_to(row: np.ndarray) -> None:
    random = np.random.default_rng(0)
    errors = random.normal(size=(4_000, HORIZON)) @ np.linalg.cholesky(toeplitz(row)).T
    widths = np.linspace(1, 3, HORIZON)
    quantiles = np.tile(10 + widths[:, None] * POINTS, (4_000, 1, 1))
    target = 10 + widths * errors
    target[::7, 5] = np.nan
    pairs = Pairs(HORIZON)
    for part in range(0, 4_000, 1_000):
        pairs.add(quantiles[part : part + 1_000], target[part : part + 1_000], LEVELS)
    np.testing.assert_allclose(pairs.correlations(), row, atol=0.05)


def test_a_distance_that_was_never_seen_is_taken_for_the_longest_that_was() -> None:
    random = np.random.default_rng(0)
    errors = random.normal(size=(2_000, HORIZON)) @ np.linalg.cholesky(toeplitz(0.9 ** np.arange(12.0))).T
    errors[:, 4:] = np.nan
    pairs = Pairs(HORIZON)
    pairs.add(np.tile(POINTS, (2_000, HORIZON, 1)), errors, LEVELS)
    found = pairs.correlations()
    assert found is not None
    assert found[3:] == pytest.approx([found[3]] * 9, abs=1e-2)
    assert Pairs(HORIZON).correlations() is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1.5, 1.5), min_size=0, max_size=40))
def test_whatever_is_measured_what_is_kept_can_be_a_correlation(rest: list[float]) -> None:
    found = sound(np.array([1.0, *rest]))
    assert found[0] == 1.0
    np.linalg.cholesky(toeplitz(np.array(found)))
    assert max(map(abs, found)) <= 1.0


def test_what_can_be_a_correlation_is_kept_as_it_is() -> None:
    row = 0.8 ** np.arange(48.0)
    np.testing.assert_allclose(sound(row), row, atol=1e-6)


@pytest.mark.parametrize("architecture", ["gru", "bi-gru"])
def test_a_forecaster_is_asked_about_its_validation_part_and_never_about_the_held_out_end(architecture: str) -> None:
    panel = small_panel()
    config = small_config(architecture=architecture)
    torch.manual_seed(0)
    model = taught(build(config, covariate_statistics(panel)))
    found = dependence_of(model, panel, SEASON)
    assert found is not None
    assert len(found) == config.horizon
    assert found == dependence_of(model, panel.before_test(), SEASON)
    assert dependence_of(build(small_config(quantiles=(0.5,))), panel, SEASON) is None


def test_a_run_keeps_it_and_one_of_an_earlier_version_has_none(tmp_path: Path) -> None:
    run = small_run(tmp_path)
    run.start()
    assert run.dependence() is None
    run.write_dependence((1.0, 0.5, 0.25))
    assert run.dependence() == (1.0, 0.5, 0.25)
    run.write_dependence(None)
    assert run.dependence() is None
    (tmp_path / DEPENDENCE).write_text("{}")
    with pytest.raises(RunError, match=r"dependence\.json is damaged"):
        run.dependence()
