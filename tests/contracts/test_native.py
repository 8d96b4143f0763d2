"""Our own compiled step is the model's: forecasts, states and gates, for every configuration that it says it knows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from export.step_weights import beyond_the_kernel, step_weights
from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.gru import GRUForecaster
from models.registry import build
from service.bundle import Bundle
from service.errors import RuntimeUnavailable
from service.runtimes import open_runtime
from service.runtimes.native import Kernel, why_not
from tests.conftest import HOUR, START, small_config
from tests.contracts.compiled import BUILT, COMPILER

TOLERANCE = 1e-5  # |a - b| <= TOLERANCE * (deviation + |b|): the promise
if BUILT:
    from service.runtimes._kernel import builds

    BUILDS = builds()
else:
    BUILDS = []  # nothing to hold against the model; what stands for it is `test_without_a_compiler_…`


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
    """Steps of a model and of a kernel side by side, each from its own states; `agree` compares all of them."""

    def __init__(self, model: GRUForecaster, build: str, rows: int) -> None:
        self.model, self.kernel = model, Kernel(step_weights(model), build)
        self.states = [np.tile(model.initial().detach().numpy(), (rows, 1))] * 2
        self.seen: list[tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], np.ndarray]] = []

    def step(self, values: np.ndarray, times: np.ndarray, static: np.ndarray | None) -> None:
        mine = empty(self.model, len(values))
        self.kernel.step(values, times, self.states[0], static, *mine)
        given = torch.from_numpy(values), torch.from_numpy(times), torch.from_numpy(self.states[1])
        with torch.inference_mode():
            known = None if static is None else torch.from_numpy(static)
            theirs = tuple(each.numpy() for each in self.model.step(*given, None, known))
        self.states = [mine[1], theirs[1]]
        self.seen.append((mine, theirs, values[:, 0]))

    def agree(self) -> None:
        """Forecasts to the deviation of each series, states to that of their slice, gates to one."""
        mine, theirs = ([np.stack(part) for part in zip(*each, strict=True)] for each in self._sides())
        series = np.stack([values for _, _, values in self.seen])  # (steps, rows)
        close(mine[0], theirs[0], deviation(series, 0)[None, :, None, None])
        for part in self.model.layout:
            slices = [each[1][:, :, part.start : part.stop] for each in (mine, theirs)]
            close(slices[0], slices[1], deviation(slices[1], (0, 2))[None, :, None])
        close(mine[2], theirs[2], 1.0)

    def _sides(self) -> Iterator[list[tuple[np.ndarray, ...]]]:
        yield [mine for mine, _, _ in self.seen]
        yield [theirs for _, theirs, _ in self.seen]


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
    missing=st.sampled_from(["mask", "forward"]),
    covariates=st.sampled_from([(), ("a",), ("a", "b")]),
    static=st.sampled_from([(), ("s",), ("s", "t")]),
)


@pytest.mark.parametrize("build", BUILDS)
@settings(max_examples=20, deadline=None)
@given(
    config=CONFIGS,
    seed=st.integers(0, 9_999),
    rows=st.integers(1, 37),
    steps=st.integers(1, 60),
    missing=st.sampled_from([0.0, 0.1, 0.9]),
    level=st.sampled_from([0.0, 50.0, -3e4, 1e8]),
)
def test_a_native_step_is_the_models_whatever_its_configuration(
    build: str, config: ForecasterConfig, seed: int, rows: int, steps: int, missing: float, level: float
) -> None:
    random = np.random.default_rng(seed)
    chain, static = Chain(perturbed(config, seed), build, rows), knew(config, rows, random)
    values = level + random.normal(size=(steps, rows, config.width)).cumsum(axis=0) + random.normal(size=(rows, 1))
    values[random.random(values.shape) < missing] = np.nan
    starts = random.integers(-(2**33), 2**33, size=rows)
    for at in range(steps):
        chain.step(values[at], starts + HOUR * at, static)
    chain.agree()


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("missing", ["mask", "forward"])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_four_hundred_steps_through_flat_windows_and_shifts_of_the_level_stay_together(
    build: str, missing: str, offset: float
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
    chain = Chain(perturbed(small_config(offset=offset, missing=missing), 3), build, rows)
    for at in range(400):
        chain.step(values[at, :, None].copy(), np.full(rows, START + HOUR * at), None)
    chain.agree()


@pytest.mark.parametrize("build", BUILDS)
def test_a_row_is_the_same_number_for_number_alone_and_among_others(build: str) -> None:
    model = perturbed(small_config(hidden=19), 4)
    kernel, random = Kernel(step_weights(model), build), np.random.default_rng(0)
    values, times = random.normal(size=(37, 1)), START + HOUR * np.arange(37)
    states = np.tile(model.initial().detach().numpy(), (37, 1))
    together = empty(model, 37)
    kernel.step(values, times, states, None, *together)
    for row in range(37):
        one, alone = slice(row, row + 1), empty(model, 1)
        kernel.step(values[one], times[one], states[one], None, *alone)
        for found, expected in zip(alone, together, strict=True):
            np.testing.assert_array_equal(found[0], expected[row])


EXTREMES = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e39, -1e39, 1.0]


@pytest.mark.parametrize("build", BUILDS)
@settings(max_examples=40, deadline=None)
@given(config=CONFIGS, rows=st.integers(0, 19), bytes_seed=st.integers(0, 9_999), offset=st.booleans())
def test_nothing_is_written_outside_the_outputs_whatever_comes_in(
    build: str, config: ForecasterConfig, rows: int, bytes_seed: int, offset: bool
) -> None:
    random = np.random.default_rng(bytes_seed)
    model = perturbed(config, 0)
    values = random.choice(EXTREMES, size=(rows, config.width))
    times = random.integers(-(2**63), 2**63 - 1, size=rows, dtype=np.int64)
    times[: rows // 2] = random.choice([-(2**63), 2**63 - 1, 0, -1], size=rows // 2)
    states = random.integers(0, 2**32, size=(rows, model.state_size), dtype=np.uint32).view(np.float32)
    if offset:  # states that were, and an age that no step writes
        states[:] = model.initial().detach().numpy()
        states[:, -11] = random.choice(np.array([*EXTREMES, 23, 24, 1e9, -1], dtype=np.float32), size=rows)
    fenced = [np.full((rows + 2, *part.shape[1:]), 12345.0, dtype=part.dtype) for part in empty(model, rows)]
    static = np.full((rows, len(config.static)), np.inf) if config.static else None
    Kernel(step_weights(model), build).step(values, times, states, static, *(part[1:-1] for part in fenced))
    for part in fenced:
        assert np.all(part[[0, -1]] == 12345.0)


needs_build = pytest.mark.parametrize("build", BUILDS[:1])  # one of them, where there is one


@needs_build
def test_arrays_of_another_shape_type_or_order_are_refused_by_name(build: str) -> None:
    model = perturbed(small_config(), 0)
    kernel = Kernel(step_weights(model), build)
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
def test_tensors_that_do_not_fit_each_other_are_refused_by_name(build: str) -> None:
    sound = step_weights(perturbed(small_config(), 0))
    for name, tensor in sound.items():
        with pytest.raises(ValueError, match=rf"no tensor '{name}'"):
            Kernel({other: part for other, part in sound.items() if other != name}, build)
        with pytest.raises(ValueError, match=rf"'{name}' was expected to hold"):
            Kernel({**sound, name: np.zeros(tensor.size + 1, dtype=tensor.dtype)}, build)
    for place, value, said in ((0, 2, "version"), (1, 0, "window"), (4, 3, "median"), (5, 2**40, "hidden")):
        sizes = sound["sizes"].copy()
        sizes[place] = value
        with pytest.raises(ValueError, match=said):
            Kernel({**sound, "sizes": sizes}, build)
    for name, value in (("lags", 25), ("lags", 0), ("period", 0), ("offset", -1)):
        with pytest.raises(ValueError, match="within the window"):
            Kernel({**sound, name: np.full_like(sound[name], value)}, build)
    with pytest.raises(ValueError, match="no build 'abacus'"):
        Kernel(sound, "abacus")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"architecture": "lstm"}, "architecture lstm"),
        ({"scaling": "min-max"}, "scaling min-max"),
        ({"normalisation": "layer"}, "normalisation layer"),
        ({"covariates": ("a",), "future": ("a",)}, "known ahead"),
        ({}, None),
        ({"normalisation": "layer", "layers": 1}, None),
        ({"missing": "forward", "covariates": ("a",), "static": ("s",), "offset": 2.0}, None),
    ],
)
def test_what_the_kernel_does_not_know_is_left_to_the_graphs_by_name(changes: dict[str, object], what: str) -> None:
    found = beyond_the_kernel(build(small_config(**changes)))
    assert found is None if what is None else found is not None and what in found


def test_the_kernel_is_built_wherever_there_is_a_c_compiler() -> None:
    """Else nothing above has run: build it with `make`, or `python setup.py build_ext --inplace`."""
    assert BUILT or COMPILER is None


def test_without_a_compiler_auto_is_onnx_and_native_says_what_is_missing(bundle: Bundle) -> None:
    assert "install a C compiler" in str(why_not(bundle, kernel=None))
    assert open_runtime("auto", bundle).name == ("native" if BUILT else "onnx")


def test_without_its_weights_auto_is_onnx_and_native_says_why(knowing: Bundle) -> None:
    assert open_runtime("auto", knowing).name == "onnx"
    with pytest.raises(RuntimeUnavailable, match=r"no step\.safetensors|not compiled"):
        open_runtime("native", knowing)
    with pytest.raises(RuntimeUnavailable, match=r"CPU, not on 'cuda'"):
        open_runtime("native", knowing, device="cuda")
