"""How good the weights are on the end of the training time: the one figure by which the best are chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.evaluation.backtest import targets_of
from models.evaluation.panel import Panel
from models.evaluation.rolling import Piece, Span, roll
from models.forecaster import Forecaster
from models.training.loss import quantile_loss
from models.training.windows import units_of
from models.transform import STRAIGHT, Transform

SERIES = 512  # that are looked at, evenly spread, where there are more
HISTORIES = 64  # whole ones that are read for a model that does not stream
CONTEXT = 512  # steps that the recurrent state is given to run in


@dataclass(frozen=True)
class Validation:
    """The quantile loss over every origin of the validation part, of targets that lie in it."""

    spans: tuple[Span, ...]
    ends: tuple[int, ...]
    units: NDArray[np.float64]

    @classmethod
    def of(cls, panel: Panel, season: int, streams: bool = True, transform: Transform = STRAIGHT) -> Validation:
        """ValueError if no series has a validation part.

        A model that does not stream reads a whole history for every origin, so it is judged by a few, evenly spread.
        """
        usable = [i for i, end in enumerate(panel.train_end) if end < panel.validation_end[i]]
        if not usable:
            raise ValueError("no series has a validation part: the best weights could not be chosen")
        places = np.unique(np.linspace(0, len(usable) - 1, min(SERIES, len(usable))).round().astype(int))
        chosen = [usable[place] for place in places]
        whole = [Span(panel.series[i], panel.train_end[i] - 1, panel.validation_end[i] - 2) for i in chosen]
        origins = max(1, HISTORIES // len(chosen))
        spans = [(i, part) for i, span in zip(chosen, whole, strict=True) for part in _spread(span, streams, origins)]
        rows = [i for i, _ in spans]
        ends = tuple(panel.validation_end[i] for i in rows)
        return cls(tuple(span for _, span in spans), ends, units_of(panel, season, transform)[rows])

    def loss(self, model: Forecaster) -> float:
        """The mean loss, in units of each series; draws nothing at random."""
        levels = torch.tensor(model.config.quantiles)
        total, count = 0.0, 0
        for piece, target, unit in self.pieces(model):
            part, targets = quantile_loss(
                piece.quantiles, piece.level, piece.scale, target, unit, levels, piece.transform
            )
            total += float(part)
            count += int(targets)
        return total / max(1, count)

    def pieces(self, model: Forecaster) -> Iterator[tuple[Piece, Tensor, Tensor]]:
        """All forecasts with their targets (origins, horizon) and the unit of each (origins,)."""
        for piece in roll(model, self.spans, CONTEXT):
            history = self.spans[piece.span].stretch.values[: self.ends[piece.span], 0]
            _, target = targets_of(piece, history, model.config.horizon)
            yield piece, torch.from_numpy(target), torch.full_like(piece.scale, float(self.units[piece.span]))


def _spread(span: Span, streams: bool, origins: int) -> list[Span]:
    """The span as it is, or single origins of it."""
    if streams:
        return [span]
    chosen = np.unique(np.linspace(span.first, span.last, origins).round().astype(int)).tolist()
    return [Span(span.stretch, origin, origin) for origin in chosen]
