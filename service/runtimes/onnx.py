"""ONNX Runtime on the CPU: runs every bundle, and needs no torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as raised

from service.bundle import MANIFEST, SEQUENCE_ONNX, STEP_ONNX, Bundle
from service.errors import RuntimeUnavailable
from service.runtimes.arena import NumpyArena
from service.runtimes.inputs import known_inputs

STATE, GATES = "next_state", "gates"
FORECAST = ["quantiles", STATE]
FAULTS = tuple(each for each in vars(raised).values() if isinstance(each, type) and issubclass(each, Exception))
WARNINGS_AND_BELOW = 3  # onnxruntime's severity "error": its warnings are about graph optimisation


class Graph:
    """One graph of a bundle, opened."""

    def __init__(self, bundle: Bundle, name: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = WARNINGS_AND_BELOW
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A graph may name other files for its weights; ours hold them, and nothing that no digest covers is read: what
        # is looked for "in" a file is never there.
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str((bundle.path / MANIFEST).resolve())
        )
        graph = (bundle.path / name).read_bytes()
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        """The outputs; RuntimeError, as torch raises it, where the graph cannot run on these inputs."""
        try:
            found: list[Any] = self._session.run(outputs, inputs)
        except FAULTS as fault:
            raise RuntimeError(str(fault)) from fault
        return found


class OnnxRuntime:
    """Runs `sequence.onnx` and `step.onnx`; states are numpy rows."""

    name = "onnx"
    any_size = False

    def __init__(self, bundle: Bundle, device: str = "cpu", threads: int = 1) -> None:
        if device != "cpu":
            raise RuntimeUnavailable(
                f"the runtime 'onnx' computes on the CPU, not on {device!r}; use --runtime torchscript"
            )
        self.bundle = bundle
        self.device = device
        self._sequence = Graph(bundle, SEQUENCE_ONNX, threads)
        self._step = Graph(bundle, STEP_ONNX, threads) if bundle.manifest.streams else None

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
        quantiles, after = self._stepped(FORECAST, values, times, states, future, static)
        return quantiles, after

    def advance(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        static: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        after: NDArray[np.float32] = self._stepped([STATE], values, times, states, None, static)[0]
        return after

    def step_with_gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        quantiles, after, gates = self._stepped([*FORECAST, GATES], values, times, states, future, static)
        return quantiles, after, gates

    def gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        static: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        gates: NDArray[np.float32] = self._stepped([GATES], values, times, states, None, static)[0]
        return gates

    def states(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return rows

    def rows(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        return states

    def arena(self, capacity: int) -> NumpyArena:
        return NumpyArena(self.bundle.initial, capacity)

    def _stepped(
        self,
        outputs: list[str],
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: NDArray[np.float32],
        future: NDArray[np.float64] | None,
        static: NDArray[np.float64] | None,
    ) -> list[Any]:
        """One run of the step; what is not among the outputs is not computed where nothing else needs it."""
        if self._step is None:
            raise RuntimeError(f"{self.bundle.path} does not stream: it has no graph for a step")
        known = known_inputs(self.bundle.manifest, len(values), future, static)  # every input of a graph must be fed
        return self._step.run(outputs, {"values": values, "times": times, "state": states, **known})
