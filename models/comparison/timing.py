"""How long a training step takes: by length of the rows, whole and of the recurrence alone, packed and padded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from models.comparison.batch import TYPICAL, features_of, learn, ragged, recur
from models.forecaster import Forecaster
from models.layers.layer import Layer

LENGTHS = (20, 50, 100, 200, 500, 1000)
ROUNDS = 6  # of each measurement, after one that does not count; the median lies between the lowest and the highest
# of six with probability 1 - 2 / 2^6 = 0.97, whatever the distribution
REAL = (0.75, 0.5, 0.25)  # shares of real steps at which packing is held against padding
PACKED_LENGTH = 200
PACKS, PADS = 2.0, 0.0  # shares of real steps from which rows are padded: never, always

Clock = Callable[[], float]
Work = Callable[[], object]
Spans = dict[str, list[float]]  # by name: seconds, one a round


def clock_of(threads: int) -> Clock:
    """The processor's own time on one core, which other work beside it changes less; else the clock on the wall."""
    return time.process_time if threads == 1 else time.perf_counter


def interleaved(works: Mapping[str, Work], clock: Clock, rounds: int = ROUNDS) -> Spans:
    """Seconds of each work, one a round, all in turn and each round in another order: what disturbs disturbs all."""
    names = list(works)
    spans: Spans = {name: [] for name in names}
    for number in range(rounds + 1 if names else 0):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            begun = clock()
            works[name]()
            if number:
                spans[name].append(clock() - begun)
    return spans


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """The median of the rounds and, for its interval, the lowest and the highest."""
    return {"median": float(np.median(seconds)), "low": min(seconds), "high": max(seconds)}


def ratio(one: Sequence[float], other: Sequence[float]) -> dict[str, float]:
    """The same of one over the other, round by round, so that what was slow for both cancels out."""
    return figures([a / b for a, b in zip(one, other, strict=True)])


def training_steps(
    models: Mapping[str, Forecaster],
    rows: int,
    clock: Clock,
    lengths: Sequence[int] = LENGTHS,
    full: float = TYPICAL,
    rounds: int = ROUNDS,
    done: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Spans]]:
    """Seconds of forward and backward by length, then by model: `whole` steps, and `recurrent` parts alone.

    `lengths` are those of a batch's longest row, `full` is the share of its steps that are real. A model that takes no
    such length has no entry there.
    """
    found: dict[str, dict[str, Spans]] = {"whole": {}, "recurrent": {}}
    with _training(models):
        for length in lengths:
            done(f"training steps of {length} readings")
            fitting = {name: model for name, model in models.items() if takes(model, length)}
            batches = {name: ragged(model.config, rows, length, full) for name, model in fitting.items()}
            given = {name: features_of(model, batches[name]) for name, model in fitting.items()}
            whole = {name: _learning(model, batches[name]) for name, model in fitting.items()}
            parts = {name: _recurring(model, given[name], batches[name]) for name, model in fitting.items()}
            found["whole"][str(length)] = interleaved(whole, clock, rounds)
            found["recurrent"][str(length)] = interleaved(parts, clock, rounds)
    return found


def packing(
    models: Mapping[str, Forecaster],
    rows: int,
    clock: Clock,
    length: int = PACKED_LENGTH,
    rounds: int = ROUNDS,
    done: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Time of packed over that of padded rows, by model and share of real steps: `whole` steps and `recurrent` parts.

    Only of models whose layers know both ways.
    """
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    with _training(models):
        for name, model in models.items():
            if not takes(model, length) or not any(hasattr(layer, "fused") for layer in _layers(model)):
                continue
            found[name] = {}
            for real in REAL:
                done(f"{name}, packed and padded, {real:.0%} real")
                batch = ragged(model.config, rows, length, real)
                given = features_of(model, batch)
                found[name][f"{real:g}"] = {
                    part: _packed_over_padded(model, work, clock, rounds)
                    for part, work in (
                        ("whole", _learning(model, batch)),
                        ("recurrent", _recurring(model, given, batch)),
                    )
                }
    return found


def takes(model: Forecaster, length: int) -> bool:
    """Whether a model can be given so many readings at once."""
    return model.longest_history is None or length <= model.longest_history


def summary(spans: Spans, reference: str) -> dict[str, Any]:
    """For each model its seconds, and their ratio to those of the reference."""
    found: dict[str, Any] = {}
    for name, seconds in spans.items():
        found[name] = {"seconds": figures(seconds)}
        if reference in spans:
            found[name]["ratio"] = ratio(seconds, spans[reference])
    return found


def _packed_over_padded(model: Forecaster, work: Work, clock: Clock, rounds: int) -> dict[str, float]:
    def choosing(share: float) -> Work:
        def run() -> None:
            for layer in _layers(model):
                layer.mostly_full = share
            work()

        return run

    before = [layer.mostly_full for layer in _layers(model)]
    try:
        spans = interleaved({"packed": choosing(PACKS), "padded": choosing(PADS)}, clock, rounds)
    finally:
        for layer, share in zip(_layers(model), before, strict=True):
            layer.mostly_full = share
    return ratio(spans["packed"], spans["padded"])


def _layers(model: Forecaster) -> list[Layer]:
    return [module for module in model.modules() if isinstance(module, Layer)]


def _learning(model: Forecaster, batch: Any) -> Work:
    return lambda: learn(model, batch)


def _recurring(model: Forecaster, features: Any, batch: Any) -> Work:
    return lambda: recur(model, features, batch.lengths)


@contextmanager
def _training(models: Mapping[str, Forecaster]) -> Iterator[None]:
    """Models as they are while they train, with random draws that leave no trace."""
    modes = [(model, model.training) for model in models.values()]
    with torch.random.fork_rng(devices=[]):
        for model, _ in modes:
            model.train()
        try:
            yield
        finally:
            for model, mode in modes:
                model.zero_grad(set_to_none=True)
                model.train(mode)
