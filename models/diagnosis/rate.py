"""A learning rate that is too high: steps so large that the weights run away and the loss jumps."""

from __future__ import annotations

import numpy as np

from models.diagnosis.case import Case, median
from models.diagnosis.finding import Finding
from models.training.settings import TrainingSettings

NAME = "too high a rate"
UPDATE = 0.1  # of the weights' size in one step; 0.02 was the most in healthy runs, at the peak of the warm-up
JUMP = 2.0  # times the loss of the first steps; batches of healthy runs came to 1.5
GROWTH = 2.5  # times the weights' size at the first step; healthy runs stayed below 1.1
BEGINNING = 5  # steps that say what the loss was like before the rate had risen


def high_rate(case: Case) -> Finding | None:
    """When at least two of three agree: huge updates, a loss above where it began, weights that run away."""
    update, loss, weights = case.column("update_ratio"), case.loss, case.column("weight_norm")
    if np.isnan(update).all():
        return None
    start, first = median(loss[:BEGINNING]), median(weights[:1])
    top, peak, grown = _highest(update), _highest(loss), _highest(weights)
    signs = (
        update[top] > UPDATE,
        loss[peak] > JUMP * start,
        weights[grown] > GROWTH * first,
    )
    if sum(signs) < 2:
        return None
    steps, rate = case.steps, case.settings.rate
    evidence = (
        f"step {steps[top]:,} moved the weights by {update[top]:.0%} of their size; 2 % is the most in healthy runs",
        f"the loss was {start:.3g} in the first steps and {loss[peak]:.3g} at step {steps[peak]:,}",
        f"the weights grew from {first:.3g} to {weights[grown]:.3g} (step {steps[grown]:,})",
    )
    lower = min(rate / 4, TrainingSettings.rate) if rate > TrainingSettings.rate else rate / 4
    verdict = f"The rate of {rate:g} is too high: each step overshoots, and what was learned is thrown away again."
    shown = tuple(line for line, sign in zip(evidence, signs, strict=True) if sign)
    return Finding(NAME, verdict, shown, f"--rate {lower:g}", "smaller steps stay where the gradient still holds")


def _highest(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> int:
    return int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))
