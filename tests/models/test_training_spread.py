"""Series are learned under a logarithm where their changes are relative, and as they are everywhere else."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.panel import Panel, Stretch
from models.training.spread import growth, implied_offset
from tests.conftest import HOUR, START
from tests.models.panels import SEASON, small_panel

LENGTH = 480


def panel_of(*series: np.ndarray) -> Panel:
    stretches = tuple(Stretch(values[:, None], START + HOUR * np.arange(len(values))) for values in series)
    ends = tuple(len(stretch) - 48 for stretch in stretches)
    return Panel(stretches, ends, tuple(end + 24 for end in ends))


def relative(seed: int = 0) -> np.ndarray:
    """A daily rhythm of ratios: changes are a tenth of the level at night and at noon."""
    random = np.random.default_rng(seed)
    return 100 * np.exp(np.sin(2 * np.pi * np.arange(LENGTH) / SEASON) + random.normal(0, 0.1, LENGTH))


def absolute(seed: int = 0) -> np.ndarray:
    """The same rhythm with changes of one size."""
    random = np.random.default_rng(seed)
    return 100 * np.exp(np.sin(2 * np.pi * np.arange(LENGTH) / SEASON)) + random.normal(0, 5, LENGTH)


def test_relative_changes_ask_for_a_logarithm_whose_offset_is_a_small_reading() -> None:
    series = relative()
    offset = implied_offset(panel_of(series), SEASON)
    assert series.min() < offset < np.quantile(series, 0.05)
    assert growth([series], SEASON) == pytest.approx(1, abs=0.15)


def test_changes_of_one_size_ask_for_none() -> None:
    assert implied_offset(panel_of(absolute()), SEASON) == 0
    assert growth([absolute()], SEASON) == pytest.approx(0, abs=0.15)
    assert implied_offset(small_panel(), SEASON) == 0


def test_one_negative_reading_rules_the_logarithm_out() -> None:
    series = relative()
    series[100] = -0.1
    assert implied_offset(panel_of(relative(1), series), SEASON) == 0


def test_gaps_and_zeros_do_not() -> None:
    series = relative()
    series[50:90] = np.nan
    series[200] = 0.0
    assert implied_offset(panel_of(series), SEASON) > 10


def test_only_the_training_part_decides() -> None:
    series = relative()
    series[-48:] = -1.0
    assert implied_offset(panel_of(series), SEASON) == implied_offset(panel_of(relative()), SEASON) > 0


def test_most_of_the_series_decide_and_not_their_size() -> None:
    many = [relative(seed) for seed in range(4)]
    assert implied_offset(panel_of(*many, 1e6 * absolute()), SEASON) > 0
    assert implied_offset(panel_of(relative(), *(absolute(seed) for seed in range(4))), SEASON) == 0


@pytest.mark.parametrize("series", [np.zeros(80), np.full(80, 7.0), np.full(80, np.nan), np.arange(1.0, 20.0)])
def test_series_that_say_nothing_are_learned_as_they_are(series: np.ndarray) -> None:
    values = np.concatenate([series, np.ones(48)])
    assert implied_offset(panel_of(values), SEASON) == 0
