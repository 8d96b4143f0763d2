"""Results as lines of JSON: one for each seed of each forecaster on each set, found again when a run goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.accuracy.coverage import Coverage
from bench.accuracy.measures import Figures
from bench.accuracy.protocol import Protocol

FILE = "results.jsonl"
OURS = "gatecast"


@dataclass(frozen=True)
class Result:
    """What one forecaster came to; `failed` says why it came to nothing.

    `digest` is of data, settings and whatever else must be the same for two results to be of one kind. `thinned` are
    the figures on the windows that peers are asked for, where these are fewer.
    """

    set: str
    who: str
    seed: int
    digest: str
    figures: Figures
    coverage: Mapping[str, Coverage]
    seconds: float  # of training
    forecasting: float  # seconds
    threads: int
    taken: str  # machine, date and commit
    load: float  # processes that wanted the processor in the minute before the end
    processor: float | None = None  # seconds of all cores together that the training took
    told: str = ""
    thinned: Figures | None = None
    failed: str | None = None

    def line(self) -> str:
        """As JSON, on one line."""
        return json.dumps(asdict(self))

    @classmethod
    def of_line(cls, line: str) -> Result:
        data = json.loads(line)
        coverage = {name: Coverage.from_dict(each) for name, each in data.pop("coverage").items()}
        return cls(coverage=coverage, **data)


class Kept:
    """The results in a folder; without one they last as long as the process."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / FILE
        self._held: dict[tuple[str, str, int, str], Result] = {}
        if self._file is not None and self._file.is_file():
            for result in _read(self._file.read_text(encoding="utf-8").splitlines()):
                self._hold(result)

    def find(self, of: str, who: str, seed: int, digest: str) -> Result | None:
        """The last one of that kind; a failure only if there is nothing better."""
        return self._held.get((of, who, seed, digest))

    def add(self, result: Result) -> None:
        """Keeps it, on the disk before this returns."""
        self._hold(result)
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(result.line() + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _hold(self, result: Result) -> None:
        key = (result.set, result.who, result.seed, result.digest)
        before = self._held.get(key)
        if before is None or before.failed is not None or result.failed is None:
            self._held[key] = result


def digest_of(protocol: Protocol, settings: Mapping[str, Any]) -> str:
    """Of the data, the windows and all settings; the seed stands beside it."""
    found = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    panel = protocol.panel
    for stretch, *ends in zip(panel.series, panel.train_end, panel.validation_end, protocol.learned, strict=True):
        found.update(np.ascontiguousarray(stretch.values, dtype="<f8").tobytes())
        found.update(np.array([int(stretch.times[0]), *ends], dtype="<i8").tobytes())
    for at in protocol.origins:
        found.update(at.astype("<i8").tobytes())
    return found.hexdigest()[:16]


def _read(lines: Iterable[str]) -> Iterable[Result]:
    for line in lines:
        try:
            yield Result.of_line(line)
        except (ValueError, TypeError, KeyError):  # cut short, or of another version
            continue
