"""How many requests came through this door, and how long they took; as Triton tells it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from service.api.oip.messages import Watch

Document = dict[str, object]

_TOLD = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss")
_MILLI = 1_000


@dataclass(eq=False)
class Spent:
    """Of one model: how often, and nanoseconds, by what they went into."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_TOLD, 0))
    nanoseconds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_TOLD, 0))
    inferences: int = 0
    last: int = 0  # milliseconds since 1970

    def add(self, what: str, nanoseconds: int) -> None:
        self.counts[what] += 1
        self.nanoseconds[what] += nanoseconds


class Statistics:
    """Counted in the event loop alone. `executions` are the engine's runs of a model since its start, for whoever."""

    def __init__(self, executions: Callable[[str], int]) -> None:
        self._executions = executions
        self._of: dict[str, Spent] = {}

    def answered(self, model: str, batch: int, watch: Watch) -> None:
        """A request was answered. Waiting for the engine is part of computing: it tells them not apart."""
        spent, now = self._of.setdefault(model, Spent()), time.perf_counter_ns()
        spent.inferences += batch
        spent.last = int(time.time() * _MILLI)
        spent.add("success", now - watch.began)
        spent.add("queue", 0)
        spent.add("compute_input", watch.read - watch.began)
        spent.add("compute_infer", watch.computed - watch.read)
        spent.add("compute_output", now - watch.computed)

    def failed(self, model: str, watch: Watch) -> None:
        """A request was refused."""
        self._of.setdefault(model, Spent()).add("fail", time.perf_counter_ns() - watch.began)

    def told(self, model: str, version: str) -> Document:
        """Of one model."""
        spent = self._of.get(model, Spent())
        return {
            "name": model,
            "version": version,
            "last_inference": spent.last,
            "inference_count": spent.inferences,
            "execution_count": min(spent.inferences, self._executions(model)),
            "inference_stats": {what: {"count": spent.counts[what], "ns": spent.nanoseconds[what]} for what in _TOLD},
            "response_stats": {},
            "batch_stats": [],
            "memory_usage": [],
        }
