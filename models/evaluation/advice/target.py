"""What the readings are like, and what the model should be told of it."""

from __future__ import annotations

from models.evaluation.advice.case import Case
from models.evaluation.advice.suggestion import Suggestion

BELOW = 0.005  # share of forecasts whose lowest quantile is negative
SMALL = 100.0  # the median size of readings up to which a half more or less is seen
MISSING = 0.1
MASK = "0.05"


def below_zero(case: Case) -> Suggestion | None:
    """When bands reach below zero and no reading ever did."""
    readings = case.readings
    if case.config.non_negative or not readings.non_negative or readings.below_zero <= BELOW:
        return None
    reason = (
        f"{100 * readings.below_zero:.1f} % of the forecasts have a lowest quantile below zero, and no reading is: "
        "say so, and no forecast will be."
    )
    return Suggestion("Forecasts fall below zero", reason, case.again.changed({"--non-negative": None}, "non-negative"))


def whole_numbers(case: Case) -> Suggestion | None:
    """When all readings are small whole numbers."""
    readings = case.readings
    if case.config.integer or not readings.whole or readings.typical > SMALL:
        return None
    reason = f"All readings are whole numbers, in the median of {readings.typical:,.0f}: forecasts can be, too."
    return Suggestion("Readings are whole numbers", reason, case.again.changed({"--integer": None}, "integer"))


def many_missing(case: Case) -> Suggestion | None:
    """When a good part of the readings is missing, and nothing was done about it."""
    missing = case.readings.missing
    if missing <= MISSING or (case.training.mask > 0 and case.config.missing != "mask"):
        return None
    finding = f"{100 * missing:.0f} % of the readings are missing."
    if case.training.mask == 0:
        reason = f"{finding} A net that is shown more holes than there are learns to bridge them."
        return Suggestion("Many readings are missing", reason, case.again.changed({"--mask": MASK}, "masked"))
    reason = f"{finding} Holes that hold the last reading seen may suit these series better than a flag."
    return Suggestion("Many readings are missing", reason, case.again.changed({"--missing": "forward"}, "forward"))
