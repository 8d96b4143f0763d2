"""Input that is not scaled: the net sees readings in units of its own making, far from one deviation."""

from __future__ import annotations

from models.diagnosis.case import Case
from models.diagnosis.finding import Finding

NAME = "unscaled input"
# A reading in deviations of its window has a root mean square of 1; 1.0 to 1.7 was seen on trained data sets, and a
# range or a mean as the unit moves it by less than a factor of three.
LARGE = 5.0
SMALL = 0.05


def unscaled_input(case: Case) -> Finding | None:
    """From the root mean square of the target as the net sees it, over the whole run."""
    size = case.at_first(case.column("input_deviation"))
    if not size > LARGE and not size < SMALL:
        return None
    large = size > LARGE
    effect = "saturate the gates and drown every other feature" if large else "are lost among the other features"
    evidence = (
        f"readings enter the net with a root mean square of {size:,.3g} ({case.first_steps}); scaled ones have about 1",
        f"the largest feature is {case.at_first(case.column('input_max')):,.3g}",
    )
    verdict = f"The readings reach the net unscaled: they {effect}."
    if getattr(case.config, "scaling", "standard") == "none":
        return Finding(NAME, verdict, evidence, "--scaling standard", "each window is then seen in its own deviations")
    longer = 7 * case.config.lags[-1]
    return Finding(
        NAME, verdict, evidence, f"--lags {longer}", "a longer season gives a longer window to take the scale from"
    )
