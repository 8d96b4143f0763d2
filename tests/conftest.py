"""Fixtures that several folders share: a small forecaster that has learned something, and its bundle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import Tensor

from datasets.frequency import Frequency
from export.golden import Stretch
from export.writer import Description, write_bundle
from models.config import ForecasterConfig
from models.forecaster import Forecaster
from models.registry import build
from models.training.loss import fork_loss
from service.bundle import Bundle

settings.register_profile("same", derandomize=True)  # each run draws the same examples, so that a red run is a change
settings.register_profile("explore", derandomize=False, print_blob=True)  # `make explore`: others each time
settings.register_profile("fuzz", derandomize=False, print_blob=True, max_examples=2_000)  # `make fuzz`
settings.load_profile("same")

HOUR = 3_600
torch.set_num_threads(1)  # the models of the tests are small
START = 1_404_172_800  # 2014-07-01T00:00:00


def daily_wave(length: int, seed: int = 0, level: float = 50.0) -> np.ndarray:
    """An hourly series with a day's rhythm, a slow drift and noise, (length,)."""
    random = np.random.default_rng(seed)
    hours = np.arange(length)
    wave = 10.0 * np.sin(2 * np.pi * hours / 24) + random.normal(0, 1, length).cumsum() * 0.1
    return level + wave + random.normal(0, 0.5, length)


def small_config(**changes: object) -> ForecasterConfig:
    """A configuration that trains and exports in a second."""
    settings: dict[str, object] = {
        "frequency": "1h",
        "horizon": 6,
        "lags": (4, 24),
        "quantiles": (0.1, 0.5, 0.9),
        "calendar": ("time_of_day", "day_of_week"),
        "hidden": 8,
        "layers": 2,
        "dropout": 0.0,
        "offset": 0.0,
        "decoder": "local",
    }
    return ForecasterConfig(**{**settings, **changes})  # type: ignore[arg-type]


def known(model: Forecaster, seed: int, rows: int = 4, steps: int = 96) -> tuple[Tensor | None, Tensor | None]:
    """What training would know ahead and of each series, where the model uses it."""
    random, config = np.random.default_rng(seed), model.config
    ahead = random.normal(size=(rows, steps + config.horizon - 1, len(config.future)))
    static = random.normal(size=(rows, len(config.static)))
    ahead[random.random(ahead.shape) < 0.1] = np.nan
    return (
        torch.from_numpy(ahead) if config.future else None,
        torch.from_numpy(static) if config.static else None,
    )


def taught(model: Forecaster, steps: int = 30) -> Forecaster:
    """The model after a few real training steps, so that no weight is at its initial value."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    width = model.width
    for step in range(steps):
        series = np.stack([daily_wave(96, seed=10 * step + row) for row in range(4)])
        values = np.repeat(series[:, :, None], width, axis=2)
        values[:, ::11, 0] = np.nan
        times = np.tile(START + HOUR * np.arange(96), (4, 1))
        lengths = torch.tensor([96, 80, 60, 30])
        state = model.initial().repeat(4, 1)
        forks = model.forks(torch.from_numpy(values), torch.from_numpy(times), lengths, state, *known(model, step))
        ahead = np.full((4, model.config.horizon - 1), np.nan)
        future = torch.from_numpy(np.concatenate([series[:, 1:], series[:, :1] * np.nan, ahead], 1))
        unit = torch.full((4,), 10.0, dtype=torch.float64)
        levels = torch.tensor(model.config.quantiles)
        loss = torch.stack([fork_loss(fork, future, lengths, unit, levels) for fork in forks]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def small_forecaster() -> Forecaster:
    torch.manual_seed(0)
    return taught(build(small_config()))


def small_bundle(forecaster: Forecaster, path: Path) -> Bundle:
    """Its bundle, written to `path`."""
    stretches = [Stretch(START, daily_wave(1_100, seed=row)[:, None]) for row in range(2)]
    description = Description("small", "y", None, {"mase": 0.5}, {"steps": 30})
    return write_bundle(forecaster, description, stretches, path)


@pytest.fixture(scope="session")
def forecaster() -> Forecaster:
    return small_forecaster()


@pytest.fixture(scope="session")
def bundle(forecaster: Forecaster, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A written bundle of the small forecaster; tests that change files copy it first."""
    return small_bundle(forecaster, tmp_path_factory.mktemp("bundles") / "small.bundle")


@pytest.fixture(scope="session")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that knows covariates ahead and static features, in a few sums."""
    from tests.contracts.knowing import knowing_bundle

    return knowing_bundle(tmp_path_factory.mktemp("knowing"))


@pytest.fixture
def hourly() -> Frequency:
    return Frequency.parse("1h")


@pytest.fixture
def bundle_copy(bundle: Bundle, tmp_path: Path) -> Path:
    """A copy of the small bundle that a test may damage."""
    import shutil

    target = tmp_path / "copy.bundle"
    shutil.copytree(bundle.path, target)
    return target


@pytest.fixture
def seldom() -> Iterator[None]:
    """Python's collector of cycles does not come at all."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
