"""Our own compiled step on the CPU, for the models that it knows; whole sequences run in ONNX Runtime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from service.bundle import SEQUENCE_ONNX, STEP_WEIGHTS, Bundle
from service.errors import RuntimeUnavailable
from service.runtimes.arena import NumpyArena
from service.runtimes.inputs import known_inputs
from service.runtimes.onnx import FORECAST, Graph

try:
    from service.runtimes._kernel import Kernel
except ImportError:  # installed where there was no C compiler
    Kernel = None  # type: ignore[assignment, misc]


def why_not(bundle: Bundle, device: str = "cpu", kernel: type[Kernel] | None = Kernel) -> str | None:
    """Why the step of this bundle cannot run natively, and what to do; None where it can."""
    found = _opened(bundle, device, kernel)
    return found if isinstance(found, str) else None


def _opened(bundle: Bundle, device: str, kernel: type[Kernel] | None) -> Kernel | str:
    """The compiled step with this bundle's weights, or why there is none."""
    if device != "cpu":
        return f"it computes on the CPU, not on {device!r}; use --runtime torchscript"
    if kernel is None:
        return "it was not compiled when Gatecast was installed here; install a C compiler, and Gatecast again"
    if STEP_WEIGHTS not in bundle.manifest.files:
        return (
            f"the bundle has no {STEP_WEIGHTS}: an older version wrote it, or only a graph describes all of its model"
        )
    try:
        return kernel(load((bundle.path / STEP_WEIGHTS).read_bytes()))
    except ValueError as unfit:
        return f"{STEP_WEIGHTS} is not what this version reads ({unfit}); export the run again"


class NativeRuntime:
    """Runs a step in one compiled function (service/runtimes/kernel) and `sequence.onnx`; states are numpy rows.

    A row's answer is the same number for number, whatever rows it stands among.
    """

    name = "native"
    any_size = True

    def __init__(self, bundle: Bundle, device: str = "cpu", threads: int = 1) -> None:
        found = _opened(bundle, device, Kernel)
        if isinstance(found, str):
            raise RuntimeUnavailable(f"the runtime 'native' cannot run {bundle.path}: {found}. Or use --runtime onnx")
        self._kernel = found
        self.bundle = bundle
        self.device = device
        self._sequence = Graph(bundle, SEQUENCE_ONNX, threads)
        manifest = bundle.manifest
        self._forecast = (manifest.horizon, len(manifest.quantiles))

    def sequence(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        lengths: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        known = known_inputs(self.bundle.manifest, len(values), future, static)
        inputs = {"values": values, "times": times, "lengths": lengths, "state": states, **known}
        quantiles, after = self._sequence.run(FORECAST, inputs)
        return quantiles, after

    def step(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        quantiles, after = np.empty((len(values), *self._forecast)), np.empty_like(states, order="C")
        self._step(values, times, states, future, static, quantiles, after, None)
        return quantiles, after

    def advance(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        static: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        after = np.empty_like(states, order="C")
        self._step(values, times, states, None, static, None, after, None)
        return after

    def step_with_gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        quantiles, after = np.empty((len(values), *self._forecast)), np.empty_like(states, order="C")
        gates = np.empty((len(values), self.bundle.manifest.gates), dtype=np.float32)
        self._step(values, times, states, future, static, quantiles, after, gates)
        return quantiles, after, gates

    def gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        static: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        gates = np.empty((len(values), self.bundle.manifest.gates), dtype=np.float32)
        self._step(values, times, states, None, static, None, None, gates)
        return gates

    def states(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return rows

    def rows(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        return states

    def arena(self, capacity: int) -> NumpyArena:
        return NumpyArena(self.bundle.initial, capacity)

    def _step(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None,
        static: NDArray[np.float64] | None,
        quantiles: NDArray[np.float64] | None,
        after: NDArray[np.float32] | None,
        gates: NDArray[np.float32] | None,
    ) -> None:
        """Fills the outputs that are not None; RuntimeError, as of a graph, where the inputs are not what it takes."""
        known = known_inputs(self.bundle.manifest, len(values), future, static).get("static")
        constant = None if known is None else np.ascontiguousarray(known)
        readings, when = np.ascontiguousarray(values), np.ascontiguousarray(times)
        try:
            self._kernel.step(readings, when, np.ascontiguousarray(states), constant, quantiles, after, gates)
        except ValueError as fault:
            raise RuntimeError(str(fault)) from fault
