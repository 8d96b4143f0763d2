"""The files of ETT (transformer load and temperature, seven columns), each column as a series of its own."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from datasets.frequency import Frequency, parse_time
from models.evaluation.panel import Stretch


def read(file: Path, frequency: Frequency, together: int = 1) -> tuple[Stretch, ...]:
    """All columns of a file, so many readings `together` summed to one of the frequency."""
    with file.open(newline="") as text:
        lines = list(csv.reader(text))
    values = np.array([line[1:] for line in lines[1:]], dtype=np.float64)  # (time, columns)
    length = len(values) // together
    values = values[: length * together].reshape(length, together, -1).sum(1)
    times = frequency.times(parse_time(lines[1][0], None), np.arange(length, dtype=np.int64))
    return tuple(Stretch(values[:, column : column + 1].copy(), times) for column in range(values.shape[1]))
