"""Writes readings as a Parquet file in long format, as `read_table` reads it, holding no more than a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from datasets.table import DataError

ROWS = 2**17  # of a row group, about


@dataclass(frozen=True)
class Columns:
    """What the columns beside unique_id and ds are called, and the zone of ds (None: no zone, or counts).

    With `tenants` there is one more before them, `tenant`, which is part of a series' name.
    """

    target: str
    covariates: tuple[str, ...]
    static: tuple[str, ...]
    zone: str | None
    tenants: bool = False

    @property
    def texts(self) -> list[str]:
        """Those that name the series."""
        return ["tenant", "unique_id"] if self.tenants else ["unique_id"]

    @property
    def numbers(self) -> list[str]:
        return [self.target, *self.covariates, *self.static]


@dataclass(frozen=True, eq=False)
class Block:
    """Readings of one series."""

    unique_id: str
    times: NDArray[np.int64]  # (n,) seconds of the series' own wall clock since 1970, or counts
    values: NDArray[np.float64]  # (n, 1 + covariates), NaN where missing
    static: NDArray[np.float64]  # (static,), NaN where unknown
    tenant: str = ""


def write_table(path: Path, columns: Columns, blocks: Iterator[Block], has_calendar: bool) -> int:
    """Writes the blocks one after the other, in row groups of some ROWS rows. `DataError` if it cannot be written.

    Returns how many readings were left out: those at times that the clocks of the zone skip.
    """
    names = [*columns.texts, "ds", *columns.numbers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns would be called {twice!r}: choose another name for the target")
    form = _Times(columns.zone, has_calendar)
    numbers = dict.fromkeys(columns.numbers, pl.Float64())
    schema = {**dict.fromkeys(columns.texts, pl.String()), "ds": form.kind, **numbers}

    def frames(
        wanted: list[str] | None, predicate: pl.Expr | None, most: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        del wanted, predicate, most, size  # all of it is written
        waiting: list[pl.DataFrame] = []
        for block in blocks:
            waiting.append(form.frame(block, columns))
            if sum(frame.height for frame in waiting) >= ROWS:
                yield pl.concat(waiting)
                waiting = []
        yield pl.concat([pl.DataFrame(schema=schema), *waiting])

    try:
        register_io_source(frames, schema=schema).sink_parquet(path, row_group_size=ROWS, compression="zstd")
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error}): make room, or name another") from None
    return form.left_out


class _Times:
    """The column ds: dates in their zone where Parquet can say it, as text where it is an offset, or counts."""

    def __init__(self, zone: str | None, has_calendar: bool) -> None:
        self._zone = zone
        self._offset = zone if zone is not None and zone[:1] in "+-" else None
        self._has_calendar = has_calendar
        self.left_out = 0
        named = None if self._offset else zone
        self.kind: pl.DataType = pl.Datetime("us", named) if has_calendar else pl.Int64()
        if self._offset:
            self.kind = pl.String()

    def frame(self, block: Block, columns: Columns) -> pl.DataFrame:
        """The readings of a block, without those at times that there are not in their zone."""
        static = np.broadcast_to(block.static, (len(block.values), len(block.static)))
        numbers = dict(zip(columns.numbers, np.column_stack((block.values, static)).T.copy(), strict=True))
        named = {"tenant": block.tenant, "unique_id": block.unique_id}
        texts = {name: pl.repeat(named[name], len(block.times), eager=True) for name in columns.texts}
        frame = pl.DataFrame({**texts, "ds": self._column(block.times), **numbers})
        dated = frame["ds"].is_not_null().to_numpy()
        self.left_out += int(np.count_nonzero(~dated & ~np.isnan(block.values).all(1)))
        return frame.filter(dated).with_columns(pl.col(columns.numbers).fill_nan(None))

    def _column(self, times: NDArray[np.int64]) -> pl.Series:
        if not self._has_calendar:
            return pl.Series(times, dtype=pl.Int64)
        dates = pl.Series(times * 1_000_000, dtype=pl.Int64).cast(pl.Datetime("us"))
        if self._offset:
            return dates.dt.strftime(f"%Y-%m-%dT%H:%M:%S{self._offset}")
        if self._zone is None:
            return dates
        return dates.dt.replace_time_zone(self._zone, ambiguous="earliest", non_existent="null")
