"""Rules by which somebody is told: anomaly, anomaly<0.0001, drift>2, coverage<0.7@24, skill<0; with commas."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service import drift, quality
from service.quality import Numbers, Quality

LEAST = 100  # scored forecasts without which nothing is said of coverage and skill
_RULE = re.compile(r"(anomaly|drift|coverage|skill)(?:(<|>)(-?[0-9.]+(?:e-?[0-9]+)?))?(?:@([0-9]{1,6}))?", re.ASCII)
_SENSES = {"anomaly": "<", "drift": ">"}  # of what means one thing alone
EXPECTED = (
    "rules with commas between them were expected: anomaly, anomaly<0.0001, drift, drift>2, coverage<0.7, "
    "coverage>0.9, skill<0, and @STEPS behind coverage or skill for that many steps ahead"
)


@dataclass(frozen=True)
class Rule:
    """What is to be told, and from where on."""

    words: str  # as it was set
    what: str
    below: bool
    limit: float | None  # None: as the service is set
    steps: int = 1  # steps ahead, of coverage and skill

    def holds(self, told: Numbers, method: Quality, rate: float) -> tuple[NDArray[np.bool_], Numbers]:
        """(rows,) whether it is so of what is told (rows, told), and the number that it is about.

        `rate` of false alarms is that of the service. Coverage and skill are those of the scored number of steps ahead
        that is nearest to the rule's.
        """
        value = self._value(told, method)
        limit = self.limit
        if limit is None:
            limit = rate if self.what == "anomaly" else drift.RAISE
        with np.errstate(invalid="ignore"):
            if self.what == "anomaly":
                return value <= limit, value
            return value < limit if self.below else value > limit, value

    def _value(self, told: Numbers, method: Quality) -> Numbers:
        if self.what == "anomaly":
            return np.asarray(np.exp(-told[:, quality.TOLD_RARITY]))
        if self.what == "drift":
            return told[:, quality.TOLD_DRIFT]
        at = int(np.abs(method.ahead - self.steps).argmin())
        means = told[:, quality.TOLD :].reshape(len(told), -1, quality.MEANS)[:, at]
        if self.what == "coverage":
            return np.where(means[:, quality.COUNTED] >= LEAST, means[:, quality.COVERAGE], np.nan)
        naive = means[:, quality.NAIVE]
        enough = (means[:, quality.PAIRED] >= LEAST) & (naive > 0)
        return np.where(enough, 1 - means[:, quality.BESIDE] / np.where(enough, naive, 1.0), np.nan)


def rules_of(text: str) -> Sequence[Rule]:
    """The rules of a setting; `ValueError` says which is none."""
    return [_rule(part.strip()) for part in text.split(",")] if text.strip() else []


def _rule(words: str) -> Rule:
    found = _RULE.fullmatch(words)
    if found is None:
        raise ValueError(f"{EXPECTED}; got {words!r}")
    what, sense, limit, steps = found.groups()
    plain = what in _SENSES
    if (plain and (steps is not None or sense not in (None, _SENSES[what]))) or (not plain and sense is None):
        raise ValueError(f"{EXPECTED}; got {words!r}")
    return Rule(words, what, sense == "<", None if limit is None else float(limit), int(steps or 1))
