"""A runtime in a few lines of numpy that keeps the whole contract, with faults to switch on: for tests."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle, Graph, Manifest, StateLayout, StateSlice, encode_row
from service.errors import RuntimeUnavailable
from service.runtimes.arena import NumpyArena
from service.runtimes.inputs import known_inputs

SLICES = ("count", "mean", "last", "phase", "drivers", "static")  # of a state row
COUNT, MEAN, LAST, PHASE, DRIVERS, STATIC = range(len(SLICES))
KEEP = np.float32(0.75)  # share of the exponential mean that a reading leaves as it was
UNITS = 4  # of each gate
DAY = 86_400


@dataclass(frozen=True)
class Run:
    """One call of a runtime, as its log keeps it."""

    kind: Literal["sequence", "step"]
    batch: int
    time: int  # steps of padded width; 1 for a step
    lengths: NDArray[np.int64]  # (batch,)
    gates: bool = False  # whether they were fetched too


class FakeRuntime:
    """Streamed, chunked and whole are exactly equal, rows do not see each other, NaN is a missing reading.

    What is known ahead shifts the forecast at its own step ahead; static features feed the state with every reading,
    and shift the forecast too. Each counts by its place, so that no two can be taken for each other.

    Faults, each off at first: a reading equal to `raise_on` makes its run raise, one equal to `nan_on` makes
    its row not finite, `broken` makes every run raise, and while `gate` is clear every run waits for it
    (`entered` says that one has begun).
    """

    name = "fake"
    any_size = False

    def __init__(self, bundle: Bundle, device: str = "cpu", threads: int = 1) -> None:
        if bundle.manifest.architecture != "fake":
            raise RuntimeUnavailable("the fake runtime is for tests and answers for no real model; use --runtime onnx")
        self.bundle = bundle
        self.device = device
        self.threads = threads
        self.raise_on: float | None = None
        self.nan_on: float | None = None
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.log: deque[Run] = deque(maxlen=100_000)
        manifest = bundle.manifest
        ahead = np.arange(1, manifest.horizon + 1, dtype=np.float32)[None, :, None]  # (1, horizon, 1)
        levels = np.asarray(manifest.quantiles, dtype=np.float32) - np.float32(0.5)
        self._spread = np.sqrt(ahead) * levels  # (1, horizon, quantiles)
        self._tilt = ahead / np.float32(manifest.horizon)

    def sequence(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        lengths: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        ahead, constant = self._effects(len(values), future, static)
        live = np.arange(values.shape[1]) < lengths[:, None]  # (batch, time)
        self._begin(Run("sequence", len(values), values.shape[1], lengths.copy()), values[live])
        states = states.copy()
        for at in range(values.shape[1]):
            rows = np.flatnonzero(live[:, at])
            states[rows] = self._advance(values[rows, at], times[rows, at], states[rows], constant[rows])
        return self._forecast(states, ahead, constant), states

    def step(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        ahead, constant = self._effects(len(values), future, static)
        self._begin(Run("step", len(values), 1, np.ones(len(values), dtype=np.int64)), values)
        states = self._advance(values, times, states, constant)
        return self._forecast(states, ahead, constant), states

    def advance(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        static: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        return self.step(values, times, states, None, static)[1]

    def step_with_gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        forecasts, after = self.step(values, times, states, future, static)
        self.log.append(replace(self.log.pop(), gates=True))
        return forecasts, after, self.gates(values, times, states, static)

    def gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],  # noqa: ARG002 (the protocol's)
        states: NDArray[np.float32],
        static: NDArray[np.float64] | None = None,  # noqa: ARG002 (the protocol's)
    ) -> NDArray[np.float32]:
        """Resets that open with the distance from the mean, each unit less than the one before; one z for all."""
        new = np.isnan(values[:, 0]) | np.isnan(states[:, LAST])  # nothing to be near to or far from
        z = np.where(new, np.float32(1), KEEP).astype(np.float32)
        away = np.where(new, 0, np.abs(values[:, 0].astype(np.float32) - states[:, MEAN]))[:, None]
        r = (away / (away + np.arange(1, UNITS + 1))).astype(np.float32)
        z_of_all = np.tile(z[:, None], (1, UNITS))
        names = [part.name for part in self.bundle.manifest.gate_slices]
        shown = [r if name.endswith(".r") else z_of_all for name in names]
        return np.concatenate([r[:, :0], *shown], axis=1)  # (batch, gates)

    def states(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return rows

    def rows(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        return states

    def arena(self, capacity: int) -> NumpyArena:
        return NumpyArena(self.bundle.initial, capacity)

    def _begin(self, run: Run, values: NDArray[np.float64]) -> None:
        self.log.append(run)
        self.entered.set()
        self.gate.wait()
        if self.broken or (self.raise_on is not None and bool((values == self.raise_on).any())):
            raise RuntimeError("a fault that was switched on")

    def _effects(
        self, batch: int, future: NDArray[np.float64] | None, static: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What is known, weighed by its place and added up: (batch, horizon) and (batch,); nothing known counts 0."""
        known = known_inputs(self.bundle.manifest, batch, future, static)
        blank = {"future": np.zeros((batch, self.bundle.manifest.horizon, 0)), "static": np.zeros((batch, 0))}
        ahead, constant = ((blank | known)[name] for name in ("future", "static"))
        weighed = (np.nan_to_num(each) * np.arange(1, each.shape[-1] + 1) for each in (ahead, constant))
        ahead, constant = (each.sum(axis=-1).astype(np.float32) for each in weighed)
        return ahead, constant

    def _advance(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        constant: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """The state after one reading of each row, element by element: so no row or shape can matter."""
        target = values[:, 0].astype(np.float32)
        seen = ~np.isnan(target)
        new = states.copy()
        new[:, COUNT] += 1
        first = np.isnan(states[:, LAST])
        mean = np.where(first, target, KEEP * states[:, MEAN] + (1 - KEEP) * target)
        new[:, MEAN] = np.where(seen, mean, states[:, MEAN])
        new[:, LAST] = np.where(seen, target, states[:, LAST])
        new[:, PHASE] = (times % DAY) / DAY
        if values.shape[1] > 1:
            drivers = np.where(np.isnan(values[:, 1:]), 0, values[:, 1:]).sum(axis=1)
            new[:, DRIVERS] = KEEP * states[:, DRIVERS] + (1 - KEEP) * drivers.astype(np.float32)
        new[:, STATIC] = KEEP * states[:, STATIC] + (1 - KEEP) * constant
        if self.nan_on is not None:
            new[values[:, 0] == self.nan_on, MEAN] = np.nan
        return new

    def _forecast(
        self, states: NDArray[np.float32], ahead: NDArray[np.float32], constant: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        last = np.where(np.isnan(states[:, LAST]), 0, states[:, LAST])
        trend = last - states[:, MEAN]
        level = states[:, MEAN] + states[:, PHASE] + states[:, DRIVERS] + np.float32(0.01) * states[:, COUNT]
        level = level + states[:, STATIC] + constant
        centre = level[:, None, None] + trend[:, None, None] * self._tilt + ahead[:, :, None]
        forecast: NDArray[np.float64] = (centre + self._spread).astype(np.float64)
        return forecast  # (batch, horizon, quantiles)


def fake_bundle(
    horizon: int = 3,
    quantiles: Sequence[float] = (0.1, 0.5, 0.9),
    covariates: Sequence[str] = (),
    future: Sequence[str] = (),
    static: Sequence[str] = (),
    frequency: str = "1h",
    streams: bool = True,
    time_zone: str | None = None,
    longest_history: int | None = None,
    name: str = "fake",
    gates: Sequence[str] = ("1.r", "1.z"),
    dependence: Sequence[float] | None = (),
    holidays_until: date | None = None,
) -> Bundle:
    """A bundle without files; its digest follows its manifest, so another name is another model.

    `dependence` of its steps is halved from one to the next unless it is given; None: it does not tell.
    """
    halved = [0.5**apart for apart in range(horizon)]
    initial = np.zeros(len(SLICES), dtype=np.float32)
    initial[LAST] = np.nan  # nothing seen yet
    slices = [StateSlice(name=part, start=at, stop=at + 1) for at, part in enumerate(SLICES)]
    graph = Graph(inputs=[], outputs=[])
    manifest = Manifest(
        format_version=1,
        gatecast_version="0",
        created=datetime(2024, 1, 1, tzinfo=UTC),
        name=name,
        architecture="fake",
        frequency=frequency,
        time_zone=time_zone,
        holidays=[] if holidays_until is None else ["XX"],
        holidays_until=holidays_until,
        horizon=horizon,
        quantiles=list(quantiles),
        target="y",
        covariates=list(covariates),
        future=list(future),
        static=list(static),
        streams=streams,
        context=1,
        longest_history=longest_history,
        dependence=None if dependence is None else list(dependence) or halved,
        graphs={"sequence": graph, "step": graph},
        state=StateLayout(size=len(SLICES), slices=slices, initial=encode_row(initial)),
        gates=len(gates) * UNITS,
        gate_slices=[StateSlice(name=part, start=at * UNITS, stop=(at + 1) * UNITS) for at, part in enumerate(gates)],
        metrics={},
        training={},
        files={},
    )
    digest = hashlib.sha256(manifest.model_dump_json().encode()).hexdigest()
    return Bundle(Path(f"{name}.bundle"), manifest, digest)
