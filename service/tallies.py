"""Counters and histograms for what happens with every batch: plain numbers, made into metrics when somebody reads them.

Those of Prometheus' library take a lock, find a child and check what they are for each number. Here one thread counts,
and another may read meanwhile: what it reads was true a moment ago.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Tally(Collector):
    """A counter, or with a `label` one for each of its values."""

    def __init__(self, name: str, words: str, registry: CollectorRegistry, label: str | None = None) -> None:
        self._name = name
        self._words = words
        self._label = label
        self._counts: dict[str, float] = {} if label else {"": 0.0}
        registry.register(self)

    def add(self, amount: float = 1.0, of: str = "") -> None:
        self._counts[of] = self._counts.get(of, 0.0) + amount

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._words, labels=[self._label] if self._label else [])
        for value, count in list(self._counts.items()):
            family.add_metric([value] if self._label else [], count)
        yield family


class Spread(Collector):
    """A histogram: how many numbers were at most each of the `bounds`, which ascend."""

    def __init__(self, name: str, words: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._words = words
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, number: float) -> None:
        self._counts[bisect_left(self._bounds, number)] += 1
        self._sum += number

    @property
    def count(self) -> int:
        """Of all numbers so far."""
        return sum(self._counts)

    def collect(self) -> Iterator[Metric]:
        buckets, below = [], 0
        for bound, count in zip([*map(str, self._bounds), "+Inf"], list(self._counts), strict=True):
            below += count
            buckets.append((bound, float(below)))
        yield HistogramMetricFamily(self._name, self._words, buckets=buckets, sum_value=self._sum)
