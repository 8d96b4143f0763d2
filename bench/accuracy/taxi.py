"""The bundled taxi data, split and tested as `gatecast train` does it: half-hours, horizon 48, every origin."""

from __future__ import annotations

import numpy as np

from bench.accuracy.measures import COVERS_80, COVERS_95, CRPS, MASE, MSIS, SMAPE
from bench.accuracy.protocol import GOAL, STRETCH, Protocol, Row
from datasets.bundled import bundled
from datasets.reader import read_table
from datasets.split import split
from models.evaluation.panel import Panel

NAME, HORIZON = "taxi", 48
EVERY = 7  # of the origins are those that peers forecast from; no divisor of a day


def protocol() -> Protocol:
    """The last tenth is held out, the tenth before it chooses."""
    table = read_table(bundled("nyc_taxi"))
    panel = Panel.of(table, split(table, HORIZON))
    origins = tuple(
        np.arange(end - 1, len(stretch) - HORIZON)
        for stretch, end in zip(panel.series, panel.validation_end, strict=True)
    )
    season = table.frequency.seasons()[0]
    return Protocol(
        name=NAME,
        title="New York taxi, half-hourly",
        about=f"One series of {len(panel.series[0]):,} readings, horizon {HORIZON}; the last tenth is held out, the "
        f"tenth before it chooses the weights; every origin of the held-out part ({len(origins[0]):,}). MASE with "
        f"m = {season} against all before it; CRPS as the mean weighted quantile loss over .1 to .9.",
        frequency=table.frequency,
        season=season,
        horizon=HORIZON,
        panel=panel,
        origins=origins,
        learned=panel.validation_end,
        measures=(MASE, CRPS, SMAPE, MSIS, COVERS_80, COVERS_95),
        naive={},
        goals=[Row("goal", GOAL), Row("stretch", STRETCH)],
        every=EVERY,
    )
