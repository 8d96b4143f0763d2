"""What a rolling-origin backtest comes to: over all, by fold, by series and by step ahead, beside every baseline."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.config import ForecasterConfig
from models.evaluation.backtest import Backtest, Comparison
from models.evaluation.baselines import Baseline, baselines_of
from models.evaluation.forecasts import Forecasts, naive_column
from models.evaluation.metrics import Tally
from models.evaluation.panel import Stretch

Array = NDArray[np.float64]
OURS = "gatecast"


class _Board:
    """The tallies of one forecaster; an instance, with a scale of its own, is a series in a fold."""

    def __init__(self, levels: tuple[float, ...], horizon: int) -> None:
        self._new: Callable[[], Tally] = lambda: Tally(levels)
        self.overall = self._new()
        self.by_fold: dict[int, Tally] = {}
        self.by_series: dict[str, Tally] = {}
        self.by_step = [self._new() for _ in range(horizon)]

    def add(self, fold: int, forecasts: Forecasts, quantiles: Array) -> None:
        ids, scales, target = forecasts.ids, forecasts.scales, forecasts.target
        instances: list[Hashable] = [(fold, name) for name in ids]
        self.overall.add_rows(instances, target, quantiles, scales)
        self.by_fold.setdefault(fold, self._new()).add_rows(instances, target, quantiles, scales)
        for step, tally in enumerate(self.by_step):
            ahead = slice(step, step + 1)
            tally.add_rows(instances, target[:, ahead], quantiles[:, ahead], scales)
        for name, rows in _runs(ids):
            tally = self.by_series.setdefault(name, self._new())
            tally.add_rows(instances[rows], target[rows], quantiles[rows], scales[rows])

    def comparison(self, name: str) -> Comparison:
        errors = [tally.metrics().mase for tally in self.by_step]
        by_step = tuple(float("nan") if error is None else error for error in errors)
        return Comparison(name, self.overall.metrics(), by_step)


class Scores:
    """The metrics of models/evaluation/metrics.py, added up fold by fold, in any order of the folds' arrival."""

    def __init__(self, config: ForecasterConfig, stretches: Mapping[str, Stretch]) -> None:
        """`stretches` by the names of the series: what simple baselines, which no table holds, are made from."""
        self.config = config
        self.stretches = stretches
        self.baselines = baselines_of(config.lags)
        self.ours = _Board(config.quantiles, config.horizon)
        self.naives = {lag: _Board((0.5,), config.horizon) for lag in config.lags}
        self.simple = {name: _Board((0.5,), config.horizon) for name in self.baselines}

    def add(self, fold: int, forecasts: Forecasts) -> None:
        """The forecasts of one fold."""
        self.ours.add(fold, forecasts, forecasts.quantiles)
        for lag, board in self.naives.items():
            board.add(fold, forecasts, forecasts.naive(lag))
        for name, baseline in self.baselines.items():
            self.simple[name].add(fold, forecasts, self._forecast(baseline, forecasts))

    def overall(self) -> Backtest:
        """Over all folds, by step ahead too."""
        naives = {lag: board.comparison(f"seasonal naive, {lag} steps") for lag, board in self.naives.items()}
        return Backtest(self.ours.comparison(OURS), naives)

    def errors_by_fold(self) -> dict[int, list[float]]:
        """The scaled errors of all series, by fold."""
        return {fold: list(tally.scaled_errors().values()) for fold, tally in sorted(self.ours.by_fold.items())}

    def ranked_series(self) -> list[tuple[str, float]]:
        """The series and their scaled errors, the best first; those without a scale are left out."""
        errors = {name: tally.metrics().mase for name, tally in self.ours.by_series.items()}
        return sorted(((n, e) for n, e in errors.items() if e is not None), key=lambda item: item[1])

    def calibration(self, fold: int | None = None) -> list[dict[str, float | None]]:
        """For each quantile the share of readings that it says will lie at or below it, and the share that did.

        Over all folds, or in one.
        """
        observed = (self.ours.overall if fold is None else self.ours.by_fold[fold]).shares_below().tolist()
        return [
            {"level": level, "observed": None if np.isnan(share) else share}
            for level, share in zip(self.config.quantiles, observed, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """What metrics.json holds of it."""
        return {
            "overall": self._entry(_overall, None),
            "beats_seasonal_naive": self.overall().beats_naive,
            "by_fold": [
                {"fold": fold, **self._entry(_by_fold, fold), "calibration": self.calibration(fold)}
                for fold in sorted(self.ours.by_fold)
            ],
            "by_horizon": [{"h": at + 1, **self._entry(_by_step, at)} for at in range(self.config.horizon)],
            "by_series": {name: self._entry(_by_series, name) for name in self.ours.by_series},
            "calibration": self.calibration(),
        }

    def series_table(self) -> pl.DataFrame:
        """A row for each series and forecaster, with its metrics over all folds."""
        rows = []
        for name in self.ours.by_series:
            for forecaster, board in self._boards():
                rows.append({"unique_id": name, "forecaster": forecaster, **board.by_series[name].metrics().to_dict()})
        return pl.DataFrame(rows, infer_schema_length=None)

    def _boards(self) -> Iterator[tuple[str, _Board]]:
        """All forecasters as files name them."""
        yield OURS, self.ours
        yield from ((naive_column(lag), board) for lag, board in self.naives.items())
        yield from self.simple.items()

    def _forecast(self, baseline: Baseline, forecasts: Forecasts) -> Array:
        """A baseline from the origins of a table, (origins, horizon, 1)."""
        found = np.empty((len(forecasts.ids), self.config.horizon, 1))
        origins = forecasts.origins
        for name, rows in _runs(forecasts.ids):
            stretch = self.stretches[name]
            places = np.searchsorted(stretch.times, origins[rows])
            found[rows, :, 0] = baseline.forecast(stretch.values[:, 0], places, self.config.horizon)
        return found

    def _entry(self, tally: Callable[[_Board, Any], Tally], key: Any) -> dict[str, Any]:
        return {
            OURS: tally(self.ours, key).metrics().to_dict(),
            "seasonal_naive": {str(lag): tally(board, key).metrics().to_dict() for lag, board in self.naives.items()},
            "baselines": {name: tally(board, key).metrics().to_dict() for name, board in self.simple.items()},
        }


def _overall(board: _Board, _: None) -> Tally:
    return board.overall


def _by_fold(board: _Board, fold: int) -> Tally:
    return board.by_fold[fold]


def _by_step(board: _Board, step: int) -> Tally:
    return board.by_step[step]


def _by_series(board: _Board, name: str) -> Tally:
    return board.by_series[name]


def _runs(names: list[str]) -> Iterator[tuple[str, slice]]:
    """Each series and the rows that are its own, which stand together."""
    start = 0
    for row in range(1, len(names) + 1):
        if row == len(names) or names[row] != names[start]:
            yield names[start], slice(start, row)
            start = row
