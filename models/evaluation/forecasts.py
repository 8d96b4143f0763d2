"""The forecasts of one fold as a table: a row for each series, origin and step ahead, beside what then happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.frequency import Frequency
from models.config import ForecasterConfig
from models.evaluation.baselines import seasonal_naive
from models.evaluation.folds import Fold, Origins, context_start, cut, place
from models.evaluation.metrics import seasonal_scale
from models.evaluation.panel import Stretch
from models.evaluation.rolling import Span, roll
from models.forecaster import Forecaster

Array = NDArray[np.float64]


def quantile_column(level: float) -> str:
    """The column of a quantile."""
    return f"q{level:g}"


def naive_column(lag: int) -> str:
    """The column of the seasonal naive with that season."""
    return f"naive_{lag}"


@dataclass(frozen=True, eq=False)
class Forecasts:
    """A fold's table with its columns as arrays; its rows are sorted by series, origin and step ahead."""

    frame: pl.DataFrame
    config: ForecasterConfig

    @property
    def ids(self) -> list[str]:
        """The series of each origin, (origins,)."""
        return self.frame["unique_id"].gather_every(self.config.horizon).to_list()

    @property
    def origins(self) -> NDArray[np.int64]:
        """The time of the last reading known to each forecast, (origins,)."""
        return self._times("origin")[:: self.config.horizon]

    @property
    def first_times(self) -> NDArray[np.int64]:
        """The time of the first step of each forecast, (origins,)."""
        return self._times("ds")[:: self.config.horizon]

    @property
    def scales(self) -> Array:
        """The seasonal scale of each origin's series before the cutoff, (origins,)."""
        return self._column("scale")[:, 0]

    @property
    def target(self) -> Array:
        """What then happened, (origins, horizon), NaN where nothing was read."""
        return self._column("y")

    @property
    def quantiles(self) -> Array:
        """(origins, horizon, quantiles)."""
        return np.stack([self._column(quantile_column(level)) for level in self.config.quantiles], 2)

    @property
    def lowest(self) -> Array:
        """The lowest quantile, (origins, horizon)."""
        return self._column(quantile_column(self.config.quantiles[0]))

    def naive(self, lag: int) -> Array:
        """The seasonal naive as a point forecast, (origins, horizon, 1)."""
        return self._column(naive_column(lag))[:, :, None]

    def _times(self, name: str) -> NDArray[np.int64]:
        times = self.frame[name]
        return (times if times.dtype.is_integer() else times.dt.epoch("s")).to_numpy()

    def _column(self, name: str) -> Array:
        values = self.frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return np.asarray(values).reshape(-1, self.config.horizon)


def forecasts_of(
    model: Forecaster,
    stretches: Sequence[Stretch],
    ids: Sequence[str],
    fold: Fold,
    origins: Sequence[Origins],
    stride: int,
    season: int,
    frequency: Frequency,
    check: Callable[[], None] = lambda: None,
) -> Forecasts:
    """All forecasts of a fold; each series is read to its origins as a stream would be. `check` may end it by raising.

    `season`, in steps, is that of the scale: of all readings before the cutoff, whatever the model was trained on.
    """
    spans: list[Span] = []
    owners: list[int] = []  # of each span, its place in `origins`
    for owner, one in enumerate(origins):
        whole, start = stretches[one.series], context_start(stretches[one.series], fold)
        known = cut(whole, start, place(whole, fold.end))
        # A stream passes its origins on its way; a model that does not stream has each as a history of its own.
        alone = range(one.first, one.last + 1, stride)
        ends = [(one.first, one.last)] if model.streams else [(at, at) for at in alone]
        spans += [Span(known, first - start, last - start) for first, last in ends]
        owners += [owner] * len(ends)
    found: list[dict[int, Array]] = [{} for _ in origins]
    for piece in roll(model, spans):
        check()
        skip = (spans[piece.span].first - piece.first) % stride  # up to the next origin that is wanted
        found[owners[piece.span]][piece.first] = piece.in_units().numpy()[skip::stride]
    parts = []
    for one, pieces in zip(origins, found, strict=True):
        quantiles = np.concatenate([pieces[first] for first in sorted(pieces)])  # (origins, horizon, quantiles)
        columns = _columns(stretches[one.series], one, stride, quantiles, model.config)
        scale = seasonal_scale(stretches[one.series].values[: one.first + 1, 0], season)
        parts.append({"unique_id": ids[one.series], **columns, "scale": scale})
    return Forecasts(_frame(parts, fold, frequency), model.config)


def _columns(
    stretch: Stretch, origins: Origins, stride: int, quantiles: Array, config: ForecasterConfig
) -> dict[str, NDArray[Any]]:
    history = stretch.values[:, 0]
    at = np.arange(origins.first, origins.last + 1, stride, dtype=np.int64)
    ahead = np.arange(1, config.horizon + 1)
    places = (at[:, None] + ahead).reshape(-1)
    columns = {
        "origin": np.repeat(stretch.times[at], config.horizon),
        "ds": stretch.times[places],
        "h": np.tile(ahead, len(at)),
        "y": history[places],
    }
    for index, level in enumerate(config.quantiles):
        columns[quantile_column(level)] = quantiles[:, :, index].reshape(-1)
    for lag in config.lags:
        columns[naive_column(lag)] = seasonal_naive(history, at, config.horizon, lag).reshape(-1)
    return columns


def _frame(parts: Sequence[dict[str, Any]], fold: Fold, frequency: Frequency) -> pl.DataFrame:
    counts = [len(part["y"]) for part in parts]
    names = pl.Series([part["unique_id"] for part in parts], dtype=pl.String)
    arrays = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name not in ("unique_id", "scale")
    }
    frame = pl.DataFrame(
        {
            "unique_id": names.gather(np.repeat(np.arange(len(parts)), counts)),
            "fold": np.full(sum(counts), fold.number, dtype=np.int32),
            "cutoff": np.full(sum(counts), fold.cutoff, dtype=np.int64),
            **arrays,
            "scale": np.repeat([part["scale"] for part in parts], counts),
        }
    )
    times = [pl.col(name) for name in ("cutoff", "origin", "ds")]
    if frequency.has_calendar:
        times = [pl.from_epoch(time, "s").cast(pl.Datetime("us")) for time in times]
    return frame.with_columns(*times, pl.col("h").cast(pl.Int32), pl.col(pl.Float64).fill_nan(None))
