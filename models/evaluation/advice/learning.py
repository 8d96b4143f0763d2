"""What the trainings of the folds say: too long, too short, or steps that had to be skipped."""

from __future__ import annotations

from typing import Any

from models.architectures import depth
from models.diagnosis.resizing import narrower
from models.evaluation.advice.case import Case
from models.evaluation.advice.suggestion import Suggestion

EARLY = 1 / 3  # of the steps done: a best validation by then is early
DROPOUT = 0.3
LONGER = 2  # times the budget
SKIPPED = 0.01  # of the steps


def learned_by_heart(case: Case) -> Suggestion | None:
    """When in at least half of the folds the best validation came early, and nothing got better long after it."""
    after = 2 * case.training.validate_every
    early = [
        fold
        for fold in case.trainings
        if fold["best_step"] <= EARLY * fold["steps"] and fold["steps"] - fold["best_step"] >= after
    ]
    if not early or 2 * len(early) < len(case.trainings):
        return None
    fold = early[0]
    finding = (
        f"{_folds(early, case)} the best validation came early, at step {fold['best_step']:,} of {fold['steps']:,} in "
        "the first of them: from there on the net learned its readings by heart."
    )
    title = "The nets overfit"
    if case.config.dropout < DROPOUT and depth(case.config) > 1:
        reason = f"{finding} More dropout makes that harder."
        return Suggestion(title, reason, case.again.changed({"--dropout": f"{DROPOUT:g}"}, "dropout"))
    words = narrower(case.config).split()
    if not words:
        return None
    reason = f"{finding} A smaller net has less to remember with."
    return Suggestion(title, reason, case.again.changed(dict(zip(words[::2], words[1::2], strict=True)), "narrower"))


def stopped_too_soon(case: Case) -> Suggestion | None:
    """When in most folds the last validation was the best, and the budget ended the training."""
    late = [fold for fold in case.trainings if fold["best_step"] == fold["steps"] and fold["ended"] == "budget"]
    if 2 * len(late) <= len(case.trainings):
        return None
    steps = LONGER * case.training.steps
    reason = (
        f"{_folds(late, case)} the validation after the last of {case.training.steps:,} steps was the best of all: the "
        "net was still learning."
    )
    return Suggestion("The training may go on", reason, case.again.changed({"--steps": str(steps)}, f"{steps}-steps"))


def skipped_steps(case: Case) -> Suggestion | None:
    """When steps had no finite gradient."""
    skipped, steps = (sum(fold[name] for fold in case.trainings) for name in ("skipped", "steps"))
    if not steps or skipped <= SKIPPED * steps:
        return None
    rate = f"{case.training.rate / 2:g}"
    reason = (
        f"{skipped:,} of {steps:,} steps had no finite gradient and were skipped; half the rate makes smaller steps."
    )
    return Suggestion("Steps were skipped", reason, case.again.changed({"--rate": rate}, "slower"))


def _folds(those: list[dict[str, Any]], case: Case) -> str:
    return "In the one fold" if len(case.trainings) == 1 else f"In {len(those)} of {len(case.trainings)} folds"
