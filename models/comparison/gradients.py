"""How far back each architecture's gradient reaches: norms by lag, half-lives, before and after training."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.comparison.jacobians import jacobian_norms
from models.config import ForecasterConfig
from models.evaluation.panel import Panel, known_of, rows_of
from models.forecaster import Forecaster
from models.recurrent import RecurrentForecaster
from models.registry import build
from models.training.trainer import covariate_statistics

ROWS = 4  # sequences that are looked at
HALF, HUNDREDTH = 0.5, 0.01


@dataclass(frozen=True, eq=False)
class Reach:
    """Norms of one network by lag, from 0 on: the geometric mean over rows, and the rows' lowest and highest."""

    name: str
    when: str  # "at the start", or after how many steps of training
    norms: NDArray[np.float64]  # (time + 1,)
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def lag_at(self, share: float) -> int | None:
        """The first lag at which no more than a share of the norm at lag 0 is left; None if it never falls so far."""
        below = np.flatnonzero(self.norms <= share * self.norms[0])
        return int(below[0]) if below.size else None

    @property
    def largest(self) -> tuple[int, float]:
        """The lag at which the norm is largest, and the norm over that at lag 0: above 1 gradients grow at first."""
        place = int(np.argmax(self.norms))
        return place, float(self.norms[place] / self.norms[0])

    @property
    def last(self) -> float:
        """What is left at the longest lag, as a share of lag 0."""
        return float(self.norms[-1] / self.norms[0])

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.name,
            "when": self.when,
            "half_life": self.lag_at(HALF),
            "hundredth": self.lag_at(HUNDREDTH),
            "largest": {"lag": self.largest[0], "ratio": self.largest[1]},
            "last_ratio": self.last,
            "norms": self.norms.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
        }


def reach(model: Forecaster, name: str, when: str, features: Tensor) -> Reach:
    """From features (rows, time, inputs) and a new state; ValueError for a model that has no step."""
    body = copy.deepcopy(_body(model, name)).double().eval()

    def step(given: Tensor, state: Tensor) -> Tensor:
        return body.recur_step(given.unsqueeze(0), state.unsqueeze(0))[0].squeeze(0)

    def output(state: Tensor) -> Tensor:
        return body.output(state.unsqueeze(0)).squeeze(0)

    start = body.rest().detach().repeat(len(features), 1)
    found = jacobian_norms(step, output, features.detach(), start).numpy()
    shares = np.maximum(found, np.finfo(np.float64).tiny)
    return Reach(name, when, np.exp(np.log(shares).mean(0)), found.min(0), found.max(0))


def started(config: ForecasterConfig, seed: int, panel: Panel | None = None) -> Forecaster:
    """A model with the weights that a training with this seed starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config, None if panel is None else covariate_statistics(panel))


def noise(model: Forecaster, name: str, length: int, seed: int = 0) -> Tensor:
    """Standard normal features, (rows, length, inputs): what a network is given where there are no data."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn((ROWS, length, _body(model, name).features.size), generator=random)


@torch.no_grad()
def features_on(model: Forecaster, panel: Panel, length: int) -> Tensor:
    """What the recurrent part is given on real readings, (rows, length, inputs), from one window into each stretch on.

    ValueError if no series has so many readings before its held-out end.
    """
    window = model.window
    places = [
        (stretch, end)
        for stretch, end in zip(panel.series, panel.validation_end, strict=True)
        if end >= window + length
    ]
    if not places:
        longest = max(panel.validation_end) - window
        raise ValueError(
            f"expected a series of {window + length} readings, a window and --length {length}, before the held-out "
            f"end; the longest has {max(panel.validation_end)}: take --length {max(1, longest)} or shorter lags"
        )
    parts = []
    for row in range(ROWS):
        stretch, end = places[row % len(places)]
        spare, turns = end - window - length, max(1, (ROWS - 1) // len(places))
        first = spare * (row // len(places)) // turns if turns else 0
        parts.append((stretch, min(first, spare), min(first, spare) + window + length))
    values, times, lengths = (torch.from_numpy(each) for each in rows_of(parts))
    ahead, static = (None if each is None else torch.from_numpy(each) for each in known_of(parts, model.config))
    mode = model.training
    model.eval()
    fork = model.fork(values, times, lengths, model.initial().repeat(ROWS, 1), ahead, static)
    model.train(mode)
    assert fork.features is not None
    return fork.features[:, window:]


def require_steps(models: Sequence[str], built: Sequence[Forecaster]) -> None:
    """ValueError if one of them has no recurrence that can be looked at step by step."""
    for name, model in zip(models, built, strict=True):
        _body(model, name)


def _body(model: Forecaster, name: str) -> RecurrentForecaster:
    bodies = model.bodies()
    if not model.streams or len(bodies) != 1:
        raise ValueError(f"{name} is not one network that goes step by step: leave it out of --models")
    body: RecurrentForecaster = bodies[0]
    return body
