"""What every runtime in the registry promises: the same answers, whatever the batch, and an arena that keeps rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import Bundle
from service.errors import RuntimeUnavailable
from service.runtimes import Runtime, open_runtime
from service.runtimes.fake import fake_bundle
from tests.conftest import HOUR, START, daily_wave
from tests.contracts.compiled import runtimes_here

TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=runtimes_here())
def runtime(request: pytest.FixtureRequest, bundle: Bundle) -> Runtime:
    return open_runtime(request.param, fake_bundle() if request.param == "fake" else bundle)


def readings(length: int, batch: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    values = np.stack([daily_wave(length, seed=seed + row) for row in range(batch)])[:, :, None]
    values[random.random(values.shape) < 0.1] = np.nan
    return values, START + HOUR * np.tile(np.arange(length), (batch, 1))


def initial(runtime: Runtime, batch: int) -> np.ndarray:
    return np.tile(runtime.bundle.initial, (batch, 1))


def assert_rows_agree(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    spread = np.nanstd(expected)
    assert np.all(np.abs(np.nan_to_num(found - expected)) <= TOLERANCE * (spread + np.abs(np.nan_to_num(expected))))


def test_shapes_and_types_are_those_of_the_manifest(runtime: Runtime) -> None:
    manifest = runtime.bundle.manifest
    values, times = readings(5, 3, seed=1)
    states = runtime.states(initial(runtime, 3))
    quantiles, after = runtime.sequence(values, times, np.array([5, 2, 0]), states)
    assert quantiles.shape == (3, manifest.horizon, len(manifest.quantiles))
    assert quantiles.dtype == np.float64
    assert runtime.rows(after).shape == (3, manifest.state.size)
    assert runtime.rows(after).dtype == np.float32
    quantiles, after = runtime.step(values[:, 0].copy(), times[:, 0].copy(), states)
    assert quantiles.shape == (3, manifest.horizon, len(manifest.quantiles))
    assert quantiles.dtype == np.float64
    assert runtime.gates(values[:, 0].copy(), times[:, 0].copy(), states).shape == (3, manifest.gates)


def test_a_step_with_gates_is_that_step_and_those_gates_in_one_run(runtime: Runtime) -> None:
    values, times = readings(3, 4, seed=5)
    states = runtime.states(initial(runtime, 4))
    for at in range(3):
        reading = values[:, at].copy(), times[:, at].copy(), states
        expected, after = runtime.step(*reading)
        quantiles, states, gates = runtime.step_with_gates(*reading)
        np.testing.assert_array_equal(quantiles, expected)
        np.testing.assert_array_equal(runtime.rows(states), runtime.rows(after))
        np.testing.assert_array_equal(gates, runtime.gates(*reading))
        assert gates.dtype == np.float32
    slices = runtime.bundle.manifest.gate_slices
    assert [part.start for part in slices] == [0, *(part.stop for part in slices)][:-1]
    assert slices[-1].stop == gates.shape[1]


def test_a_row_that_is_advanced_stands_where_the_same_step_takes_it(runtime: Runtime) -> None:
    values, times = readings(3, 4, seed=6)
    states = runtime.states(initial(runtime, 4))
    for at in range(3):
        reading = values[:, at].copy(), times[:, at].copy(), states
        _, after = runtime.step(*reading)
        states = runtime.advance(*reading)
        np.testing.assert_array_equal(runtime.rows(states), runtime.rows(after))


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=6), seed=st.integers(0, 999), pad=st.integers(0, 5))
def test_a_row_in_a_batch_is_the_row_alone_and_the_row_streamed(
    runtime: Runtime, lengths: list[int], seed: int, pad: int
) -> None:
    values, times = readings(max(1, *lengths, 1) + pad, len(lengths), seed)
    start = runtime.states(initial(runtime, len(lengths)))
    quantiles, after = runtime.sequence(values, times, np.array(lengths), start)
    for row, length in enumerate(lengths):
        state = runtime.states(initial(runtime, 1))
        streamed = quantiles[row : row + 1]
        for at in range(length):
            streamed, state = runtime.step(values[row : row + 1, at].copy(), times[row : row + 1, at].copy(), state)
        assert np.all(np.abs(streamed[0] - quantiles[row]) <= TOLERANCE * (10.0 + np.abs(quantiles[row])))
        assert_rows_agree(runtime.rows(state)[0], runtime.rows(after)[row])


def test_inputs_are_left_as_they_were(runtime: Runtime) -> None:
    values, times = readings(6, 2, seed=3)
    rows = initial(runtime, 2)
    kept = values.copy(), rows.copy()
    states = runtime.states(rows)
    runtime.sequence(values, times, np.array([6, 3]), states)
    runtime.step(values[:, 0].copy(), times[:, 0].copy(), states)
    np.testing.assert_array_equal(values, kept[0])
    np.testing.assert_array_equal(runtime.rows(states), kept[1])


def test_the_arena_gathers_scatters_and_grows_without_losing_a_row(runtime: Runtime) -> None:
    arena = runtime.arena(4)
    rows = np.random.default_rng(0).normal(size=(3, runtime.bundle.manifest.state.size)).astype(np.float32)
    arena.write(np.array([1, 3]), rows[:2])
    arena.scatter(np.array([2]), runtime.states(rows), np.array([2]))
    arena.grow(9)
    assert arena.capacity == 9
    np.testing.assert_array_equal(arena.read(np.array([1, 3, 2])), rows)
    np.testing.assert_array_equal(runtime.rows(arena.gather(np.array([3, 3]))), rows[[1, 1]])
    np.testing.assert_array_equal(arena.read(np.array([0]))[0], runtime.bundle.initial)


def test_gathered_rows_do_not_change_with_the_arena(runtime: Runtime) -> None:
    arena = runtime.arena(3)
    arena.write(np.array([1]), initial(runtime, 1))
    before = arena.gather(np.array([1]))
    arena.write(np.array([1]), np.ones((1, runtime.bundle.manifest.state.size), dtype=np.float32))
    np.testing.assert_array_equal(runtime.rows(before)[0], runtime.bundle.initial)


def test_the_fake_runtime_answers_for_no_real_model(bundle: Bundle) -> None:
    with pytest.raises(RuntimeUnavailable, match="for tests"):
        open_runtime("fake", bundle)


def test_an_unknown_runtime_or_device_is_refused_by_name(bundle: Bundle) -> None:
    with pytest.raises(RuntimeUnavailable, match=r"no runtime 'tensorrt'.*onnx"):
        open_runtime("tensorrt", bundle)
    with pytest.raises(RuntimeUnavailable, match=r"CPU, not on 'cuda'"):
        open_runtime("onnx", bundle, device="cuda")
