"""What Prometheus reads of how good forecasts are: counters by model and number of steps ahead; never a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from service import totals
from service.totals import Total

DIGITS = 12  # of a model's digest: enough to tell a few apart
_FAMILIES = (
    ("gatecast_scored", "Forecasts whose reading has come.", totals.SCORED),
    ("gatecast_scored_in_band", "Of these, those whose band held the reading.", totals.COVERED),
    ("gatecast_scored_beside_naive", "Of these, those held against the seasonal naive.", totals.PAIRED),
    ("gatecast_scored_error", "Their absolute errors, each over its session's mean error of the naive.", totals.ERROR),
    ("gatecast_scored_loss", "Their quantile losses, over the same.", totals.LOSS),
    ("gatecast_scored_naive", "The naive's absolute errors, over the same.", totals.NAIVE),
)


class ScoredMetrics(Collector):
    """Counters that are made when somebody reads them, from what `read` gives: totals by digest."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.read: Callable[[], Mapping[str, Total]] = dict
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        models = {digest[:DIGITS]: total for digest, total in self.read().items()}
        for name, words, column in _FAMILIES:
            family = CounterMetricFamily(name, words, labels=["model", "steps"])
            for digest, total in models.items():
                for steps, amount in zip(total.ahead.tolist(), total.sums[:, column].tolist(), strict=True):
                    family.add_metric([digest, str(steps)], amount)
            yield family
        family = CounterMetricFamily("gatecast_scored_readings", "Turns of scored sessions.", labels=["model"])
        rare = CounterMetricFamily("gatecast_anomalies", "Of these, those with an anomaly.", labels=["model"])
        for digest, total in models.items():
            family.add_metric([digest], total.readings)
            rare.add_metric([digest], total.anomalies)
        yield from (family, rare)
