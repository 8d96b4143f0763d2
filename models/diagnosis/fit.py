"""Learning too much or too little: the training loss beside the validation loss, and the seasonal naive."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.diagnosis.case import Case, mean
from models.diagnosis.finding import Finding
from models.diagnosis.resizing import narrower, wider

OVERFITTING, UNDERFITTING = "overfitting", "underfitting"

RISE = 0.1  # of the validation loss above its lowest, both as means of LATE; those of healthy runs rose by up to 0.02
FALL = 0.03  # of the training loss since then: it still learns, but not what helps
LATE = 3  # validations; a single one scatters by a tenth on a short stretch
LEARNED = 0.05  # of the loss at least; the widths of the bands alone bring more within a few steps
SCATTER = 2.0  # standard errors of a mean over batches
WORSE = 1.2  # times the error of the seasonal naive; a short held-out end scatters by less
STILL_FALLING = 0.05  # of the validation loss over the second half of the run
DROPOUT = 0.3  # the most that is suggested
SLOW = 1e-3  # a rate below it is raised first


def overfitting(case: Case) -> Finding | None:
    """When the validation loss has risen again while the training loss fell on."""
    steps, values = case.validations
    if len(values) < LATE + 1:
        return None
    means = np.convolve(values, np.full(LATE, 1 / LATE), mode="valid")  # one a validation from the third on
    turn = int(np.argmin(means))
    middle = steps[turn + LATE // 2]
    then, now = _around(case, int(np.searchsorted(case.steps, middle))), mean(case.loss[-case.averaged :])
    if not means[-1] > (1 + RISE) * means[turn] or not now < (1 - FALL) * then:
        return None
    evidence = (
        f"the validation loss, in means of {LATE}, was {means[turn]:.4g} around step {middle:,} and is {means[-1]:.4g} "
        f"at the end, {means[-1] / means[turn] - 1:.0%} more",
        f"the training loss went from {then:.4g} (around step {middle:,}) to {now:.4g} (the last {case.averaged} "
        f"steps), {1 - now / then:.0%} less",
    )
    best = steps[int(np.argmin(values))]
    verdict = (
        "It overfits: what the net went on learning from its training readings made its forecasts of later ones worse. "
        f"The weights of step {best:,} were kept."
    )
    if case.config.dropout < DROPOUT:
        return Finding(
            OVERFITTING,
            verdict,
            evidence,
            f"--dropout {DROPOUT:g}",
            "it makes learning by heart harder",
        )
    return Finding(OVERFITTING, verdict, evidence, narrower(case.config), "a smaller net has less room to remember")


def underfitting(case: Case) -> Finding | None:
    """When the training loss hardly fell, or forecasts are worse than the naive: clearly, or still getting better."""
    learned, naive, falling = _learned(case), _against_naive(case), _falling(case)
    better = naive is not None and naive[0] < naive[1]
    worse = naive is not None and naive[0] > (WORSE if falling < STILL_FALLING else 1.0) * naive[1]
    if better or not (learned.hardly or worse):
        return None
    evidence = [
        f"the mean training loss was {learned.first:.4g} in {case.first_steps} and {learned.last:.4g} in "
        f"{case.last_steps}, {1 - learned.last / learned.first:.0%} less"
    ]
    if falling > 0:
        half = case.steps[len(case.steps) // 2]
        evidence.append(f"the validation loss fell by {falling:.1%} from step {half:,} to the end")
    if naive is not None:
        evidence.append(f"on the held-out end MASE is {naive[0]:.3f}; the seasonal naive has {naive[1]:.3f}")
    verdict = "It underfits: it has learned too little"
    verdict += " and is worse than repeating the last season." if worse else "."
    return Finding(UNDERFITTING, verdict, tuple(evidence), *_more(case, learned.hardly, falling))


@dataclass(frozen=True)
class _Learned:
    """Mean training losses of the first and the last quarter, and whether they differ by more than batches scatter."""

    first: float
    last: float
    hardly: bool


def _learned(case: Case) -> _Learned:
    quarters = case.loss[: case.quarter], case.loss[-case.quarter :]
    first, last = (mean(quarter) for quarter in quarters)
    error = math.sqrt(sum(float(np.nanvar(quarter)) / len(quarter) for quarter in quarters))
    _, values = case.validations
    validated = len(values) > 1 and values.min() < (1 - LEARNED) * values[0]
    return _Learned(first, last, not first - last > LEARNED * first + SCATTER * error and not validated)


def _more(case: Case, hardly: bool, falling: float) -> tuple[str, str]:
    rate, steps = case.settings.rate, case.settings.steps
    if hardly and rate < SLOW:
        return f"--rate {min(5e-3, 10 * rate):g}", "with so low a rate it hardly moves"
    if falling > STILL_FALLING:
        return f"--steps {4 * steps}", "it was still getting better when the budget ended"
    return wider(case.config), "a wider net can hold more"


def _falling(case: Case) -> float:
    """By which share the validation loss fell in the second half of the run; 0 where nothing is known."""
    steps, values = case.validations
    half = case.steps[len(case.steps) // 2]
    before = values[steps <= half]
    if not len(before) or len(values) == len(before):
        return 0.0
    return float(1 - values[-1] / before[-1])


def _against_naive(case: Case) -> tuple[float, float] | None:
    """MASE on the held-out end of the forecasts and of the best seasonal naive; None if they are not known."""
    if case.metrics is None:
        return None
    ours = case.metrics["test"].get("mase")
    naives = [naive.get("mase") for naive in case.metrics["seasonal_naive"].values()]
    known = [naive for naive in naives if naive is not None and math.isfinite(naive)]
    if ours is None or not math.isfinite(ours) or not known:
        return None
    return float(ours), float(min(known))


def _around(case: Case, place: int) -> float:
    """The mean training loss of the steps around a place."""
    half = case.averaged // 2
    return mean(case.loss[max(0, place - half) : place + half + 1])
