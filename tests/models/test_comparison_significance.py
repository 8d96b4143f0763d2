"""The test of a difference raises false alarms as rarely as promised, and finds a difference that is there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.comparison.significance import LEVEL, adjusted, compare
from models.comparison.student import two_sided, within

TRIALS = 300
# Share of alarms among equal models: three standard errors of the count above the level
HIGHEST = LEVEL + 3 * np.sqrt(LEVEL * (1 - LEVEL) / TRIALS)


def pair(
    random: np.random.Generator, units: int, seeds: int, of_units: float, of_seeds: float, gain: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors of two models that differ by series, by seed and by chance, and on the whole by `gain`."""
    hard = random.normal(5, 2, (units, 1))
    one, other = (
        hard
        + of_units * random.normal(size=(units, 1))
        + of_seeds * random.normal(size=(1, seeds))
        + 0.2 * random.normal(size=(units, seeds))
        for _ in range(2)
    )
    return one - gain, other


@pytest.mark.parametrize(("of_units", "of_seeds"), [(1.0, 0.0), (0.0, 0.3), (0.6, 0.15)])
@pytest.mark.parametrize(("units", "seeds"), [(8, 3), (60, 3), (20, 5)])
def test_equal_models_are_rarely_said_to_differ(units: int, seeds: int, of_units: float, of_seeds: float) -> None:
    random = np.random.default_rng([units, seeds])
    alarms = [(compare(*pair(random, units, seeds, of_units, of_seeds)).p or 1) < LEVEL for _ in range(TRIALS)]
    assert np.mean(alarms) <= HIGHEST


def test_a_seed_that_is_good_on_all_series_at_once_is_no_proof() -> None:
    """Pairs of series and seed taken as independent would say otherwise nearly always."""
    random = np.random.default_rng(3)
    alarms, naive = [], []
    for _ in range(TRIALS):
        one, other = pair(random, 60, 3, 0.0, 0.5)
        alarms.append((compare(one, other).p or 1) < LEVEL)
        cells = (one - other).ravel()
        naive.append(two_sided(cells.mean() / (cells.std(ddof=1) / np.sqrt(cells.size)), cells.size - 1) < LEVEL)
    assert np.mean(alarms) <= HIGHEST
    assert np.mean(naive) > 0.6


def test_a_planted_difference_is_found_with_its_sign_and_within_its_interval() -> None:
    random = np.random.default_rng(4)
    found = [compare(*pair(random, 60, 3, 0.3, 0.05, gain=0.5)) for _ in range(100)]
    assert np.mean([each.p is not None and each.p < LEVEL and each.difference < 0 for each in found]) > 0.9
    held = [each.low is not None and each.high is not None and each.low <= -0.5 <= each.high for each in found]
    assert np.mean(held) > 0.9


def test_one_seed_tells_nothing_and_models_that_are_one_do_not_differ() -> None:
    errors = np.random.default_rng(0).normal(5, 1, (10, 3))
    assert compare(errors[:, :1], errors[:, 1:2]).p is None
    same = compare(np.repeat(errors[:, :1], 3, 1), np.repeat(errors[:, :1], 3, 1))
    assert (same.difference, same.p) == (0, 1)


def test_the_other_way_round_is_the_same_difference() -> None:
    one, other = pair(np.random.default_rng(5), 12, 3, 0.5, 0.1)
    there, back = compare(one, other), compare(other, one)
    assert there.difference == pytest.approx(-back.difference)
    assert there.p == pytest.approx(back.p)
    assert there.low is not None
    assert back.high is not None
    assert there.low == pytest.approx(-back.high)


@pytest.mark.parametrize(("freedom", "point"), [(1, 12.706), (2, 4.3027), (4, 2.7764), (10, 2.2281), (1e6, 1.96)])
def test_the_t_distribution_is_that_of_the_tables(freedom: float, point: float) -> None:
    assert within(0.05, freedom) == pytest.approx(point, rel=1e-4)
    assert two_sided(point, freedom) == pytest.approx(0.05, rel=1e-3)
    assert two_sided(-point, freedom) == two_sided(point, freedom)


def test_several_comparisons_are_allowed_for_as_holm_does() -> None:
    assert adjusted([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])
    assert adjusted([0.9, 0.8]) == [1.0, 1.0]
