"""A request and its answer, as they are whether they came by HTTP or by gRPC."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.api.oip.tensors import Sent, Tensor


@dataclass(frozen=True, eq=False)
class InferRequest:
    """What was sent; `outputs` None: all of them."""

    model: str
    version: str | None
    id: str
    parameters: Mapping[str, Any]
    inputs: Sequence[Sent]
    outputs: Sequence[str] | None = None


@dataclass(frozen=True, eq=False)
class InferAnswer:
    """What is answered."""

    model: str
    version: str
    id: str
    outputs: Sequence[Tensor]
    parameters: Mapping[str, bool | int | str] = field(default_factory=dict)


@dataclass(eq=False)
class Watch:
    """Takes the times of one request, in nanoseconds: as long as it is read, computed and written."""

    began: int = field(default_factory=time.perf_counter_ns)
    read: int = 0
    computed: int = 0

    def computing(self) -> None:
        """It was read and is given to the engine."""
        self.read = time.perf_counter_ns()

    def writing(self) -> None:
        """The engine has answered."""
        self.computed = time.perf_counter_ns()
