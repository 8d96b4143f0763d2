"""Hourly series whose level, spread or period changes at a known step, or that do not change at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KINDS = ("level", "variance", "period")
LENGTH = 1_100
FIRST, LAST = 500, 800  # steps between which a change lies
DAY = 24


@dataclass(frozen=True, eq=False)
class Changes:
    """Series (series, time), and the step of the first changed reading of each."""

    values: NDArray[np.float64]
    at: NDArray[np.int64]


def series(seed: int, count: int, kind: str | None = None, length: int = LENGTH) -> Changes:
    """A day's rhythm with a second harmonic, correlated noise and a slow drift, each of its own size and level.

    A level moves by 1.5 to 4 amplitudes, noise grows to 3 to 6 times its deviation, a period to 0.4 to 0.7 or 1.5 to
    2.5 days; all stay so to the end.
    """
    random = np.random.default_rng(seed)
    at = random.integers(FIRST, LAST, count)
    return Changes(np.stack([_one(random, length, kind, int(step)) for step in at]), at)


def doubling(seed: int, count: int, length: int) -> Changes:
    """As `series`, with noise of twice the deviation from the middle on."""
    random, at = np.random.default_rng(seed), np.full(count, length // 2)
    return Changes(np.stack([_one(random, length, "doubling", int(step)) for step in at]), at)


def _one(random: np.random.Generator, length: int, kind: str | None, at: int) -> NDArray[np.float64]:
    hours = np.arange(length, dtype=np.float64)
    changed = hours >= at if kind is not None else np.zeros(length, np.bool_)
    amplitude, second = random.uniform(3, 15), random.uniform(0, 0.5)
    noise = random.normal(size=length)
    for step in range(1, length):
        noise[step] += 0.5 * noise[step - 1]
    noise *= random.uniform(0.05, 0.3) * amplitude
    drift = random.normal(size=length).cumsum() * 0.01 * amplitude
    if kind == "variance":
        noise = np.where(changed, noise * random.uniform(3, 6), noise)
    if kind == "doubling":
        noise = np.where(changed, 2 * noise, noise)
    if kind == "period":
        days = random.uniform(0.4, 0.7) if random.random() < 0.5 else random.uniform(1.5, 2.5)
        hours = np.where(changed, at + (hours - at) / days, hours)  # no jump at the change itself
    level = random.uniform(-100, 100)
    if kind == "level":
        level = level + np.where(changed, random.choice([-1, 1]) * random.uniform(1.5, 4) * amplitude, 0.0)
    phase, second_phase = random.uniform(0, 2 * np.pi, 2)
    turn = 2 * np.pi * hours / DAY
    wave = amplitude * (np.sin(turn + phase) + second * np.sin(2 * turn + second_phase))
    return level + wave + noise + drift
