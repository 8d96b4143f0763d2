"""Our own compiled step is the model's: forecasts, states and gates, for every configuration that it says it knows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from export.step_weights import step_weights
from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.gru import GRUForecaster
from models.registry import build
from service.runtimes._kernel import Kernel, builds
from tests.conftest import HOUR, START, small_config

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation + |b|): the promise


def perturbed(config: ForecasterConfig, seed: int) -> GRUForecaster:
    """A model none of whose weights and constants is at its initial value."""
    torch.manual_seed(seed)
    model = build(config)
    assert isinstance(model, GRUForecaster)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    count = len(config.covariates) + len(config.static)
    mean, deviation = torch.randn(count, dtype=torch.float64), 0.5 + torch.rand(count, dtype=torch.float64)
    model.set_covariate_statistics(mean, deviation)
    return model.eval()


class Chain:
    """Steps of a model and of every build of the kernel, each from its own states; `agree` compares them."""

    def __init__(self, model: GRUForecaster, rows: int) -> None:
        self.model = model
        self.kernels = [Kernel(step_weights(model), kind) for kind in builds()]
        self.states = [np.tile(model.initial().detach().numpy(), (rows, 1))] * (1 + len(builds()))
        self.series: list[np.ndarray] = []
        self.seen: list[list[tuple[np.ndarray, ...]]] = []  # by step: of the model, and of each kernel

    def step(self, values: np.ndarray, times: np.ndarray, static: np.ndarray | None) -> None:
        readings = torch.from_numpy(values), torch.from_numpy(times), torch.from_numpy(self.states[0])
        with torch.inference_mode():
            known = None if static is None else torch.from_numpy(static)
            found = [tuple(each.numpy() for each in self.model.step(*readings, None, known))]
        for kernel, states in zip(self.kernels, self.states[1:], strict=True):
            found.append(empty(self.model, len(values)))
            kernel.step(values, times, states, static, *found[-1])
        self.states = [after for _, after, _ in found]
        self.series.append(values[:, 0])
        self.seen.append(found)

    def agree(self) -> None:
        """Forecasts to the deviation of each series, states to that of their slice, gates to one."""
        config, values = self.model.config, np.stack(self.series)
        least = max(1.0, config.offset or 0.0)  # a short series may not have moved; under a curve, its unit
        relative, absolute = config.spread or (0.0, 0.0)  # a young window counts in what is assumed of it
        size = np.ma.filled(np.abs(np.ma.masked_invalid(values)).max(axis=0), 0.0)
        series = np.maximum(deviation(values, 0), np.maximum(least, np.maximum(relative * size, absolute)))
        model, *kernels = (
            [np.stack(part) for part in zip(*each, strict=True)] for each in zip(*self.seen, strict=True)
        )
        for kernel in kernels:
            close(kernel[0], model[0], series[None, :, None, None])
            for part in self.model.layout:
                slices = [each[1][:, :, part.start : part.stop] for each in (kernel, model)]
                least = 0.1 if part.name.startswith("hidden") else 0.0  # the same, of a unit
                close(slices[0], slices[1], np.maximum(deviation(slices[1], (0, 2)), least)[None, :, None])
            close(kernel[2], model[2], 1.0)


def deviation(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Over what is not missing; 0 where there is nothing."""
    seen = np.ma.masked_invalid(values.astype(np.float64))
    return np.ma.filled(seen.std(axis=axis), 0.0)


