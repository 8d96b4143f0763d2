"""M4 Hourly as a file in long format, and `gatecast compare` on it.

    GATECAST_DATA=folder python -m bench.compare --out FOLDER [options of gatecast compare]

Each series is its history with the 48 held-out readings behind it, in plain counts, as the competition gives no times.
So the file is read with a step of an hour from one and the same day, and the calendar that the reader then implies
means nothing to these series, for any model.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from bench.accuracy.m4_hourly import HORIZON, read
from bench.quality import data_folder
from commands.main import app

START, HOUR = np.datetime64("2000-01-03T00:00:00", "ms"), np.timedelta64(3_600_000, "ms")


def long_format(folder: Path) -> pl.DataFrame:
    """unique_id, ds, y of all series."""
    parts = []
    for number, stretch in enumerate(read(folder).series, start=1):
        hours = START + np.arange(len(stretch)) * HOUR
        names = pl.Series("unique_id", [f"H{number}"]).new_from_index(0, len(stretch))
        parts.append(pl.DataFrame({"unique_id": names, "ds": hours, "y": stretch.values[:, 0]}))
    return pl.concat(parts)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "m4_hourly.parquet"
        long_format(data_folder("m4_hourly")).write_parquet(file)
        steps = ["--horizon", str(HORIZON), "--test-steps", str(HORIZON), "--validation-steps", str(HORIZON)]
        app(["compare", str(file), *steps, *sys.argv[1:]])


if __name__ == "__main__":
    main()
