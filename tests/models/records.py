"""Logs that are written by hand: healthy but for the figures that are given as functions of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

STEPS = 40
OLD = {"step", "loss", "gradient_norm", "rate", "skipped", "validation", "best", "seconds"}

HEALTHY: dict[str, Callable[[int], Any]] = {
    "loss": lambda step: 1.0 - 0.01 * step,
    "gradient_norm": lambda _: 0.5,
    "rate": lambda _: 5e-3,
    "skipped": lambda _: False,
    "validation": lambda step: 0.8 - 0.005 * step if step % 5 == 0 else None,
    "best": lambda step: step % 5 == 0,
    "seconds": float,
    "weight_norm": lambda step: 20 + 0.01 * step,
    "update_ratio": lambda _: 0.01,
    "parts": lambda _: {"decoder": 0.4, "layers.0": 0.2},
    "carry": lambda _: 0.9,
    "gates": lambda _: {"1.r": (0.0, 0.0), "1.z": (0.0, 0.1), "1.n": (0.0, 0.0)},
    "dead": lambda _: 0.0,
    "input_max": lambda _: 3.0,
    "input_deviation": lambda _: 1.1,
}


def log_of(**figures: Callable[[int], Any]) -> list[dict[str, Any]]:
    """A log of 40 steps."""
    functions = {**HEALTHY, **figures}
    return [
        {"step": step, **{name: function(step) for name, function in functions.items()}} for step in range(1, STEPS + 1)
    ]


def without_monitor(log: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a version without the monitor wrote it."""
    return [{name: record[name] for name in OLD} for record in log]
