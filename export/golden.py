"""Golden answers: what torch itself says to real readings, recorded to hold any runtime against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.frequency import Frequency
from models.forecaster import Forecaster
from models.support import Support

CHAIN = 1_000  # steps, one after the other, each from the state that the last one left
RECORDED_EVERY = 50
ROWS = 4
MISSING_SHARE = 0.03  # of readings, left out so that missing values are part of the proof


@dataclass(frozen=True)
class Stretch:
    """A run of real readings: values float64 (time, width), NaN where missing, the first at `start`.

    `static` are the features of its series, float64 (static,).
    """

    start: int
    values: NDArray[np.float64]
    static: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))


def golden_answers(model: Forecaster, stretches: Sequence[Stretch]) -> dict[str, NDArray[Any]]:
    """Inputs and torch's answers by name, to be stored beside the graphs, from one stretch or more.

    Short stretches are repeated until they fill the window and the chain. Rows: `ROWS`, the stretches in turn, each
    from another place, so that no two rows are alike.
    """
    frequency = Frequency.parse(model.config.frequency)
    length = model.window + CHAIN if model.longest_history is None else model.longest_history
    random = np.random.default_rng(20)
    values, times, static = [], [], []
    for row in range(ROWS):
        stretch = stretches[row % len(stretches)]
        offset = 17 * (row // len(stretches))
        places = (np.arange(length) + offset) % len(stretch.values)
        filled = stretch.values[places].copy()
        filled[random.random(length) < MISSING_SHARE] = np.nan
        values.append(filled)
        times.append(frequency.times(stretch.start, np.arange(offset, offset + length, dtype=np.int64)))
        static.append(stretch.static)
    golden: dict[str, NDArray[Any]] = {"values": np.stack(values), "times": np.stack(times)}
    if model.config.static:
        golden["static"] = np.stack(static)
    if model.config.future:
        golden["future"] = _known_ahead(model, golden["values"])
    with torch.inference_mode(), one_thread(), unrounded(model) as support:
        golden |= _whole(model.eval(), golden)
        if model.streams:
            golden |= _chain(model, golden)
    if support.integer:
        for part in ("whole", "chain"):
            if (before := golden.get(f"{part}.quantiles")) is not None:
                golden[f"{part}.unrounded"] = before
                golden[f"{part}.quantiles"] = support.hold(torch.from_numpy(before)).numpy()
    return golden


@contextmanager
def unrounded(model: Forecaster) -> Iterator[Support]:
    """The model with forecasts as they are before they are rounded, where it rounds; what it else holds them to.

    Two runtimes may differ in the last digit, and next to a half that digit decides on which side a whole number
    falls: what both are held to, within the tolerance, is the number before.
    """
    support = Support(model.config.non_negative, model.config.integer)
    curve = model.transform
    if support.integer:
        model.transform = replace(curve, support=replace(support, integer=False))
    try:
        yield support
    finally:
        model.transform = curve


def _known_ahead(model: Forecaster, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Real values of the known covariates, a few of them unknown, (rows, horizon, known)."""
    steps = np.arange(model.config.horizon) % values.shape[1]
    future: NDArray[np.float64] = values[:, steps][:, :, model.config.known].copy()
    future[0, -1] = np.nan
    return future


def _known(golden: dict[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(golden[name]) for name in ("future", "static") if name in golden}


@contextmanager
def one_thread() -> Iterator[None]:
    """Steps of a few rows gain nothing from more threads, and on a busy machine lose much."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _whole(model: Forecaster, golden: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """New sessions with histories of several lengths, among them none and one reading."""
    time = min(model.window + 60, golden["values"].shape[1])
    lengths = np.array([time, model.window // 2 + 3, 1, 0], dtype=np.int64)
    quantiles, states = model.sequence(
        torch.from_numpy(golden["values"][:, :time]),
        torch.from_numpy(golden["times"][:, :time]),
        torch.from_numpy(lengths),
        model.initial().repeat(ROWS, 1),
        **_known(golden),
    )
    return {"whole.lengths": lengths, "whole.quantiles": quantiles.numpy(), "whole.states": states.numpy()}


def _chain(model: Forecaster, golden: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A thousand single steps from sessions whose window is full, so that every lag is at work."""
    values, times = torch.from_numpy(golden["values"]), torch.from_numpy(golden["times"])
    before = torch.full((ROWS,), model.window, dtype=torch.int64)
    start, known = model.initial().repeat(ROWS, 1), _known(golden)
    _, state = model.sequence(values[:, : model.window], times[:, : model.window], before, start, **known)
    answers: dict[str, NDArray[Any]] = {"chain.start": state.numpy().copy()}
    recorded, forecasts, states = [], [], []
    for step in range(CHAIN):
        place = model.window + step
        quantiles, state, gates = model.step(values[:, place], times[:, place], state, **known)
        if step % RECORDED_EVERY == RECORDED_EVERY - 1:
            recorded.append(step)
            forecasts.append(quantiles.numpy().copy())
            states.append(state.numpy().copy())
    answers["chain.recorded"] = np.array(recorded, dtype=np.int64)
    answers["chain.quantiles"] = np.stack(forecasts)  # (recorded, rows, horizon, quantiles)
    answers["chain.states"] = np.stack(states)  # (recorded, rows, state)
    answers["chain.gates"] = gates.numpy()  # (rows, gates) of the last step
    return answers