def empty(model: Forecaster, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    config = model.config
    quantiles = np.empty((rows, config.horizon, len(config.quantiles)))
    after, gates = (np.empty((rows, size), dtype=np.float32) for size in (model.state_size, model.gate_count))
    return quantiles, after, gates


def close(found: np.ndarray, expected: np.ndarray, scale: np.ndarray | float) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    found, expected = np.nan_to_num(found).astype(np.float64), np.nan_to_num(expected).astype(np.float64)
    excess = np.abs(found - expected) / np.maximum(TOLERANCE * (scale + np.abs(expected)), 1e-30)
    assert np.where(found == expected, 0.0, excess).max() <= 1.0


def knew(config: ForecasterConfig, rows: int, random: np.random.Generator) -> np.ndarray | None:
    static = random.normal(size=(rows, len(config.static)))
    static[random.random(static.shape) < 0.2] = np.nan
    return static if config.static else None


CONFIGS = st.builds(
    small_config,
    horizon=st.integers(1, 40),
    lags=st.lists(st.integers(1, 30), min_size=1, max_size=3, unique=True).map(lambda lags: tuple(sorted(lags))),
    quantiles=st.sampled_from([(0.5,), (0.1, 0.5, 0.9), (0.5, 0.7, 0.9), (0.05, 0.2, 0.4, 0.5), (0.01, 0.3, 0.5, 0.6)]),
    calendar=st.sampled_from([(), ("time_of_day",), ("time_of_day", "day_of_week", "time_of_year")]),
    hidden=st.integers(1, 40),
    layers=st.integers(1, 3),
    offset=st.sampled_from([0.0, 0.0, 0.7, 30.0]),
    decoder=st.sampled_from(["plain", "local"]),
    missing=st.sampled_from(["mask", "forward"]),
    non_negative=st.booleans(),
    spread=st.sampled_from([(0.0, 0.0), (0.4, 0.0), (0.2, 3.0)]),
    covariates=st.sampled_from([(), ("a",), ("a", "b")]),
    static=st.sampled_from([(), ("s",), ("s", "t")]),
)


@settings(max_examples=60, deadline=None)
@given(
    config=CONFIGS,
    seed=st.integers(0, 9_999),
    rows=st.integers(1, 37),
    steps=st.integers(1, 50),
    missing=st.sampled_from([0.0, 0.1, 0.9]),
    level=st.sampled_from([0.0, 50.0, -3e4, 1e8]),
)
def test_a_native_step_is_the_models_whatever_its_configuration(
    config: ForecasterConfig, seed: int, rows: int, steps: int, missing: float, level: float
) -> None:
    random = np.random.default_rng(seed)
    chain, static = Chain(perturbed(config, seed), rows), knew(config, rows, random)
    values = level + random.normal(size=(steps, rows, config.width)).cumsum(axis=0) + random.normal(size=(rows, 1))
    values[random.random(values.shape) < missing] = np.nan
    starts = random.integers(-(2**33), 2**33, size=rows)
    for at in range(steps):
        chain.step(values[at], starts + HOUR * at, static)
    chain.agree()


@pytest.mark.parametrize("missing", ["mask", "forward"])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_four_hundred_steps_through_flat_windows_and_shifts_of_the_level_stay_together(
    missing: str, offset: float
) -> None:
    random = np.random.default_rng(1)
    hours, rows = np.arange(400), 6
    values = 50 + 10 * np.sin(hours / 24 * 2 * np.pi)[:, None] + random.normal(size=(400, rows))
    values[60:130, :3] = values[60, :3]  # longer than a window: it is flat
    values[200:, 1] += 1e4
    values[240:, 2] *= -3
    values[260:300, 3] = np.nan
    values[:, 4] = 1e8 + np.arange(400)  # a register
    values[:, 5] = 7.0
    values[random.random(values.shape) < 0.05] = np.nan
    chain = Chain(perturbed(small_config(offset=offset, missing=missing), 3), rows)
    for at in range(400):
        chain.step(values[at, :, None].copy(), np.full(rows, START + HOUR * at), None)
    chain.agree()


@pytest.mark.parametrize("kind", builds())
def test_a_row_is_the_same_number_for_number_alone_and_among_others(kind: str) -> None:
    model = perturbed(small_config(hidden=19), 4)
    kernel, random = Kernel(step_weights(model), kind), np.random.default_rng(0)
    values, times = random.normal(size=(37, 1)), START + HOUR * np.arange(37)
    states = np.tile(model.initial().detach().numpy(), (37, 1))
    together = empty(model, 37)
    kernel.step(values, times, states, None, *together)
    for row in range(37):
        one, alone = slice(row, row + 1), empty(model, 1)
        kernel.step(values[one], times[one], states[one], None, *alone)
        for found, expected in zip(alone, together, strict=True):
            np.testing.assert_array_equal(found[0], expected[row])


def test_one_kernel_serves_many_threads_at_once() -> None:
    model = perturbed(small_config(), 5)
    kernel, random = Kernel(step_weights(model)), np.random.default_rng(0)
    values, times = random.normal(size=(512, 1)), START + HOUR * np.arange(512)
    states = np.tile(model.initial().detach().numpy(), (512, 1))

    def stepped(_: int) -> tuple[np.ndarray, ...]:
        outputs = empty(model, 512)
        kernel.step(values, times, states, None, *outputs)
        return outputs

    expected = stepped(0)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(stepped, range(40)):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)


EXTREMES = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e39, -1e39, 1.0]


