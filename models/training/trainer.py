"""A whole run: from a panel of series to the run folder, with its weights, metrics, log, plots and stretches."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from datasets.frequency import Frequency
from models.config import ForecasterConfig, implied_calendar
from models.evaluation.backtest import Backtest, backtest
from models.evaluation.panel import Panel, Stretch
from models.evaluation.plots import plot_forecast, plot_loss
from models.forecaster import Forecaster
from models.registry import build
from models.training.checkpoint import Checkpoint, Place, ResumeError, load_checkpoint, save_checkpoint
from models.training.declared import require_declared
from models.training.dependence import dependence_of
from models.training.interrupt import interruptible
from models.training.loop import Outcome, Record, Training
from models.training.precision import require_device
from models.training.progress import ProgressView
from models.training.run import FORECAST_PLOT, LOG, LOSS_PLOT, RESUME, Run
from models.training.settings import TrainingSettings
from models.training.spread import implied_offset, implied_spread
from models.training.start import Start
from models.training.validation import Validation
from models.training.windows import Sampler
from models.transform import Transform

STRETCHES = 4
STRETCH = 1_100  # steps beyond one window


def train(
    panel: Panel,
    run: Run,
    console: Console,
    resume: bool = False,
    threads: int = 1,
    device: str = "cpu",
    start: Start | None = None,
) -> tuple[Backtest, Outcome]:
    """Trains, or goes on with `resume`, and writes everything to the run folder; Ctrl-C ends it early and in order.

    `threads` are the processor cores to use, each for a part of a batch: other weights than with one, and the same
    each time. `device` is where training and its validations run, `cpu` or `cuda`; what follows them runs on the CPU.
    With `start` it begins with that model's weights instead of new ones.

    ResumeError if there is nothing to go on with or if it was another run, TrainingDiverged if it cannot be trained,
    ValueError if there is no such device, or if the model it is to start from is another one.
    """
    torch.set_num_threads(1)
    asked = run.config
    run = replace(run, config=resolved(asked, panel, run.data.season), implied=run.implied or asked.open)
    training = prepare(panel, run.config, run.settings, run.data.season, device, start, threads)
    run = replace(run, settings=training.settings)
    if resume:
        _take_up(training, run)
    else:
        run.start()
        run.write_stretches(golden_stretches(panel, run.config.window))
        _save(training.checkpoint(), run)
    outcome = _loop(training, run, console)
    training.model.cpu()
    run.write_weights(training.best)
    result = backtest(training.model, panel, run.data.season)
    run.write_dependence(dependence_of(training.model, panel, run.data.season))
    run.write_metrics(summary(result, outcome, training.model))
    frequency = Frequency.parse(run.config.frequency)
    plot_loss(run.read_log(), run.path / LOSS_PLOT)
    plot_forecast(training.model, panel, result, frequency, run.data.target, run.path / FORECAST_PLOT)
    return result, outcome


def prepare(
    panel: Panel,
    config: ForecasterConfig,
    settings: TrainingSettings,
    season: int,
    device: str = "cpu",
    start: Start | None = None,
    threads: int = 1,
) -> Training:
    """A training at its first step; the seed decides the weights it starts from, unless `start` has them.

    ValueError if there is no such device, if the model to start from is another one, or if the target has readings
    that it was declared not to have.
    """
    place = require_device(device, settings.precision)
    config = resolved(config, panel, season)
    require_declared(panel, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = build(config, covariate_statistics(panel))
    if start is not None:
        start.refuse_others(config)
        start.load_into(model)  # with the statistics of covariates that these weights were learned under
    settings = suited(settings, model)
    sampler = Sampler.of(panel, settings, config, season)
    return Training(
        model.to(place),
        sampler,
        Validation.of(panel, season, model.streams, Transform(config.offset or 0.0)),
        settings,
        threads=threads,
    )


def suited(settings: TrainingSettings, model: Forecaster) -> TrainingSettings:
    """The settings that a model is really trained with: where it takes whole histories alone, each is a row from a new
    state, as it is served, with its last step as the one origin."""
    longest = model.longest_history
    if longest is None:
        return settings
    return replace(settings, primed=0.0, shortest=model.window, longest=longest, every=longest)


def resolved(config: ForecasterConfig, panel: Panel, season: int) -> ForecasterConfig:
    """The configuration with what the training parts imply in place of what it leaves open."""
    implied: dict[str, Any] = {}
    if config.calendar is None:
        implied["calendar"] = implied_calendar(Frequency.parse(config.frequency), panel.span)
    if config.offset is None:
        implied["offset"] = implied_offset(panel, season)
    if config.spread is None:
        offset = implied.get("offset", config.offset) or 0.0
        implied["spread"] = implied_spread(panel, config.window, Transform(offset))
    return replace(config, **implied)


def covariate_statistics(panel: Panel) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each covariate of the training parts, then of each static feature over the series.

    Float64 (covariates + static,); 0 and 1 where no value is known.
    """
    parts = [stretch.values[:end, 1:] for stretch, end in zip(panel.series, panel.train_end, strict=True)]
    both = [_moments(np.concatenate(parts)), _moments(np.stack([stretch.static for stretch in panel.series]))]
    mean, deviation = (np.concatenate(each) for each in zip(*both, strict=True))
    return torch.from_numpy(mean), torch.from_numpy(deviation)


