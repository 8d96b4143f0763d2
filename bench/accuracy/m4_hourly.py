"""M4 Hourly: 414 series, horizon 48, one origin, by the measures of the competition."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.accuracy.measures import COVERS_80, COVERS_95, CRPS, MASE, MSIS, OWA, SMAPE
from bench.accuracy.protocol import GOAL, STRETCH, Protocol, Row
from bench.quality import data_folder
from datasets.frequency import Frequency
from models.evaluation.metrics import Metrics
from models.evaluation.panel import Panel, Stretch

NAME, HORIZON, SEASON = "m4_hourly", 48, 24
NAIVE2 = Metrics(2.395, 18.383, None, None, None, 0, 0)  # of the competition, which the OWA is taken against
PUBLISHED = (  # sMAPE, MASE, OWA and MSIS from the competition's own workbook; CRPS from GIFT-Eval
    Row("Doornik (best hourly of the competition)", {SMAPE: "8.913", MASE: ".801", OWA: ".410", MSIS: "6.14"}),
    Row("ES-RNN (winner over all)", {SMAPE: "9.328", MASE: ".893", OWA: ".440", MSIS: "7.93"}),
    Row("ARIMA of the competition", {MSIS: "7.54"}),
    Row("Theta of the competition", {SMAPE: "18.138", MASE: "2.455", OWA: "1.006"}),
    Row("RNN of the competition", {SMAPE: "14.698", MASE: "3.048", OWA: "1.036"}),
    Row("seasonal naive", {SMAPE: "13.912", MASE: "1.193", OWA: ".627", CRPS: ".0376"}),
    Row("AutoARIMA (GIFT-Eval)", {MASE: "1.030", CRPS: ".0337"}),
    Row("DeepAR (GIFT-Eval)", {MASE: "3.530", CRPS: ".133"}),
    Row("PatchTST (GIFT-Eval)", {MASE: "1.400", CRPS: ".0390"}),
    Row("N-BEATS (GIFT-Eval)", {MASE: "1.340", CRPS: ".0501"}),
    Row("Chronos-Bolt base (200 M parameters, saw M4)", {MASE: ".837", CRPS: ".0253"}),
    Row("TiRex (35 M)", {MASE: ".722", CRPS: ".0202"}),
)
GOALS = (
    Row("goal", {SMAPE: "≤ 8.6", MASE: "≤ .74", OWA: "≤ .39", CRPS: "≤ .023", **GOAL}),
    Row("stretch", {SMAPE: "≤ 8.4", MASE: "≤ .70", CRPS: "≤ .020", **STRETCH}),
)


def protocol() -> Protocol:
    """All histories, without a calendar: the series carry no times."""
    panel = read(data_folder(NAME))
    return Protocol(
        name=NAME,
        title="M4 Hourly",
        about=f"{len(panel.series)} series, horizon {HORIZON}, one origin. MASE with m = {SEASON} against the history, "
        "OWA against the competition's Naive2, CRPS as the mean weighted quantile loss over .1 to .9. The last "
        f"{HORIZON} readings of each history choose the weights, all before them are learned from. The published "
        "seasonal naive's CRPS has a normal spread; ours is of a point forecast.",
        frequency=Frequency.parse("1h"),
        season=SEASON,
        horizon=HORIZON,
        panel=panel,
        origins=tuple(np.array([end - 1]) for end in panel.validation_end),
        learned=panel.validation_end,
        measures=(SMAPE, MASE, OWA, MSIS, CRPS, COVERS_80, COVERS_95),
        naive={SMAPE: "13.912", MASE: "1.193"},  # not the OWA: of Naive2 only these few digits are known
        published=PUBLISHED,
        goals=GOALS,
        reference=NAIVE2,
        dated=False,
    )


def read(folder: Path) -> Panel:
    """Histories with the 48 held-out readings behind each; validation is the last horizon of the history."""
    history, future = (_rows(folder / name) for name in ("Hourly-train.csv", "Hourly-test.csv"))
    stretches = []
    for name, readings in history.items():
        values = np.concatenate([readings, future[name]])
        stretches.append(Stretch(values[:, None], 3_600 * np.arange(len(values), dtype=np.int64)))
    ends = tuple(len(stretch) - HORIZON for stretch in stretches)
    return Panel(tuple(stretches), tuple(end - HORIZON for end in ends), ends)


def _rows(file: Path) -> dict[str, NDArray[np.float64]]:
    with file.open(newline="") as lines:
        rows = csv.reader(lines)
        next(rows)
        return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in rows}
