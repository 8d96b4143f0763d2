"""Sessions that are scored: what is told of each if it is alone, and the same by definition, number by number."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service import drift, quality, tails
from service.engine import Answers
from service.quality import SPAN, Quality
from service.runtimes.fake import FakeRuntime, fake_bundle
from service.surprise import MOST
from tests.service.engines import HOUR, START

Array = NDArray[np.float64]
MEANS = ("scored", "paired", "error", "loss", "coverage", "beside", "naive")  # in the order that they are told


def scored_alone(values: Array, runtime: FakeRuntime | None = None, bands: Array | None = None) -> Array:
    """What is told (time, told) after each reading of a session that is alone, answered with `bands` or as it is."""
    runtime = runtime or FakeRuntime(fake_bundle())
    runtime = type(runtime)(runtime.bundle)
    method = Quality.of(runtime.bundle.manifest)
    assert method is not None
    state, row, told = runtime.bundle.initial[None], method.initial()[None], []
    for step, value in enumerate(values):
        forecast, state = runtime.step(np.array([[value]]), np.array([START + step * HOUR]), state)
        row, _ = method.advance(row, forecast if bands is None else bands[step][None], np.array([value]))
        told.append(method.read(row)[0])
    return np.array(told)


def told_of(answers: Answers, at: int) -> Array:
    assert answers.qualities is not None
    assert answers.qualities.rows[at] >= 0
    return answers.qualities.values[answers.qualities.rows[at]]


def by_definition(method: Quality, values: Sequence[float], forecasts: Array) -> Array:
    """What is told (time, told), all from the whole past, in plain Python: no ring, no batch, no float32.

    `forecasts` (time, horizon, quantiles), each made after the reading of its time.
    """
    levels, ahead, season = method.levels.tolist(), method.ahead.tolist(), method.season
    (low, high), pace = method.edges, drift.Pace.of(season)
    filled: list[float] = []
    lines, lasting, told, moments = [_Line() for _ in range(3)], 0.0, [], _Moments(pace)
    means = [dict.fromkeys(MEANS, 0.0) for _ in ahead]
    for now, value in enumerate(values):
        missing, drawn, rarity, score, side, lasts = math.isnan(value), [], math.nan, math.nan, math.nan, False
        for mean, steps in zip(means, ahead, strict=True):
            if missing or now < steps or not np.isfinite(forecasts[now - steps, steps - 1]).all():
                continue
            said = forecasts[now - steps, steps - 1].tolist()
            losses = [max(q * (value - f), (q - 1) * (value - f)) for q, f in zip(levels, said, strict=True)]
            error, loss, inside = abs(value - said[levels.index(0.5)]), sum(losses) / len(levels), 0.0
            inside += said[low] <= value <= said[high]
            _move(mean, "scored", method.memory, error=error, loss=loss, coverage=inside)
            back = now - season * math.ceil(steps / season)
            if back >= 0 and not math.isnan(filled[back]):
                _move(mean, "paired", method.memory, beside=error, naive=abs(value - filled[back]))
            drawn.append(_surprise(value, said, levels))
        if drawn:
            lasting += (sum(each * way for each, way in drawn) / len(drawn) - lasting) / SPAN
        if not missing and now >= 1 and np.isfinite(forecasts[now - 1, 0]).all():
            score, side = drawn[0]
            rare = [line.rarity(each) for line, each in zip(lines, (score, abs(lasting)), strict=False)]
            rarity, lasts = lines[2].rarity(max(rare)), rare[1] > rare[0]
            rarity = rarity if means[0]["scored"] > quality.LEARNING else math.nan
            side = math.copysign(1, lasting) if lasts else side
            for line, each in zip(lines, (score, abs(lasting), max(rare)), strict=True):
                line.learn(each, int(means[0]["scored"]))
        filled.append(value if not missing else (filled[now - season] if now >= season else math.nan))
        moments.take(value)
        told.append([rarity, score, side, lasts, moments.drift(), *(mean[name] for mean in means for name in MEANS)])
    return np.array(told, np.float64)


def _move(mean: dict[str, float], counter: str, memory: int, **found: float) -> None:
    mean[counter] += 1
    for name, score in found.items():
        mean[name] += (score - mean[name]) / min(mean[counter], memory)


def _surprise(value: float, said: list[float], levels: list[float]) -> tuple[float, float]:
    on = [level for level, each in zip(levels, said, strict=True) if each == value]
    if on:
        u = min(max(0.5, on[0]), on[-1])
    elif value < said[0]:
        gap = said[1] - said[0]
        away = (said[0] - value) * math.log(levels[1] / levels[0]) / gap if gap > 0 else MOST
        return min(MOST, away - math.log(2 * levels[0])), -1.0
    elif value > said[-1]:
        gap, tail = said[-1] - said[-2], 1 - levels[-1]
        away = (value - said[-1]) * math.log((1 - levels[-2]) / tail) / gap if gap > 0 else MOST
        return min(MOST, away - math.log(2 * tail)), 1.0
    else:
        at = max(index for index, each in enumerate(said) if each < value)
        u = levels[at] + (levels[at + 1] - levels[at]) * (value - said[at]) / (said[at + 1] - said[at])
    return -math.log(2 * min(u, 1 - u)), -1.0 if u < 0.5 else 1.0


class _Line:
    """One score's tails."""

    def __init__(self) -> None:
        self.factors, self.quiet = [1.0] * 3, [tails.QUIET] * 3

    def widths(self) -> list[float]:
        found, width = [], math.log(10)
        for factor in self.factors:
            width *= factor
            found.append(width)
        return found

    def rarity(self, score: float) -> float:
        first, second, third = self.widths()
        if score <= first:
            return math.log(10) * score / first
        if score <= first + second:
            return math.log(10) * (1 + (score - first) / second)
        return math.log(10) * (2 + (score - first - second) / third)

    def learn(self, score: float, count: int) -> None:
        step = min(max(1.2 / math.sqrt(count), 0.03), 0.1)
        limits = np.cumsum(self.widths()).tolist()
        for at, rate in enumerate((0.1, 0.01, 0.001)):
            weight = 1 if self.quiet[at] == tails.QUIET else 1 / tails.QUIET
            beyond = score > limits[at]
            moved = self.factors[at] * math.exp(weight * step * (beyond - rate))
            self.factors[at] = min(max(moved, tails.LEAST), tails.MOST)
            self.quiet[at] = 0 if beyond else min(self.quiet[at] + 1, tails.QUIET)


class _Moments:
    """Weighted means and variances of all readings: each new one has its share, and leaves the others the rest."""

    def __init__(self, pace: drift.Pace) -> None:
        self.pace, self.values, self.weights = pace, np.empty(0), np.empty((2, 0))

    def take(self, value: float) -> None:
        if not math.isnan(value):
            self.values = np.append(self.values, value)
            rates = [[1 / min(len(self.values), span)] for span in (self.pace.fast, self.pace.slow)]
            self.weights = np.hstack([self.weights * (1 - np.array(rates)), rates])

    def drift(self) -> float:
        if len(self.values) < drift.KNOWN * self.pace.fast:
            return math.nan
        fast, slow = (float(weights @ self.values) for weights in self.weights)
        b, a = (float(w @ (self.values - mean) ** 2) for w, mean in zip(self.weights, (fast, slow), strict=True))
        return (a / b + b / a - 2) / 2 + (fast - slow) ** 2 * (1 / a + 1 / b) / 2
