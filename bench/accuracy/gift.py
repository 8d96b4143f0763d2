"""Rows of GIFT-Eval: ett1/15T and ett1/H, short horizon.

Windows are the last min(20, ceil(T / 10 / 48)) stretches of 48 that do not overlap; what lies before the first one may
be learned from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.accuracy import ett
from bench.accuracy.measures import COVERS_80, COVERS_95, CRPS, MASE, MSIS, SMAPE
from bench.accuracy.protocol import GOAL, STRETCH, Protocol, Row
from bench.quality import data_folder
from datasets.frequency import Frequency
from models.evaluation.panel import Panel, Stretch

HORIZON, MOST_WINDOWS = 48, 20
VALIDATION = 960  # steps before the first window: as many as the windows take
MEASURES = (MASE, CRPS, SMAPE, MSIS, COVERS_80, COVERS_95)
NAMES = (
    "seasonal naive",
    "AutoARIMA",
    "DeepAR",
    "PatchTST",
    "N-BEATS",
    "Chronos-Bolt base (200 M parameters)",
    "TiRex (35 M)",
)


@dataclass(frozen=True)
class Part:
    """One row of the benchmark: how ETTm1 becomes its data, and what is known of it."""

    frequency: str
    together: int  # readings that are summed to one
    naive: tuple[str, str]  # the seasonal naive's MASE, and its quantile loss as a point forecast
    published: Sequence[tuple[str, str]]  # MASE and CRPS of NAMES
    goal: tuple[str, str]
    stretch: tuple[str, str]


PARTS = {
    "ett1/15T": Part(
        "15min",
        1,
        ("0.934", "0.2825"),
        [
            (".934", ".241"), (".934", ".241"), ("1.440", ".320"), (".835", ".191"), (".870", ".254"),
            (".680", ".158"), (".709", ".161"),
        ],
        ("≤ .75", "≤ .167"),
        ("≤ .69", "≤ .158"),
    ),
    "ett1/H": Part(
        "1h",
        4,
        ("0.977", "0.2717"),
        [
            (".977", ".240"), (".995", ".223"), ("1.060", ".233"), (".893", ".190"), (".930", ".249"),
            (".828", ".181"), (".817", ".176"),
        ],
        ("≤ .86", "≤ .184"),
        ("≤ .82", "≤ .176"),
    ),
}  # fmt: skip


def protocol(name: str) -> Protocol:
    """The row of that name."""
    part = PARTS[name]
    frequency = Frequency.parse(part.frequency)
    stretches = ett.read(data_folder("ett") / "ETTm1.csv", frequency, part.together)
    panel = split(stretches)
    origins = tuple(
        np.arange(end - 1, len(stretch) - HORIZON, HORIZON)
        for stretch, end in zip(panel.series, panel.validation_end, strict=True)
    )
    what = "ETTm1 as it is" if part.together == 1 else "The hourly sum of ETTm1"
    return Protocol(
        name=name,
        title=f"GIFT-Eval {name}",
        about=f"{what}, {len(stretches)} columns as series of their own, unscaled; {len(origins[0])} windows of "
        f"{HORIZON} each that do not overlap. MASE with m = {frequency.seasons()[0]}, each window scaled by all before "
        f"it; CRPS as the mean weighted quantile loss over .1 to .9. The {VALIDATION} readings before the first window "
        "choose the weights. The published seasonal naive's CRPS has a normal spread; ours is of a point forecast.",
        frequency=frequency,
        season=frequency.seasons()[0],
        horizon=HORIZON,
        panel=panel,
        origins=origins,
        learned=panel.validation_end,
        measures=MEASURES,
        naive=dict(zip((MASE, CRPS), part.naive, strict=True)),
        published=[
            Row(who, dict(zip((MASE, CRPS), figures, strict=True)))
            for who, figures in zip(NAMES, part.published, strict=True)
        ],
        goals=[
            Row("goal", {**dict(zip((MASE, CRPS), part.goal, strict=True)), **GOAL}),
            Row("stretch", {**dict(zip((MASE, CRPS), part.stretch, strict=True)), **STRETCH}),
        ],
        by_window=True,
    )


def split(stretches: tuple[Stretch, ...]) -> Panel:
    """Marks the first window and, before it, the validation part."""
    length = len(stretches[0])
    first = length - windows(length) * HORIZON
    return Panel(stretches, (first - VALIDATION,) * len(stretches), (first,) * len(stretches))


def windows(length: int) -> int:
    """How many windows a series of so many readings has."""
    return min(MOST_WINDOWS, math.ceil(length / 10 / HORIZON))
