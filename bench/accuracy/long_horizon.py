"""ETTh1 and ETTm1 at 96 steps by the protocol of the long-horizon literature.

Rows: train 12, validation 4, test 4 months of 30 days. Errors are taken on values scaled by the training rows' mean and
deviation; from every origin of the test part, none dropped. The model learns from the readings as they are: its own
scaling is causal and takes the place of the constants, so what is learned hardly depends on them, and the file is
taken as it comes. The constants enter where errors are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.accuracy import ett
from bench.accuracy.measures import COVERS_80, COVERS_95, CRPS, MAE, MASE, MSE
from bench.accuracy.protocol import GOAL, STRETCH, Protocol, Row
from bench.quality import data_folder
from datasets.frequency import DAY, Frequency
from models.evaluation.panel import Panel, Stretch

HORIZON = 96
MONTH = 30  # days
TRAIN, VALIDATION, TEST = 12, 4, 4  # months


@dataclass(frozen=True)
class Part:
    """One file, what the seasonal naive and others come to on it (MSE, MAE), and what is to be reached (MSE)."""

    file: str
    frequency: str
    naive: tuple[str, str]
    published: tuple[tuple[str, str, str], ...]
    goal: str
    stretch: str
    every: int  # peers forecast from every so many-th origin: no divisor of a day, so all hours of it come


PARTS = {
    "etth1": Part(
        "ETTh1",
        "1h",
        ("0.512", "0.433"),
        (
            ("daily seasonal naive", ".512", ".433"),
            ("a plain GRU", "1.135", ".844"),
            ("DLinear", ".375", ".399"),
            ("PatchTST", ".370", ".400"),
            ("SegRNN (one GRU layer over segments)", ".351", ".392"),
        ),
        "≤ .375",
        "≤ .351",
        29,
    ),
    "ettm1": Part(
        "ETTm1",
        "15min",
        ("0.423", "0.387"),
        (
            ("daily seasonal naive", ".423", ".387"),
            ("a plain GRU", ".953", ".740"),
            ("DLinear", ".299", ".343"),
            ("PatchTST", ".293", ".346"),
            ("SegRNN (one GRU layer over segments)", ".293", ".354"),
        ),
        "≤ .300",
        "≤ .293",
        119,
    ),
}


def protocol(name: str) -> Protocol:
    """That of one file."""
    part = PARTS[name]
    frequency = Frequency.parse(part.frequency)
    panel = split(ett.read(data_folder("ett") / f"{part.file}.csv", frequency), frequency)
    origins = tuple(
        np.arange(end - 1, len(stretch) - HORIZON)
        for stretch, end in zip(panel.series, panel.validation_end, strict=True)
    )
    rows = zip(panel.series, panel.train_end, strict=True)
    return Protocol(
        name=name,
        title=f"{part.file} at {HORIZON}",
        about=f"{len(panel.series)} columns as series of their own, horizon {HORIZON}; train {TRAIN}, validation "
        f"{VALIDATION}, test {TEST} months of {MONTH} days; every origin of the test part ({len(origins[0]):,} a "
        "column), none dropped. MSE and MAE on values scaled by the training rows' mean and deviation; the model "
        "learns from them unscaled, since it scales causally itself. Whether the median or the mean that the quantiles "
        "imply is the point forecast is decided by the validation part's MSE.",
        frequency=frequency,
        season=frequency.seasons()[0],
        horizon=HORIZON,
        panel=panel,
        origins=origins,
        learned=panel.train_end,
        measures=(MSE, MAE, MASE, CRPS, COVERS_80, COVERS_95),
        naive=dict(zip((MSE, MAE), part.naive, strict=True)),
        published=[Row(who, {MSE: squared, MAE: absolute}) for who, squared, absolute in part.published],
        goals=[Row("goal", {MSE: part.goal, **GOAL}), Row("stretch", {MSE: part.stretch, **STRETCH})],
        deviations=np.array([stretch.values[:end, 0].std() for stretch, end in rows]),
        every=part.every,
    )


def split(stretches: tuple[Stretch, ...], frequency: Frequency) -> Panel:
    """The months of the protocol; what the file has beyond them is left out."""
    month = MONTH * DAY // frequency.size
    whole = slice((TRAIN + VALIDATION + TEST) * month)
    kept = tuple(Stretch(stretch.values[whole], stretch.times[whole]) for stretch in stretches)
    return Panel(kept, (TRAIN * month,) * len(kept), ((TRAIN + VALIDATION) * month,) * len(kept))