def _moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = ~np.isnan(values)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, values, 0.0).sum(0) / count
    deviation = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(0) / count)
    return mean, np.where(deviation > 0, deviation, 1.0)


def golden_stretches(panel: Panel, window: int) -> list[Stretch]:
    """A few runs of real training readings, each long enough for a window and a long chain."""
    order = np.argsort([-end for end in panel.train_end], kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(STRETCHES, len(order))).astype(int))
    chosen = [int(order[place]) for place in places]
    stretches = []
    for number in range(STRETCHES):
        series = chosen[number % len(chosen)]
        length = min(window + STRETCH, panel.train_end[series])
        spare = panel.train_end[series] - length
        first = spare * number // (STRETCHES - 1)
        stretch = panel.series[series]
        part = slice(first, first + length)
        stretches.append(Stretch(stretch.values[part].copy(), stretch.times[part].copy(), stretch.static))
    return stretches


def summary(result: Backtest, outcome: Outcome, model: Forecaster) -> dict[str, Any]:
    """What metrics.json holds."""
    return {
        "test": result.ours.metrics.to_dict(),
        "seasonal_naive": {str(lag): naive.metrics.to_dict() for lag, naive in result.naives.items()},
        "beats_seasonal_naive": result.beats_naive,
        "training": {
            **{key: value for key, value in asdict(outcome.place).items() if key != "validations"},  # the log has them
            "ended": outcome.reason,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        },
    }


def _loop(training: Training, run: Run, console: Console) -> Outcome:
    view = ProgressView(console, training.settings.steps_in_all, training.place.step)
    with ExitStack() as stack:
        interrupted = stack.enter_context(interruptible())
        log = stack.enter_context((run.path / LOG).open("a", encoding="utf-8", buffering=1))
        stack.enter_context(view.shown())

        def observe(record: Record) -> None:
            log.write(json.dumps(record.to_dict()) + "\n")
            view(record)

        return training.run(observe, lambda checkpoint: _save(checkpoint, run), interrupted)


def _save(checkpoint: Checkpoint, run: Run) -> None:
    save_checkpoint(replace(checkpoint, run=run.identity), run.path / RESUME)


def _take_up(training: Training, run: Run) -> None:
    checkpoint = load_checkpoint(run.path / RESUME)
    for part, now in run.identity.items():
        then = checkpoint.run.get(part)
        if part == "training" and isinstance(then, dict):
            then = suited(TrainingSettings.from_dict(then), training.model).to_dict()
        if part == "model" and isinstance(then, dict):
            then = json.loads(json.dumps(ForecasterConfig.from_dict(then).to_dict()))  # the same
        if then != now:
            raise ResumeError(f"{run.path} was started with another {part}: {_difference(then, now)}")
    training.restore(checkpoint)
    done: Place = checkpoint.place
    if done.cooled is None:
        run.rewrite_log(record for record in run.read_log() if record["step"] <= done.step)


def _difference(then: Any, now: Any) -> str:
    if not isinstance(then, dict) or not isinstance(now, dict):
        return "readings, times or the split are not the same. Resume with the same file and split, or train anew"
    changed = [f"{key} was {then.get(key)}, is {value}" for key, value in now.items() if then.get(key) != value]
    return "; ".join(changed) + ". Leave these options as they were, or train anew without --resume"
