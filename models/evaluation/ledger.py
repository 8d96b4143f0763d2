"""The folder of an evaluation: folds that are done are kept one by one, and put together at the end."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from datasets.holidays import difference
from models.config import ForecasterConfig
from models.evaluation.forecasts import Forecasts
from models.evaluation.panel import Stretch
from models.training.checkpoint import write_atomically
from models.training.earlier import completed

FORMAT = 1
IDENTITY = "evaluation.json"
FORECASTS = "forecasts.parquet"
METRICS = "metrics.json"
BY_SERIES = "metrics_by_series.parquet"
PAGE = "report.html"
PLOTS = ("error_by_horizon.png", "error_by_fold.png", "calibration.png", "series.png")


class EvaluationError(Exception):
    """A folder that cannot be written to or gone on with; the message says why and what to do."""


@dataclass(frozen=True)
class Ledger:
    """An evaluation's folder; `identity` is all that decides its figures, as plain JSON."""

    path: Path
    identity: dict[str, Any]
    config: ForecasterConfig

    def open(self, resume: bool, replace: bool) -> None:
        """Makes the folder ready; EvaluationError if something is there and it was not said what to do with it."""
        if resume:
            return self._take_up()
        if self.path.is_dir() and any(self.path.iterdir()):
            if not replace:
                raise EvaluationError(
                    f"{self.path} is not empty: go on with --resume, evaluate anew with --replace, or take another"
                )
            self._clear()
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path / IDENTITY, _json({"format": FORMAT, **self.identity}))
        return None

    def done(self, fold: int) -> bool:
        """Whether all forecasts of a fold are on the disk."""
        return (self.path / FORECASTS).is_file() or self._table(fold).is_file()

    def keep(self, fold: int, forecasts: Forecasts, notes: dict[str, Any]) -> None:
        """A fold is done: its forecasts, and what is to be said of its training."""
        write_atomically(self._notes(fold), _json(notes))
        write_atomically(self._table(fold), _parquet(forecasts.frame))

    def read(self, fold: int) -> Forecasts:
        """The forecasts of a fold that is done."""
        whole = self.path / FORECASTS
        file = whole if whole.is_file() else self._table(fold)
        try:
            return Forecasts(pl.scan_parquet(file).filter(pl.col("fold") == fold).collect(), self.config)
        except (pl.exceptions.PolarsError, OSError) as damaged:
            raise EvaluationError(f"{file} is damaged ({_first_line(damaged)}): evaluate anew with --replace") from None

    def notes(self, fold: int) -> dict[str, Any]:
        """What was noted of a fold's training."""
        try:
            notes: dict[str, Any] = json.loads(self._notes(fold).read_text(encoding="utf-8"))
        except (OSError, ValueError) as damaged:
            file = self._notes(fold)
            raise EvaluationError(f"{file} is damaged ({_first_line(damaged)}): evaluate anew with --replace") from None
        return notes

    def conclude(self, folds: Sequence[int], metrics: dict[str, Any], by_series: pl.DataFrame) -> None:
        """All folds are done: one file of all forecasts, and the metrics."""
        whole = self.path / FORECASTS
        if not whole.is_file():
            temporary = whole.with_name(f".{FORECASTS}.part")
            pl.scan_parquet([self._table(fold) for fold in folds]).sink_parquet(temporary)
            temporary.replace(whole)
        for fold in folds:
            self._table(fold).unlink(missing_ok=True)
        write_atomically(self.path / BY_SERIES, _parquet(by_series))
        write_atomically(self.path / METRICS, _json({"format": FORMAT, **metrics}))

    def _take_up(self) -> None:
        file = self.path / IDENTITY
        if not file.is_file():
            raise EvaluationError(f"{file} does not exist: nothing to go on with. Leave out --resume")
        try:
            then = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as damaged:
            raise EvaluationError(f"{file} is damaged ({damaged}): evaluate anew with --replace") from None
        identity = json.loads(_json({"format": FORMAT, **self.identity}))
        then = completed(then, identity)
        for part, now in identity.items():
            if then.get(part) != now:
                raise EvaluationError(f"{self.path} was begun with another {part}: {_difference(then.get(part), now)}")

    def _clear(self) -> None:
        own = [*self.path.glob("fold-*.parquet"), *self.path.glob("fold-*.json")]
        for file in (*own, *(self.path / name for name in (FORECASTS, METRICS, BY_SERIES, IDENTITY, PAGE, *PLOTS))):
            file.unlink(missing_ok=True)

    def _table(self, fold: int) -> Path:
        return self.path / f"fold-{fold}.parquet"

    def _notes(self, fold: int) -> Path:
        return self.path / f"fold-{fold}.json"


def digest_of(stretches: Sequence[Stretch], ids: Sequence[str]) -> str:
    """A sha256 that changes with any reading, time or name of a series."""
    digest = hashlib.sha256()
    for name, stretch in zip(ids, stretches, strict=True):
        digest.update(f"{name}\n{len(stretch)}\n".encode())
        digest.update(stretch.times.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(stretch.values, dtype="<f8").tobytes())
    return digest.hexdigest()


def _difference(then: Any, now: Any) -> str:
    advice = "Leave it as it was, or evaluate anew with --replace"
    if not isinstance(then, dict) or not isinstance(now, dict):
        return f"it is not the same. {advice}"
    changed = [difference(key, then.get(key), value) for key, value in now.items() if then.get(key) != value]
    return f"{'; '.join(changed)}. {advice}"


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _first_line(fault: Exception) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]
