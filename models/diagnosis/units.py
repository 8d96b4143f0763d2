"""Parts of the net that stand still: update gates that never open, units that say the same to every input."""

from __future__ import annotations

from models.diagnosis.case import Case
from models.diagnosis.finding import Finding
from models.diagnosis.gradients import restart
from models.training.monitor import DEAD

FROZEN_GATES, DEAD_UNITS = "frozen update gates", "dead units"

# A gate that keeps more than 255 parts of 256 remembers beyond the longest crop. Update gates start with memories up to
# the window, which puts a third of them there on purpose for a week of 5-minute steps, and less than half for an hourly
# year; high rates drove 0.59 of them there without harm.
FROZEN = 0.8
DEAD_SHARE = 0.1  # of the units; healthy runs had none, or one now and then
KEEPERS = ("z",)  # gates that keep the past near 1


def frozen_gates(case: Case) -> Finding | None:
    """From the share of each layer's update gates that are near 1, which keeps the past."""
    shares = {name: case.gate(name, high=True) for name in case.gates if name.rpartition(".")[2] in KEEPERS}
    frozen = {name: values for name, values in shares.items() if case.at_last(values) > FROZEN}
    if not frozen:
        return None
    evidence = tuple(
        f"{case.at_last(values):.0%} of the update gates of layer {name.partition('.')[0]} are near 1 "
        f"({case.last_steps}), {case.at_first(values):.0%} at first ({case.first_steps}); z near 1 keeps the past"
        for name, values in frozen.items()
    )
    verdict = "Update gates are frozen: they keep the past and let no new reading in."
    from_start = all(case.at_first(values) > FROZEN for values in frozen.values())
    if from_start and case.config.window > case.settings.longest:
        shorter = max((lag for lag in case.config.lags if lag <= case.settings.longest), default=24)
        reason = "gates start with memories up to the longest season, and this one is longer than any crop"
        return Finding(FROZEN_GATES, verdict, evidence, f"--lags {shorter}", reason)
    return Finding(FROZEN_GATES, verdict, evidence, *restart(case, from_start))


def dead_units(case: Case) -> Finding | None:
    """From the share of recurrent units that are the same for all rows of a batch."""
    share = case.column("dead")
    now, before = case.at_last(share), case.at_first(share)
    if not now > DEAD_SHARE:
        return None
    evidence = (
        f"{now:.0%} of the recurrent units vary by less than {DEAD:g} over a batch ({case.last_steps}), "
        f"{before:.0%} at first ({case.first_steps})",
    )
    verdict = "Units are dead: they say the same whatever they are shown, and only cost time."
    return Finding(DEAD_UNITS, verdict, evidence, *restart(case, before > DEAD_SHARE))
