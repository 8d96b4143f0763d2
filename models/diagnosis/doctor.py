"""All diagnoses in the order of cause and consequence, and the figures that say that a run is healthy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan

from models.diagnosis.case import Case
from models.diagnosis.finding import Finding
from models.diagnosis.fit import OVERFITTING, UNDERFITTING, overfitting, underfitting
from models.diagnosis.gradients import EXPLODING, VANISHING, exploding, vanishing
from models.diagnosis.inputs import NAME as UNSCALED
from models.diagnosis.inputs import unscaled_input
from models.diagnosis.rate import NAME as HIGH_RATE
from models.diagnosis.rate import high_rate
from models.diagnosis.units import DEAD_UNITS, FROZEN_GATES, dead_units, frozen_gates

DIAGNOSES: dict[str, Callable[[Case], Finding | None]] = {
    UNSCALED: unscaled_input,
    HIGH_RATE: high_rate,
    EXPLODING: exploding,
    FROZEN_GATES: frozen_gates,
    VANISHING: vanishing,
    DEAD_UNITS: dead_units,
    OVERFITTING: overfitting,
    UNDERFITTING: underfitting,
}
# What a finding brings about is told with it and not as a finding of its own: the cause is to be mended first.
BRINGS: dict[str, frozenset[str]] = {
    UNSCALED: frozenset(DIAGNOSES) - {UNSCALED},
    HIGH_RATE: frozenset(DIAGNOSES) - {UNSCALED, HIGH_RATE},
    EXPLODING: frozenset({VANISHING, DEAD_UNITS, OVERFITTING, UNDERFITTING}),
    FROZEN_GATES: frozenset({VANISHING, DEAD_UNITS, UNDERFITTING}),
    VANISHING: frozenset({UNDERFITTING}),
    DEAD_UNITS: frozenset({VANISHING, UNDERFITTING}),
    OVERFITTING: frozenset({UNDERFITTING}),
}


def diagnose(case: Case) -> list[Finding]:
    """What is wrong, causes first; empty for a healthy run."""
    found = {name: finding for name, look in DIAGNOSES.items() if (finding := look(case)) is not None}
    told: list[Finding] = []
    explained: set[str] = set()
    for name, finding in found.items():
        if name in explained:
            continue
        new = BRINGS.get(name, frozenset()) - explained
        brought = tuple(other for other in found if other in new)
        explained.update(brought)
        told.append(replace(finding, consequences=brought))
    return told


def healthy_signs(case: Case) -> list[str]:
    """The figures at the end of a run, in words; those that were not taken are left out."""
    lines = []
    steps, values = case.validations
    if len(values):
        best = int(values.argmin())
        lines.append(
            f"validation loss {values[0]:.4g} at step {steps[0]:,}, best {values[best]:.4g} at {steps[best]:,}"
        )
    lines.append(f"gradient norm {case.at_last(case.column('gradient_norm')):.3g} ({case.last_steps})")
    carry, dead, size = (case.at_last(case.column(name)) for name in ("carry", "dead", "input_deviation"))
    if not isnan(carry):
        lines.append(f"one step back {carry:.0%} of an error is left")
    shares = [
        f"layer {name.partition('.')[0]} {case.at_last(case.gate(name, high=True)):.0%}"
        for name in case.gates
        if name.endswith(".z")
    ]
    if shares:
        lines.append(f"update gates near 1, which keep the past: {', '.join(shares)}")
    if not isnan(dead):
        lines.append(f"dead units {dead:.0%}")
    if not isnan(size):
        lines.append(f"readings enter with a root mean square of {size:.2f}")
    if skipped := int((case.column("skipped") > 0).sum()):
        lines.append(f"{skipped} steps were skipped, too few to matter")
    return lines
