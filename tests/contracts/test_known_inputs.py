"""What every runtime promises of known-future covariates and static features: each row has its own, in their order."""

from __future__ import annotations

import numpy as np
import pytest

from service.bundle import Bundle, Manifest
from service.runtimes import RUNTIMES, Runtime, open_runtime
from service.runtimes.fake import fake_bundle
from tests.conftest import HOUR, START
from tests.contracts.knowing import NAMES

BATCH, TIME = 4, 6


# what is known ahead is not for the native step (tests/contracts/test_native.py), which knows static features alone
@pytest.fixture(scope="module", params=sorted(set(RUNTIMES) - {"native"}))
def runtime(request: pytest.FixtureRequest, knowing: Bundle) -> Runtime:
    return open_runtime(request.param, fake_bundle(**NAMES) if request.param == "fake" else knowing)


@pytest.fixture
def known(runtime: Runtime) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    future = random.normal(size=(BATCH, runtime.bundle.manifest.horizon, 2))
    future[1, 0, 1] = np.nan
    static = random.normal(size=(BATCH, 2))
    static[2, 0] = np.nan
    return future, static


def answers(runtime: Runtime, form: str, future: object, static: object) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts and states of four rows after six readings, or after one step."""
    values = np.random.default_rng(3).normal(size=(BATCH, TIME, 4))
    times = START + HOUR * np.tile(np.arange(TIME), (BATCH, 1))
    states = runtime.states(np.tile(runtime.bundle.initial, (BATCH, 1)))
    if form == "sequence":
        quantiles, after = runtime.sequence(values, times, np.array([6, 4, 1, 0]), states, future, static)
    else:
        quantiles, after = runtime.step(values[:, 0].copy(), times[:, 0].copy(), states, future, static)
    return quantiles, runtime.rows(after)


forms = pytest.mark.parametrize("form", ["sequence", "step"])


@forms
def test_a_rows_future_moves_its_own_forecast_at_its_own_step_and_no_state(
    runtime: Runtime, known: tuple[np.ndarray, np.ndarray], form: str
) -> None:
    future, static = known
    quantiles, states = answers(runtime, form, future, static)
    for at, weight in ((0, 1), (1, 2)):  # the order of the covariates
        changed = future.copy()
        changed[0, 2, at] += 8
        moved, same = answers(runtime, form, changed, static)
        np.testing.assert_array_equal(same, states)
        difference = np.zeros_like(quantiles)
        difference[0, 2] = 8 * weight
        np.testing.assert_allclose(moved - quantiles, difference, atol=1e-5)


@forms
def test_a_rows_static_features_feed_its_own_state_and_no_other(
    runtime: Runtime, known: tuple[np.ndarray, np.ndarray], form: str
) -> None:
    future, static = known
    quantiles, states = answers(runtime, form, future, static)
    moves = []
    for at in (0, 1):
        changed = static.copy()
        changed[0, at] += 8
        moved, after = answers(runtime, form, future, changed)
        assert (moved[0] != quantiles[0]).all()
        assert not np.array_equal(after[0], states[0], equal_nan=True)
        np.testing.assert_array_equal(after[1:], states[1:])
        np.testing.assert_array_equal(moved[1:], quantiles[1:])
        moves.append(moved[0] - quantiles[0])
    np.testing.assert_allclose(moves[1], 2 * moves[0], rtol=1e-4)


@forms
def test_none_means_that_nothing_is_known(runtime: Runtime, known: tuple[np.ndarray, np.ndarray], form: str) -> None:
    blank = [np.full_like(each, np.nan) for each in known]
    for found, expected in zip(answers(runtime, form, None, None), answers(runtime, form, *blank), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_gates_are_fetched_with_every_input_fed(runtime: Runtime) -> None:
    states = runtime.states(np.tile(runtime.bundle.initial, (BATCH, 1)))
    values, times = np.ones((BATCH, 4)), np.zeros(BATCH, np.int64)
    for static in (None, np.ones((BATCH, 2))):
        assert runtime.gates(values, times, states, static).shape == (BATCH, runtime.bundle.manifest.gates)


@forms
def test_another_shape_is_a_fault_of_the_caller(runtime: Runtime, form: str) -> None:
    with pytest.raises(ValueError, match=r"future of shape \(4, 3, 2\) was expected, got \(1, 3, 2\)"):
        answers(runtime, form, np.zeros((1, 3, 2)), None)
    with pytest.raises(ValueError, match=r"static of shape \(4, 2\) was expected, got \(4, 3\)"):
        answers(runtime, form, None, np.zeros((4, 3)))


def test_a_manifest_names_known_futures_among_its_covariates_and_in_their_order() -> None:
    sound = fake_bundle(**NAMES).manifest.model_dump()
    for wrong in (["promotion", "price"], ["price", "price"], ["rain"]):
        with pytest.raises(ValueError, match=r"future must be some of the covariates \[price, wind, promotion\]"):
            Manifest.model_validate({**sound, "future": wrong})
    with pytest.raises(ValueError, match="static must name each feature once"):
        Manifest.model_validate({**sound, "static": ["area", "area"]})


def test_a_manifest_that_says_nothing_of_them_has_none() -> None:
    said = fake_bundle().manifest.model_dump()
    del said["future"], said["static"]
    manifest = Manifest.model_validate(said)
    assert (manifest.future, manifest.static) == ([], [])