@settings(max_examples=100, deadline=None)
@given(config=CONFIGS, rows=st.integers(0, 19), seed=st.integers(0, 9_999), begun=st.booleans())
def test_nothing_is_written_outside_the_outputs_whatever_comes_in(
    config: ForecasterConfig, rows: int, seed: int, begun: bool
) -> None:
    random = np.random.default_rng(seed)
    model = perturbed(config, 0)
    values = random.choice(EXTREMES, size=(rows, config.width))
    times = random.integers(-(2**63), 2**63 - 1, size=rows, dtype=np.int64)
    times[: rows // 2] = random.choice([-(2**63), 2**63 - 1, 0, -1], size=rows // 2)
    states = random.integers(0, 2**32, size=(rows, model.state_size), dtype=np.uint32).view(np.float32)
    if begun:  # sound states, but for an age that no step writes
        states[:] = model.initial().detach().numpy()
        states[:, -11] = random.choice(np.array([np.nan, np.inf, -np.inf, 23, 24, 1e9, -1], np.float32), size=rows)
    static = np.full((rows, len(config.static)), np.inf) if config.static else None
    for kind in builds():
        fenced = [np.full((rows + 2, *part.shape[1:]), 12345.0, dtype=part.dtype) for part in empty(model, rows)]
        Kernel(step_weights(model), kind).step(values, times, states, static, *(part[1:-1] for part in fenced))
        for part in fenced:
            assert np.all(part[[0, -1]] == 12345.0)


needs_build = pytest.mark.parametrize("kind", builds()[:1])


@needs_build
def test_arrays_of_another_shape_type_or_order_are_refused_by_name(kind: str) -> None:
    model = perturbed(small_config(), 0)
    kernel = Kernel(step_weights(model), kind)
    values, times = np.zeros((3, 1)), np.zeros(3, dtype=np.int64)
    states = np.zeros((3, model.state_size), dtype=np.float32)
    sound = [values, times, states, None, *empty(model, 3)]
    wrong = {
        0: [values[:, 0], np.zeros((3, 2)), np.zeros((3, 1), dtype=np.float32), np.zeros((3, 1), dtype=">f8")],
        1: [times[:2], times[:, None], times.astype(np.int32), times.astype(np.float64)],
        2: [states[:2], states[:, 1:].copy(), states.astype(np.float64), states[0]],
        3: [np.zeros((2, 0)), np.zeros((3, 1))],
        4: [sound[4][:2], sound[4].reshape(3, -1), np.asfortranarray(sound[4]), None],
        5: [np.zeros((4, model.state_size), dtype=np.float32), np.zeros((3, model.state_size))],
        6: [np.zeros((3, model.gate_count + 1), dtype=np.float32)],
    }
    kernel.step(*sound)
    for place, others in wrong.items():
        for other in others:
            given = [*sound[:place], other, *sound[place + 1 :]]
            if other is None:
                kernel.step(*given)  # an output that is not wanted
                continue
            with pytest.raises((ValueError, BufferError)):
                kernel.step(*given)
    for place in range(3):
        with pytest.raises(TypeError):
            kernel.step(*sound[:place], None, *sound[place + 1 :])
    frozen = empty(model, 3)[1]
    frozen.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        kernel.step(*sound[:5], frozen, sound[6])


@needs_build
def test_tensors_that_do_not_fit_each_other_are_refused_by_name(kind: str) -> None:
    sound = step_weights(perturbed(small_config(), 0))
    for name, tensor in sound.items():
        with pytest.raises(ValueError, match=rf"no tensor '{name}'"):
            Kernel({other: part for other, part in sound.items() if other != name}, kind)
        with pytest.raises(ValueError, match=rf"'{name}' was expected to hold"):
            Kernel({**sound, name: np.zeros(tensor.size + 1, dtype=tensor.dtype)}, kind)
    for place, value, said in ((0, 3, "version"), (1, 0, "window"), (4, 3, "median"), (5, 2**40, "hidden")):
        sizes = sound["sizes"].copy()
        sizes[place] = value
        with pytest.raises(ValueError, match=said):
            Kernel({**sound, "sizes": sizes}, kind)
    for name, value in (("lags", 25), ("lags", 0), ("period", 0), ("offset", -1)):
        with pytest.raises(ValueError, match="within the window"):
            Kernel({**sound, name: np.full_like(sound[name], value)}, kind)
    with pytest.raises(ValueError, match="no build 'abacus'"):
        Kernel(sound, "abacus")
