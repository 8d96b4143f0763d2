"""Our own forecaster on a protocol: trained as `gatecast train` does it, and moved along its series as a stream is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from bench.accuracy.kept import OURS, Result, digest_of
from bench.accuracy.point import MEAN, MEDIAN, PointError, implied_mean
from bench.accuracy.protocol import Origins, Protocol
from bench.accuracy.score import Score
from bench.machine import load, taken
from models.evaluation.panel import Stretch
from models.evaluation.rolling import Span, roll
from models.forecaster import Forecaster
from models.training.progress import ProgressView
from models.training.settings import TrainingSettings
from models.training.trainer import prepare, resolved

Array = NDArray[np.float64]


def settings_of(steps: int | None, seed: int = 0) -> TrainingSettings:
    """The defaults but for the budget, if one is given."""
    default = TrainingSettings()
    return replace(default, steps=default.steps if steps is None else steps, seed=seed)


def digest(protocol: Protocol, settings: TrainingSettings) -> str:
    """Of all that decides a result but the seed."""
    config = resolved(protocol.config, protocol.panel, protocol.season)
    chosen: dict[str, Any] = {"model": config.to_dict(), "training": {**settings.to_dict(), "seed": None}}
    return digest_of(protocol, chosen)


def measured(protocol: Protocol, settings: TrainingSettings, threads: int, console: Console) -> Result:
    """Trains one model and takes all its figures."""
    torch.set_num_threads(threads)
    training = prepare(protocol.panel, protocol.config, settings, protocol.season)
    view, before = ProgressView(console, settings.steps_in_all), time.process_time()
    with view.shown():
        outcome = training.run(view, lambda _: None)
    model, began, processor = training.model, time.monotonic(), time.process_time() - before
    point = MEDIAN if protocol.deviations is None else chosen_point(model, protocol)
    whole, thin = Score(protocol, model.config.quantiles), Score(protocol.thinned(), model.config.quantiles)
    for series, origins, quantiles in streamed(model, protocol.panel.series, protocol.origins):
        said = implied_mean(quantiles, model.config.quantiles) if point == MEAN else None
        whole.add(series, origins, quantiles, said)
        wanted = np.isin(origins, thin.protocol.origins[series])
        if protocol.every > 1 and wanted.any():
            thin.add(series, origins[wanted], quantiles[wanted], None if said is None else said[wanted])
    steps, best = outcome.place.step, outcome.place.best_step
    told = f"{steps:,} steps, the weights of step {best:,}" + (", cooled down" if outcome.place.cooled else "")
    told += f", bands wider by {outcome.place.widened:.2f}" if outcome.place.widened else ""
    return Result(
        set=protocol.name,
        who=OURS,
        seed=settings.seed,
        digest=digest(protocol, settings),
        figures=whole.figures,
        coverage=whole.coverage,
        seconds=outcome.place.seconds,
        forecasting=time.monotonic() - began,
        threads=threads,
        taken=taken(),
        load=load(),
        processor=processor,
        told=told if protocol.deviations is None else f"{told}; the {point}",
        thinned=thin.figures if protocol.every > 1 else None,
    )


def streamed(
    model: Forecaster, series: Sequence[Stretch], origins: Origins
) -> Iterator[tuple[int, NDArray[np.int64], Array]]:
    """Pieces of forecasts: the series, some of its origins, and quantiles (origins, horizon, levels) in its units.

    Each series is read once from its beginning, a reading a step, with a forecast wherever one is wanted; what is held
    of the forecasts is bounded.
    """
    spans = [Span(stretch, int(at[0]), int(at[-1])) for stretch, at in zip(series, origins, strict=True)]
    for piece in roll(model, spans):
        places = piece.first + np.arange(len(piece.level), dtype=np.int64)
        wanted = np.isin(places, origins[piece.span])
        if wanted.any():
            yield piece.span, places[wanted], piece.in_units().numpy()[wanted]


def chosen_point(model: Forecaster, protocol: Protocol) -> str:
    """Whether the median or the mean implied by the quantiles has the smaller squared error on the validation part."""
    panel = protocol.panel
    ends = zip(panel.train_end, panel.validation_end, strict=True)
    origins = tuple(np.arange(train - 1, end - protocol.horizon) for train, end in ends)
    errors = PointError(model.config.quantiles)
    assert protocol.deviations is not None
    for series, at, quantiles in streamed(model, panel.series, origins):
        values = panel.series[series].values[:, 0]
        target = values[at[:, None] + np.arange(1, protocol.horizon + 1)]
        errors.add(quantiles, target, float(protocol.deviations[series]))
    return errors.better
