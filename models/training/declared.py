"""What is declared of the target, held against its readings: a contradiction is a slip, and cheap to mend now."""

from __future__ import annotations

import numpy as np

from models.config import ForecasterConfig
from models.evaluation.panel import Panel


def require_declared(panel: Panel, config: ForecasterConfig) -> None:
    """ValueError if a target that is declared non-negative, or whole numbers, has readings that are not."""
    readings = np.concatenate([stretch.values[:, 0] for stretch in panel.series])
    readings = readings[np.isfinite(readings)]
    for declared, option, wrong, said in (
        (config.non_negative, "--non-negative", readings < 0, "none below zero"),
        (config.integer, "--integer", readings != np.round(readings), "whole numbers alone"),
    ):
        if declared and wrong.any():
            raise ValueError(
                f"{option} declares the target to be {said}, and {int(wrong.sum()):,} of its {readings.size:,} "
                f"readings are not, such as {readings[wrong][0]:g}: mend them, or leave {option} out"
            )
