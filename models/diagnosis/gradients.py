"""Gradients that explode or vanish, on their way through time or through the layers."""

from __future__ import annotations

import math

import numpy as np

from models.diagnosis.case import Case, median
from models.diagnosis.finding import Finding
from models.diagnosis.resizing import shallower, wider

EXPLODING, VANISHING = "exploding gradients", "vanishing gradients"

# The loss is counted in seasonal scales, so norms compare over data sets: healthy runs stayed below 4 before clipping.
HUGE = 30.0
HUGE_SHARE = 0.05  # of the steps; a rare batch may hold an outlier
CLIP = 1.0  # the default
# What is left of an error one step back. Gates that keep between 2 steps and a window leave 0.8 to 0.95; below 0.3 it
# is a hundredth after four steps, and what came before those cannot be learned from.
CARRY = 0.3
HUNDREDTH = 0.01
STARVED = 1e-3  # of the whole gradient in one part of the model; healthy layers had 0.05 or more


def exploding(case: Case) -> Finding | None:
    """From the gradient norm before clipping, steps that were skipped among them."""
    norm = case.column("gradient_norm")
    huge = ~(norm < HUGE)  # True for NaN and infinity too
    if huge.mean() < HUGE_SHARE:
        return None
    finite = np.where(np.isfinite(norm), norm, -np.inf)
    top = int(np.argmax(finite))
    skipped = int((case.column("skipped") > 0).sum())
    evidence = [
        f"the gradient norm before clipping was above {HUGE:g} in {huge.sum():,} of {len(norm):,} steps, from step "
        f"{case.steps[int(np.argmax(huge))]:,} on; the median of all is {median(norm):,.3g}",
    ]
    if np.isfinite(finite[top]):
        evidence.append(f"the largest was {finite[top]:.3g} at step {case.steps[top]:,}; clipping is at {_clip(case)}")
    if skipped:
        evidence.append(f"{skipped:,} steps had no finite gradient and were skipped")
    carry = case.column("carry")
    if case.at_last(carry) > 1:
        evidence.append(f"one step back in time an error grows {case.at_last(carry):.2f}-fold ({case.last_steps})")
    verdict = "Gradients explode on their way back through time: single batches throw the weights about."
    if case.settings.clip > CLIP:
        return Finding(EXPLODING, verdict, tuple(evidence), f"--clip {CLIP:g}", "clipping bounds what one batch can do")
    lower = f"--rate {case.settings.rate / 2:g}"
    return Finding(
        EXPLODING, verdict, tuple(evidence), lower, "clipped steps all have one size, and half of it does less harm"
    )


def vanishing(case: Case) -> Finding | None:
    """From what a step carries back, and from the share of the gradient that reaches each part of the model."""
    carry = case.column("carry")
    now, before = case.at_last(carry), case.at_first(carry)
    if now < CARRY:
        reach = math.ceil(math.log(HUNDREDTH) / math.log(max(now, 1e-12)))
        evidence = (
            f"one step back in time {now:.1%} of an error is left ({case.last_steps}); healthy runs have 80 % to 95 %",
            f"so after {reach} step{'s' if reach > 1 else ''} back a hundredth or less is left; crops are "
            f"{case.settings.shortest} to {case.settings.longest} steps long",
            *_forgetting(case),
        )
        verdict = "Gradients vanish on their way back through time: the net learns from the last few readings alone."
        flag, reason = restart(case, before < CARRY)
        return Finding(VANISHING, verdict, evidence, flag, reason)
    whole = case.column("gradient_norm")
    shares = {part: case.at_last(case.part(part) / np.where(whole > 0, whole, np.nan)) for part in case.parts}
    starved = {part: share for part, share in shares.items() if share < STARVED}
    if not starved:
        return None
    evidence = tuple(
        f"{part} gets {share:.1g} of the gradient ({case.last_steps}); healthy parts get 0.05 or more"
        for part, share in starved.items()
    )
    verdict = f"Gradients vanish before they reach {', '.join(starved)}: what is there no longer learns."
    fewer = shallower(case.config)
    if fewer is not None:
        return Finding(VANISHING, verdict, evidence, fewer, "a shorter way for the gradient")
    return Finding(VANISHING, verdict, evidence, wider(case.config), "more ways for the gradient")


def restart(case: Case, from_start: bool) -> tuple[str, str]:
    """A flag and its reason for what the weights are stuck in: another start, or a gentler way."""
    if from_start:
        return f"--seed {case.settings.seed + 1}", "it was so from the first steps on: other weights to start from"
    return f"--rate {case.settings.rate / 2:g}", "training drove it there: smaller steps"


def _forgetting(case: Case) -> list[str]:
    return [
        f"{case.at_last(case.gate(name, high=False)):.0%} of the update gates of layer {name.partition('.')[0]} are "
        "near 0: they drop the past at once (z near 1 keeps it)"
        for name in case.gates
        if name.endswith(".z") and case.at_last(case.gate(name, high=False)) > 0.5
    ]


def _clip(case: Case) -> str:
    return f"{case.settings.clip:g}"
