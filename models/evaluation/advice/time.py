"""What the folds say about time: errors that rise, and folds too few to say anything."""

from __future__ import annotations

import numpy as np

from models.evaluation.advice.case import Case, naives, ours
from models.evaluation.advice.suggestion import Suggestion
from models.evaluation.folds import steps_needed

FEWEST = 3  # folds in which a rise can be seen
RISE = 1.15  # the last fold's error over the first one's, beside the naive's
ORDERED = 0.8  # rank correlation of error and fold
FOLDS = 5


def rising_error(case: Case) -> Suggestion | None:
    """When the error rises from fold to fold, and faster than the best naive's: what was learned ages."""
    folds = case.metrics["by_fold"]
    own = [ours(entry) for entry in folds]
    if len(folds) < FEWEST or any(error is None for error in own):
        return None
    errors = np.array(own, dtype=np.float64)
    least = [min(naives(entry).values(), default=None) for entry in folds]
    shares = errors if any(not each for each in least) else errors / np.array(least, dtype=np.float64)
    if shares[-1] <= RISE * shares[0] or errors[-1] <= errors[0] or _order(shares) < ORDERED:
        return None
    finding = (
        f"The error rises from fold to fold, from {errors[0]:.3f} to {errors[-1]:.3f}, and the naive's does not so."
    )
    title, again, settings = "What was learned ages", case.again, case.folds
    if not settings.refit:
        reason = f"{finding} These weights were trained once: see what training at each cutoff gives."
        return Suggestion(title, reason, again.changed({}, "refit", frozenset({"--no-refit"})))
    if settings.window == "expanding":
        reason = f"{finding} Older readings may be of another time: see whether a window that forgets them does better."
        return Suggestion(title, reason, again.changed({"--window": "sliding"}, "sliding"))
    half = settings.test_steps // 2
    if half < case.config.horizon:
        return None
    changes = {"--folds": str(2 * settings.count), "--test-steps": str(half)}
    reason = f"{finding} See what training twice as often gives: as many readings, in twice as many folds."
    return Suggestion(title, reason, again.changed(changes, "oftener"))


def one_fold(case: Case) -> Suggestion | None:
    """When there is but one fold, trained for it, and the readings have room for more."""
    settings, config = case.folds, case.config
    longer = max(2 * config.horizon, steps_needed(config, settings))
    if settings.count > 1 or not settings.refit or case.readings.longest < FOLDS * settings.test_steps + longer:
        return None
    reason = "One fold is one moment: a lucky or a hard week decides. Several say whether the difference holds."
    changes = {"--folds": str(FOLDS), "--test-steps": str(settings.test_steps)}
    return Suggestion("One fold says little", reason, case.again.changed(changes, f"{FOLDS}-folds"))


def _order(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    """Spearman's correlation of values with their places."""
    ranks = np.argsort(np.argsort(values))
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
