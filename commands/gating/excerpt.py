"""The part of one series that is looked at, as a bundle takes it, with all that came before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from commands.gating.refusal import Refusal
from datasets.frequency import Frequency, format_time, parse_time
from datasets.table import Series, SeriesTable
from service.bundle import Manifest

SHORTEST = 48  # steps that are shown where nobody says how many
LONGEST = 20_000  # steps: a page of more is too heavy to look at
_LISTED = 5


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Steps `first` to `stop` of a series, and the readings from its beginning."""

    series: str
    frequency: Frequency
    values: NDArray[np.float64]  # (time, 1 + covariates) in the bundle's order, NaN where missing
    times: NDArray[np.int64]  # (time,) seconds of the series' own clock, or counts
    static: NDArray[np.float64]  # (static,)
    known: tuple[int, ...]  # places in a reading of the covariates that are known ahead
    horizon: int
    first: int
    stop: int

    def ahead(self, step: int) -> NDArray[np.float64] | None:
        """What is known of the horizon after a step, (1, horizon, known); None where nothing ever is."""
        if not self.known:
            return None
        found = self.values[step + 1 : step + 1 + self.horizon, list(self.known)]
        future = np.full((1, self.horizon, len(self.known)), np.nan)
        future[0, : len(found)] = found
        return future


def excerpt_of(
    manifest: Manifest, table: SeriesTable, name: str | None = None, begin: str | None = None, end: str | None = None
) -> Excerpt:
    """The series `name`, else the first, from `begin` to `end` as they are typed, both included.

    Without `begin`, two windows of the model: that is two of its longest seasons. `Refusal` where bundle, data
    and span do not fit.
    """
    expected = Frequency.parse(manifest.frequency)
    if table.frequency != expected:
        raise Refusal(
            f"the bundle {manifest.name} expects a reading every {expected.alias}, {table.source} has one every "
            f"{table.frequency.alias}: name data like those it was trained on, or say their step with --freq"
        )
    series = _series(table, name)
    columns = [0, *(1 + table.covariates.index(each) for each in manifest.covariates)]
    static = [table.static.index(each) for each in manifest.static]
    times = expected.times(series.start, np.arange(len(series), dtype=np.int64))
    first, stop = _span(times, expected, table.time_zone, 2 * manifest.context, begin, end)
    return Excerpt(
        series=series.unique_id,
        frequency=expected,
        values=series.values[:, columns],
        times=times,
        static=series.static[static],
        known=tuple(1 + manifest.covariates.index(each) for each in manifest.future),
        horizon=manifest.horizon,
        first=first,
        stop=stop,
    )


def time_of(flag: str, text: str, frequency: Frequency, zone: str | None) -> int:
    """A time as it is typed; `Refusal` names the flag."""
    try:
        return parse_time(text, zone) if frequency.has_calendar else int(text)
    except ValueError as wrong:
        said = str(wrong) if frequency.has_calendar else f"a whole number was expected, got {text!r}"
        raise Refusal(f"{flag}: {said}") from None


def _series(table: SeriesTable, name: str | None) -> Series:
    if name is None:
        return table.series[0]
    for series in table.series:
        if series.unique_id == name:
            return series
    ids = [series.unique_id for series in table.series]
    more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
    raise Refusal(f"--series: {table.source} has no series {name!r}, it has {', '.join(ids[:_LISTED])}{more}")


def _span(
    times: NDArray[np.int64], frequency: Frequency, zone: str | None, usual: int, begin: str | None, end: str | None
) -> tuple[int, int]:
    """The first step, and the one behind the last."""
    last = int(times[-1]) if end is None else time_of("--to", end, frequency, zone)
    stop = int(np.searchsorted(times, last, side="right"))
    start = int(times[max(0, stop - max(usual, SHORTEST))]) if stop else last
    start = start if begin is None else time_of("--from", begin, frequency, zone)
    for flag, typed, time in (("--from", begin, start), ("--to", end, last)):
        if typed is not None and not times[0] <= time <= times[-1]:
            shown = [format_time(int(each), frequency) for each in (times[0], times[-1])]
            raise Refusal(f"{flag}: the series goes from {shown[0]} to {shown[1]}, got {typed}, which lies outside")
    first = int(np.searchsorted(times, start, side="left"))
    if stop - first < 2:
        raise Refusal(
            f"expected a span of two steps or more from --from to --to, got {max(stop - first, 0)}: "
            f"a step is {frequency.alias} long"
        )
    if stop - first > LONGEST:
        raise Refusal(
            f"expected a span of at most {LONGEST:,} steps, got {stop - first:,}: take a shorter one with --from and "
            "--to"
        )
    return first, stop
