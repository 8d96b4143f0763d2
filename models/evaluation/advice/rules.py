"""All rules of advice, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable

from models.evaluation.advice.bands import narrow_bands, wide_bands
from models.evaluation.advice.beaten import beaten, misled_by_a_season, unknown_season, worse_at_first
from models.evaluation.advice.case import Case
from models.evaluation.advice.learning import learned_by_heart, skipped_steps, stopped_too_soon
from models.evaluation.advice.series import worst_series
from models.evaluation.advice.suggestion import Suggestion
from models.evaluation.advice.target import below_zero, many_missing, whole_numbers
from models.evaluation.advice.time import one_fold, rising_error

RULES: tuple[Callable[[Case], Suggestion | None], ...] = (
    unknown_season,
    misled_by_a_season,
    stopped_too_soon,
    learned_by_heart,
    skipped_steps,
    beaten,
    rising_error,
    worst_series,
    narrow_bands,
    wide_bands,
    below_zero,
    whole_numbers,
    many_missing,
    worse_at_first,
    one_fold,
)


def advise(case: Case) -> list[Suggestion]:
    """What the figures suggest to try; empty where nothing stands out."""
    return [found for rule in RULES if (found := rule(case)) is not None]
