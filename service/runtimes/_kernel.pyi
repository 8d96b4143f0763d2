"""The native step kernel (service/runtimes/kernel), compiled where the machine that installs has a C compiler."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

def builds() -> list[str]:
    """The builds that this processor can run, the fastest first."""

class Kernel:
    """The step of one net: weights packed for this processor, nothing kept between calls."""

    build: str
    def __init__(self, tensors: Mapping[str, NDArray[np.generic]], build: str | None = None) -> None:
        """Of the tensors of `step.safetensors`; `ValueError` says which is not what it should be."""

    def step(
        self,
        values: NDArray[np.float64],  # (batch, 1 + covariates)
        times: NDArray[np.int64],  # (batch,)
        states: NDArray[np.float32],  # (batch, state)
        static: NDArray[np.float64] | None,  # (batch, static features)
        quantiles: NDArray[np.float64] | None,  # out: (batch, horizon, quantiles); None: not wanted
        after: NDArray[np.float32] | None,  # out: (batch, state)
        gates: NDArray[np.float32] | None,  # out: (batch, gates)
        /,
    ) -> None:
        """Fills the outputs, which share no memory with the inputs; `ValueError` says which array has another shape.

        Without the interpreter's lock.
        """
