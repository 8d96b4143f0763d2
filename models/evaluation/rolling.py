"""A forecaster moved along its series as a stream would move it, with a forecast wanted after each of many readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.evaluation.panel import Part, Stretch, known_of, rows_of
from models.forecaster import Forecaster
from models.transform import STRAIGHT, Transform

ROWS = 64  # series that run side by side
CHUNK = 1024  # steps of history taken at once
NUMBERS = 4_000_000  # that one decoding may hold


class Span(NamedTuple):
    """Forecasts are wanted from each origin `first` to `last`, the places of the last reading known."""

    stretch: Stretch
    first: int
    last: int


class Piece(NamedTuple):
    """Forecasts of one span from the origins `first`, `first` + 1, …: level + scale * quantiles, under the curve."""

    span: int
    first: int
    quantiles: Tensor  # (origins, horizon, quantiles) float32, in deviations of the window
    level: Tensor  # (origins,) float64
    scale: Tensor  # (origins,) float64
    transform: Transform = STRAIGHT

    def in_units(self) -> Tensor:
        """The forecasts in the series' units, (origins, horizon, quantiles) float64."""
        under = self.level[:, None, None] + self.scale[:, None, None] * self.quantiles.to(torch.float64)
        return self.transform.undo(under)


@torch.no_grad()
def roll(model: Forecaster, spans: Sequence[Span], context: int | None = None) -> Iterator[Piece]:
    """All forecasts of all spans, in pieces; a span is run in from its series' start, or from `context` steps before.

    A shorter context starts with the window of past values filled, as if the readings before it had been forgotten by
    the recurrent state alone.
    """
    mode = model.training
    model.eval()
    try:
        order = sorted(range(len(spans)), key=lambda index: spans[index].first)
        for start in range(0, len(order), ROWS):
            chosen = order[start : start + ROWS]
            if model.streams:
                yield from _roll_rows(model, [spans[index] for index in chosen], chosen, context)
            else:
                yield from _roll_histories(model, [spans[index] for index in chosen], chosen)
    finally:
        model.train(mode)


def _roll_rows(model: Forecaster, spans: list[Span], names: list[int], context: int | None) -> Iterator[Piece]:
    state = _run_in(model, spans, context)
    per_step = model.window + model.config.horizon * len(model.config.quantiles)
    done = 0
    active = list(range(len(spans)))
    while active:
        chunk = max(1, NUMBERS // (len(active) * per_step))
        parts = [
            (spans[row].stretch, spans[row].first + done, min(spans[row].first + done + chunk, spans[row].last + 1))
            for row in active
        ]
        values, times, lengths, ahead, static = _inputs(model, parts)
        fork = model.fork(values, times, lengths, state[active], ahead, static)
        state[active] = fork.state
        quantiles, level, scale = (part.cpu() for part in (fork.quantiles, fork.level, fork.scale))
        for place, (row, length) in enumerate(zip(active, lengths.tolist(), strict=True)):
            yield Piece(
                names[row],
                spans[row].first + done,
                quantiles[place, :length],
                level[place, :length],
                scale[place, :length],
                fork.transform,
            )
        done += chunk
        active = [row for row in active if spans[row].first + done <= spans[row].last]


def _roll_histories(model: Forecaster, spans: list[Span], names: list[int]) -> Iterator[Piece]:
    """The same for a model that does not stream: every origin is a history of its own, from a new state."""
    assert model.longest_history is not None
    wanted = [(row, origin) for row, span in enumerate(spans) for origin in range(span.first, span.last + 1)]
    for start in range(0, len(wanted), ROWS):
        chosen = wanted[start : start + ROWS]
        parts: list[Part] = [
            (spans[row].stretch, max(0, origin + 1 - model.longest_history), origin + 1) for row, origin in chosen
        ]
        values, times, lengths, ahead, static = _inputs(model, parts)
        state = model.initial().repeat(len(parts), 1)
        fork = model.fork(values, times, lengths, state, ahead, static)
        quantiles, level, scale = (part.cpu() for part in (fork.quantiles, fork.level, fork.scale))
        for place, (row, origin) in enumerate(chosen):
            yield Piece(names[row], origin, quantiles[place], level[place], scale[place], fork.transform)


def _run_in(model: Forecaster, spans: list[Span], context: int | None) -> Tensor:
    """States (spans, state) that know all readings before each span's first origin."""
    starts = [0 if context is None else max(0, span.first - context) for span in spans]
    state = torch.stack([_start(model, span.stretch, start) for span, start in zip(spans, starts, strict=True)])
    longest = max(span.first - start for span, start in zip(spans, starts, strict=True))
    for done in range(0, longest, CHUNK):
        parts = [
            (span.stretch, min(start + done, span.first), min(start + done + CHUNK, span.first))
            for span, start in zip(spans, starts, strict=True)
        ]
        values, times, lengths, _, static = _inputs(model, parts)
        _, state = model.sequence(values, times, lengths, state, None, static)
    return state


def _start(model: Forecaster, stretch: Stretch, start: int) -> Tensor:
    if start == 0:
        return model.initial()
    before = torch.from_numpy(window_before(stretch, start, model.window)).to(model.device)
    return model.primed(before.unsqueeze(0)).squeeze(0)


class _Inputs(NamedTuple):
    values: Tensor
    times: Tensor
    lengths: Tensor
    ahead: Tensor | None
    static: Tensor | None


def _inputs(model: Forecaster, parts: Sequence[Part]) -> _Inputs:
    """Ragged rows as `fork` takes them, where the model is."""
    arrays = (*rows_of(parts), *known_of(parts, model.config))
    return _Inputs(*(None if each is None else torch.from_numpy(each).to(model.device) for each in arrays))  # type: ignore[arg-type]


def window_before(stretch: Stretch, start: int, window: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The `window` readings before a place, (window, width), NaN before the series' start."""
    before = np.full((window, stretch.values.shape[1]), np.nan)
    known = min(start, window)
    if known:
        before[window - known :] = stretch.values[start - known : start]
    return before
