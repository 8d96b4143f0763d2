"""Times of a zone whose clocks are put forward and back, as moments of UTC: on that clock a grid has no holes."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from datasets.clock import Clock, read_clock, read_offset_times
from datasets.columns import Roles
from datasets.source import Source, shown


def read_moments(source: Source, roles: Roles, zone: str) -> Clock:
    """The column of times as seconds of UTC. Times with an offset or a zone of their own are moments already; those
    without are read on the clock of `zone`: an hour that comes twice is the first time summer's, the second winter's.

    DataError for a zone that is not known, for counts, and for a time that the zone's clocks skip.
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise source.error(f"--zone: expected a time zone such as Europe/Berlin, got {shown(zone)}") from None
    column = source.frame[roles.time]
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None and not column.null_count():
        return _of(column.dt.convert_time_zone("UTC").dt.replace_time_zone(None))
    moments = read_offset_times(column)
    if moments is not None:
        return _of(moments)
    clock = read_clock(source, roles.time)
    if not clock.has_calendar:
        raise source.error(f"--zone is for times that are dates, {shown(roles.time)} holds numbers: leave it out")
    local = pl.Series(clock.times * 1_000_000).cast(pl.Datetime("us"))
    series = [] if roles.series is None else [source.frame[roles.series].alias("series")]
    if roles.tenant is not None:
        series.append(source.frame[roles.tenant].alias("tenant"))
    frame = pl.DataFrame([local.alias("time"), *series])
    again = pl.int_range(pl.len()).over(frame.columns) > 0
    which = pl.when(again).then(pl.lit("latest")).otherwise(pl.lit("earliest"))
    placed = frame.select(pl.col("time").dt.replace_time_zone(zone, ambiguous=which, non_existent="null")).to_series()
    if placed.null_count():
        row = int(placed.is_null().arg_max() or 0)
        raise source.error(
            f"expected times of the clock of {zone} in the column {shown(roles.time)}, got "
            f"{shown(str(column[row]))}, which that clock skips: is it another zone, or UTC? Then leave --zone out",
            row,
        )
    return _of(placed.dt.convert_time_zone("UTC").dt.replace_time_zone(None))


def _of(moments: pl.Series) -> Clock:
    return Clock(moments.dt.cast_time_unit("us").to_physical().to_numpy() // 1_000_000, "UTC", True)
