"""What there is to see, the same for picture and page: input, gates and hidden units on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from commands.band import Band
from commands.gating.excerpt import Excerpt, time_of
from commands.gating.layers import Layer
from commands.gating.refusal import Refusal
from commands.gating.trace import Trace
from commands.gating.units import by_likeness, most_responsive
from commands.gating.wording import conventions, shown
from datasets.frequency import Frequency
from datasets.table import SeriesTable
from service.bundle import Manifest

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mark:
    """An event at a time that is shown."""

    time: int
    label: str


@dataclass(frozen=True, eq=False)
class Bounds:
    """Between which numbers a reading was expected, one step before."""

    band: Band
    low: Array  # (time,)
    high: Array

    @property
    def name(self) -> str:
        return f"{self.band.share:.0%} band"


@dataclass(frozen=True, eq=False)
class Gate:
    """One gate of a layer: its mean over all units, and those units that respond most."""

    letter: str
    mean: Array  # (time,)
    units: tuple[int, ...]  # counted from 0, the most responsive first
    values: Array  # (units, time)


@dataclass(frozen=True, eq=False)
class View:
    """Everything by time, from the first step that is shown to the last."""

    series: str
    model: str
    layer: str  # in words: layer 1 of 2
    target: str
    frequency: Frequency
    times: NDArray[np.int64]
    readings: Array
    median: Array  # of the forecast made one step before
    bounds: Bounds | None  # None where the bundle has no two quantiles that face each other
    gates: tuple[Gate, ...]
    order: tuple[int, ...]  # unit in each row of `hidden`
    hidden: Array  # (units, time)
    conventions: tuple[str, ...]
    marks: tuple[Mark, ...]

    @property
    def named(self) -> list[int]:
        """The units that are drawn one by one, each once: a unit's place here is that of its colour in every row."""
        return list(dict.fromkeys(unit for gate in self.gates for unit in gate.units))


def view_of(
    manifest: Manifest,
    table: SeriesTable,
    excerpt: Excerpt,
    layers: Sequence[Layer],
    layer: Layer,
    trace: Trace,
    units: int,
    marks: Sequence[str] = (),
) -> View:
    """Chooses and orders the units; `marks` as they are typed, TIME=label. `Refusal` for a mark outside the span."""
    span = slice(excerpt.first, excerpt.stop)
    levels = manifest.quantiles
    middle = min(range(len(levels)), key=lambda at: abs(levels[at] - 0.5))
    order = by_likeness(trace.hidden)
    times = excerpt.times[span]
    return View(
        series=excerpt.series,
        model=f"{manifest.name} ({manifest.architecture})",
        layer=_said(layer.name, len(layers)),
        target=manifest.target,
        frequency=excerpt.frequency,
        times=times,
        readings=excerpt.values[span, 0],
        median=trace.forecasts[:, middle],
        bounds=_bounds(levels, trace.forecasts),
        gates=tuple(_gate(letter, trace.gates[letter], units) for letter in shown(trace.gates)),
        order=tuple(order),
        hidden=trace.hidden[:, order].T.astype(np.float64),
        conventions=tuple(conventions(layer.gates, manifest.architecture)),
        marks=tuple(_mark(text, times, excerpt.frequency, table.time_zone) for text in marks),
    )


def _said(layer: str, count: int) -> str:
    member, slash, number = layer.rpartition("/")
    return f"layer {number} of member {member}" if slash else f"layer {number} of {count}"


def _bounds(levels: Sequence[float], forecasts: Array) -> Bounds | None:
    band = Band.among(levels)
    if band is None:
        return None
    places = [list(levels).index(level) for level in (band.low, band.high)]
    return Bounds(band, *forecasts[:, places].T)


def _gate(letter: str, values: NDArray[np.float32], count: int) -> Gate:
    units = most_responsive(values, count)
    exact = values.astype(np.float64)
    return Gate(letter, exact.mean(axis=1), tuple(units), exact[:, units].T)


def _mark(text: str, times: NDArray[np.int64], frequency: Frequency, zone: str | None) -> Mark:
    when, equals, label = text.partition("=")
    if not equals or not label.strip():
        raise Refusal(f"--mark: expected a time and a label, 2014-11-02=marathon say, got {text!r}")
    time = time_of("--mark", when.strip(), frequency, zone)
    if not times[0] <= time <= times[-1]:
        raise Refusal(f"--mark: {when} lies outside the span that is shown: widen it with --from and --to")
    return Mark(time, label.strip())
