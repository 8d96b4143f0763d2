"""How rare a score is: right in the long run whatever the scores are, quick at first, and not taught by one failure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import tails
from service.surprise import MOST, surprise

SESSIONS = 128
DRAWS = (  # scores of forecasts that are right, too sure of themselves, and wrong in their tails, one kind a row
    lambda random: random.exponential(1, SESSIONS),
    lambda random: 3 * random.exponential(1, SESSIONS),
    lambda random: np.abs(random.standard_t(3, SESSIONS)) * 1.5,
    lambda random: np.abs(random.normal(0, 1.2, SESSIONS)),
)


def begun() -> tuple[np.ndarray, np.ndarray]:
    return np.ones((SESSIONS, 1, 3), np.float32), np.full((SESSIONS, 1, 3), tails.QUIET, np.float32)


def test_the_share_of_readings_that_begin_an_alarm_is_the_rate_that_was_chosen() -> None:
    random, rows, rates = np.random.default_rng(3), SESSIONS * len(DRAWS), np.array([[0.1], [0.03], [0.01]])
    factors, quiet = np.ones((rows, 1, 3), np.float32), np.full((rows, 1, 3), tails.QUIET, np.float32)
    since, alarms, calm = np.full((3, rows), 99), np.zeros((3, rows)), np.zeros((3, rows))
    for turn in range(5000):
        scores = np.concatenate([draw(random) for draw in DRAWS])[:, None]
        beyond = tails.rarity(factors, scores)[:, 0] >= -np.log(rates)  # (rates, rows)
        tails.learn(factors, quiet, scores, np.ones(rows, bool), np.full(rows, turn + 1.0))
        ready = since >= tails.QUIET
        if turn >= 3000:
            alarms += beyond & ready
            calm += ready
        since = np.where(beyond, 0, since + 1)
    shares = alarms.reshape(3, len(DRAWS), -1).sum(axis=2) / calm.reshape(3, len(DRAWS), -1).sum(axis=2)
    for rate, found in zip(rates[:, 0], shares, strict=True):
        np.testing.assert_allclose(found, rate, rtol=0.35 if rate == 0.03 else 0.15)  # which lies between two


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.floats(0.1, 40), hang=st.floats(0, 0.99))
def test_what_a_threshold_has_moved_is_what_lay_beyond_it_too_often(seed: int, height: float, hang: float) -> None:
    random, factors = np.random.default_rng(seed), np.ones((1, 1, 3), np.float32)
    quiet, owed, last = np.full((1, 1, 3), tails.QUIET, np.float32), np.zeros(3), 0.0
    for turn in range(300):
        last = hang * last + (1 - hang) * height * random.exponential()  # scores that hang together
        widths = np.log(10) * np.cumprod(factors[0, 0].astype(np.float64))
        beyond, calm = last > np.cumsum(widths), quiet[0, 0] == tails.QUIET
        owed += (
            max(0.03, min(0.1, 1.2 / np.sqrt(turn + 1))) * np.where(calm, 1, 1 / tails.QUIET) * (beyond - tails.RATES)
        )
        owed = np.clip(owed, np.log(tails.LEAST), np.log(tails.MOST))  # beyond its bounds it moves no further
        tails.learn(factors, quiet, np.array([[last]]), np.ones(1, bool), np.array([turn + 1.0]))
        np.testing.assert_allclose(np.log(factors[0, 0]), owed, atol=1e-3)
    assert tails.sound(factors)


def test_one_failure_does_not_teach_that_failures_are_usual() -> None:
    factors, quiet = begun()
    before = tails.rarity(factors, np.full((SESSIONS, 1), 12.0))
    for _ in range(24):
        tails.learn(factors, quiet, np.full((SESSIONS, 1), 50.0), np.ones(SESSIONS, bool), np.ones(SESSIONS))
    after = tails.rarity(factors, np.full((SESSIONS, 1), 12.0))
    assert (after < before).all()
    assert (np.exp(-after) < 0.01).all()


def test_where_nothing_was_forecast_nothing_is_learned() -> None:
    factors, quiet = begun()
    known = np.arange(SESSIONS) % 2 == 0
    tails.learn(factors, quiet, np.full((SESSIONS, 1), 50.0), known, np.ones(SESSIONS))
    assert (factors[~known] == 1).all()
    assert (quiet[~known] == tails.QUIET).all()
    assert (factors[known] > 1).all()


@pytest.mark.parametrize("base", [0.0, 1e8])
def test_surprises_of_a_forecast_that_is_right_are_exponential(base: float) -> None:
    random, levels = np.random.default_rng(1), np.array([0.025, 0.1, 0.5, 0.9, 0.975])
    scale = np.log(1 / (2 * np.minimum(levels, 1 - levels))) * np.where(levels < 0.5, -1, 1)  # Laplace's quantiles
    held = np.broadcast_to(base + scale, (20_000, 1, 5))
    y = base + random.laplace(0, 1, 20_000)
    score, side = surprise(y, held, levels, np.ones((20_000, 1), bool))
    for limit in (np.log(5), np.log(20), np.log(200)):  # at levels and beyond all of them
        assert (score > limit).mean() == pytest.approx(np.exp(-limit), rel=0.25)
    assert side.mean() == pytest.approx(0, abs=0.03)


def test_a_reading_that_quantiles_are_equal_to_is_no_surprise() -> None:
    levels = np.array([0.1, 0.5, 0.9])
    held = np.array([[[0.0, 0.0, 0.0]], [[0.0, 0.0, 2.0]], [[0.0, 0.0, 0.0]]])
    score, side = surprise(np.array([0.0, 0.0, 1.0]), held, levels, np.ones((3, 1), bool))
    assert score[:, 0].tolist() == [0.0, 0.0, MOST]  # a forecast that is sure, and wrong
    assert side[2, 0] == 1
