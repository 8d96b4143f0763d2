"""TorchScript on the CPU or on CUDA, with the states resident on the device."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.bundle import TORCHSCRIPT, Bundle
from service.errors import RuntimeUnavailable
from service.runtimes.inputs import known_inputs


def in_full_precision() -> None:
    """Has cuDNN compute in whole float32: by default it rounds to the 10 bits of TensorFloat-32, a hundredfold the
    tolerance that all runtimes are held to. For the process; without a device it does nothing.
    """
    torch.backends.cudnn.allow_tf32 = False


class TorchArena:
    """Rows of state in one tensor `[capacity, state]` on the device; slot 0 is for padding."""

    def __init__(self, initial: Tensor, capacity: int) -> None:
        self._rows = initial.new_empty(capacity, len(initial))
        self._rows[0] = initial

    @property
    def capacity(self) -> int:
        return len(self._rows)

    def gather(self, slots: NDArray[np.int64]) -> Tensor:
        return self._rows.index_select(0, self._index(slots))

    def scatter(self, slots: NDArray[np.int64], states: Tensor, rows: NDArray[np.int64] | None = None) -> None:
        chosen = states[: len(slots)] if rows is None else states.index_select(0, self._index(rows))
        self._rows.index_copy_(0, self._index(slots), chosen)

    def read(self, slots: NDArray[np.int64]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self.gather(slots).cpu().numpy()
        return rows

    def write(self, slots: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        self.scatter(slots, torch.from_numpy(np.ascontiguousarray(rows)).to(self._rows.device))

    def grow(self, capacity: int) -> None:
        grown = self._rows.new_empty(capacity, self._rows.shape[1])
        grown[: self.capacity] = self._rows
        self._rows = grown

    def _index(self, places: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(places).to(self._rows.device)


class TorchScriptRuntime:
    """Runs both methods of `model.ts`; states are tensors on `device`."""

    name = "torchscript"
    any_size = False

    def __init__(self, bundle: Bundle, device: str = "cpu", threads: int = 1) -> None:
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise RuntimeUnavailable(
                f"torch finds no CUDA device for {device!r}; use --device cpu, or check nvidia-smi"
            )
        self.bundle = bundle
        self.device = device
        torch.set_num_threads(threads)
        in_full_precision()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"`torch\.jit\.load`", category=DeprecationWarning)
            model = torch.jit.load(str(bundle.path / TORCHSCRIPT), map_location=device)  # type: ignore[no-untyped-call]
        self._model = model.eval()

    def sequence(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        lengths: NDArray[np.int64],
        states: Tensor,
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], Tensor]:
        with torch.inference_mode():
            known = self._known(len(values), future, static)
            readings = self._to(values), self._to(times), self._to(lengths)
            quantiles, after = self._model.sequence(*readings, states, *known)
            return quantiles.cpu().numpy(), after

    def step(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: Tensor,
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], Tensor]:
        quantiles, after, _ = self._stepped(values, times, states, future, static)
        return quantiles.cpu().numpy(), after

    def advance(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: Tensor,
        static: NDArray[np.float64] | None = None,
    ) -> Tensor:
        return self._stepped(values, times, states, None, static)[1]

    def step_with_gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: Tensor,
        future: NDArray[np.float64] | None = None,
        static: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64], Tensor, NDArray[np.float32]]:
        quantiles, after, gates = self._stepped(values, times, states, future, static)
        return quantiles.cpu().numpy(), after, gates.cpu().numpy()

    def gates(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: Tensor,
        static: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float32]:
        gates: NDArray[np.float32] = self._stepped(values, times, states, None, static)[2].cpu().numpy()
        return gates

    def states(self, rows: NDArray[np.float32]) -> Tensor:
        return self._to(rows)

    def rows(self, states: Tensor) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = states.cpu().numpy()
        return rows

    def arena(self, capacity: int) -> TorchArena:
        return TorchArena(self._to(self.bundle.initial), capacity)

    def _stepped(
        self,
        values: NDArray[np.float64],
        times: NDArray[np.int64],
        states: Tensor,
        future: NDArray[np.float64] | None,
        static: NDArray[np.float64] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The step's three outputs, on the device; the gates leave it only where they are asked for."""
        with torch.inference_mode():
            known = self._known(len(values), future, static)
            quantiles, after, gates = self._model.step(self._to(values), self._to(times), states, *known)
            return quantiles, after, gates

    def _known(
        self, batch: int, future: NDArray[np.float64] | None, static: NDArray[np.float64] | None
    ) -> list[Tensor]:
        return [self._to(each) for each in known_inputs(self.bundle.manifest, batch, future, static).values()]

    def _to(self, array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
