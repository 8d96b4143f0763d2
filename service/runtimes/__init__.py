"""Runtimes run a bundle: stateless, arrays in, arrays out; each makes the arena that holds states where it computes."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.errors import RuntimeUnavailable

States = Any  # rows of state as a runtime holds them: float32 (batch, state), a numpy array or a device tensor


class Arena(Protocol):
    """One array `[capacity, state]` where the runtime computes; slot 0 is for padding: always the initial row.

    What stands in other slots is not defined until they are written to.
    """

    capacity: int

    def gather(self, slots: NDArray[np.int64]) -> States:
        """Copies of the rows in `slots`, shape (len(slots), state)."""

    def scatter(self, slots: NDArray[np.int64], states: States, rows: NDArray[np.int64] | None = None) -> None:
        """Writes `states[rows[i]]` into `slots[i]`; without `rows`, the first len(slots) rows."""

    def read(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rows in `slots` as numpy, shape (len(slots), state)."""

    def write(self, slots: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        """Sets the rows in `slots` from numpy, shape (len(slots), state)."""

    def grow(self, capacity: int) -> None:
        """Makes room for `capacity` rows and keeps those that are there."""


class Runtime(Protocol):
    """Runs the two graphs of a bundle. Calls come from one thread; nothing is kept between them.

    `future` and `static` are what the bundle's manifest names so: None means that nothing of them is known, and a
    bundle that names none has no such input in its graphs.
    """

    name: str
    device: str
    bundle: Bundle
    any_size: bool  # whether batches of every size run as well as those that were warmed up

    def sequence(
        self,
        values: NDArray[np.float64],  # (batch, time, 1 + covariates), NaN where missing
        times: NDArray[np.int64],  # (batch, time) seconds of the series' own clock, or counts
        lengths: NDArray[np.int64],  # (batch,) steps that count in each row; 0 leaves its state as it is
        states: States,
        future: NDArray[np.float64] | None = None,  # (batch, horizon, known-future covariates), NaN where unknown
        static: NDArray[np.float64] | None = None,  # (batch, static features), NaN where unknown
    ) -> tuple[NDArray[np.float64], States]:
        """Forecasts after each row's last step, (batch, horizon, quantiles), and the states there."""

    def step(
        self,
        values: NDArray[np.float64],  # (batch, 1 + covariates)
        times: NDArray[np.int64],  # (batch,)
        states: States,
        future: NDArray[np.float64] | None = None,  # as in `sequence`
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], States]:
        """One reading for each row: forecasts (batch, horizon, quantiles) and the new states."""

    def advance(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: States,
        static: NDArray[np.float64] | None = None,
    ) -> States:
        """The new states of that same step alone: for readings after which nobody asks for a forecast."""

    def step_with_gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: States,
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], States, NDArray[np.float32]]:
        """As `step`, in one run with the gates of that step (batch, gates); z near 1 keeps the past."""

    def gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: States,
        static: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        """The gates of that same step, (batch, gates); z near 1 keeps the past."""

    def states(self, rows: NDArray[np.float32]) -> States:
        """Numpy rows as this runtime holds them."""

    def rows(self, states: States) -> NDArray[np.float32]:
        """The runtime's rows as numpy."""

    def arena(self, capacity: int) -> Arena:
        """A new arena of `capacity` rows, the first of them the bundle's initial row."""


AUTO = "auto"  # native where the bundle and the build allow it, else onnx
RUNTIMES = {
    "native": "service.runtimes.native:NativeRuntime",
    "onnx": "service.runtimes.onnx:OnnxRuntime",
    "torchscript": "service.runtimes.torch_script:TorchScriptRuntime",
    "fake": "service.runtimes.fake:FakeRuntime",
}


def open_runtime(name: str, bundle: Bundle, device: str = "cpu", threads: int = 1) -> Runtime:
    """The runtime called `name` for this bundle; `RuntimeUnavailable` says what is missing and what to do.

    `auto` is the runtime 'native' where `why_not_native` has nothing to say, and else 'onnx'.
    """
    if name == AUTO:
        name = "onnx" if why_not_native(bundle, device) else "native"
    if name not in RUNTIMES:
        real = ", ".join(sorted(set(RUNTIMES) - {"fake"}))  # the fake is for tests
        raise RuntimeUnavailable(f"there is no runtime {name!r}; choose one of {AUTO}, {real}")
    module, _, attribute = RUNTIMES[name].partition(":")
    try:
        runtime: Runtime = getattr(import_module(module), attribute)(bundle, device=device, threads=threads)
    except ImportError as missing:
        raise RuntimeUnavailable(
            f"the runtime {name!r} needs the package {missing.name!r}, which is not installed here; "
            "install it, or serve with --runtime onnx"
        ) from missing
    return runtime


def why_not_native(bundle: Bundle, device: str = "cpu") -> str | None:
    """Why our own compiled step cannot run this bundle here, and what to do; None where it can."""
    reason: str | None = import_module("service.runtimes.native").why_not(bundle, device)
    return reason
