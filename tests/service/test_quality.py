"""What a session's quality says is what follows from its readings and forecasts by definition, whatever the batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import drift, quality
from service.quality import TOLD, Quality
from service.runtimes.fake import fake_bundle
from tests.service.scoring import Array, by_definition

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "SHORTEST", 8)
    monkeypatch.setattr(quality, "SHORTEST_MEMORY", 30)
    monkeypatch.setattr(quality, "LEARNING", 10)


def method_of(horizon: int = 6, season: int = 4, levels: tuple[float, ...] = LEVELS) -> Quality:
    found = Quality.of(fake_bundle(horizon=horizon, quantiles=levels).manifest)
    assert found is not None
    return replace(found, season=season)


def drawn(random: np.random.Generator, length: int, horizon: int, level: float) -> tuple[Array, Array]:
    """Readings with gaps, and forecasts of any kind: some off, some without width, some not finite."""
    values = level + random.normal(0, 1, length).cumsum() * random.integers(0, 2) + random.normal(0, 3, length)
    if random.random() < 0.3:
        values = np.round(values)
    middle = values[:, None] + random.normal(0, 2, (length, horizon))
    middle = np.where(np.isnan(middle), level, middle)
    width = random.gamma(1, 1.5, (length, horizon, 1)) * (random.random((length, horizon, 1)) > 0.1)
    forecasts = middle[..., None] + width * np.array([-2, -1.2, 0, 1.2, 2])
    if random.random() < 0.3:
        forecasts = np.round(forecasts)
    forecasts[random.random(length) < 0.03] = np.nan
    values[random.random(length) < 0.15] = np.nan
    return values, forecasts


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    horizon=st.sampled_from([1, 2, 6, 9]),
    season=st.sampled_from([1, 4, 7]),
    level=st.sampled_from([0.0, 1e8]),
)
def test_a_batch_says_of_each_session_what_follows_from_its_own_past(
    seed: int, horizon: int, season: int, level: float
) -> None:
    random, method, count, length = np.random.default_rng(seed), method_of(horizon, season), 3, 120
    sessions = [drawn(random, length, horizon, level) for _ in range(count)]
    rows, begun, told = np.stack([method.initial()] * count), random.integers(0, 4, count), []
    at = np.zeros(count, int)
    for turn in range(length):  # sessions begin one after the other, and not all speak in every batch
        some = np.flatnonzero((turn >= begun) & (random.random(count) < 0.9))
        if not len(some):
            continue
        forecasts = np.stack([sessions[each][1][at[each]] for each in some])
        target = np.array([sessions[each][0][at[each]] for each in some])
        after, noted = method.advance(rows[some], forecasts, target)
        for place, each in enumerate(some):
            alone, lone = method.advance(rows[each][None], forecasts[place : place + 1], target[place : place + 1])
            np.testing.assert_array_equal(alone[0], after[place])
            np.testing.assert_array_equal(lone.sums[0], noted.sums[place])
        rows[some] = after
        assert all(method.fits(row) for row in rows)
        at[some] += 1
        told.append((some.tolist(), at.copy(), method.read(rows)))
    for each in range(count):
        expected = by_definition(method, sessions[each][0][: at[each]].tolist(), sessions[each][1])
        for some, places, said in told:
            if each in some:
                plain = expected[places[each] - 1]
                np.testing.assert_allclose(said[each][:TOLD], plain[:TOLD], rtol=2e-3, atol=2e-3)
                np.testing.assert_allclose(said[each][TOLD:], plain[TOLD:], rtol=1e-4, atol=1e-4)
