"""What the page of an evaluation tells: its figures, the names of the forecasters, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from datasets.frequency import Frequency
from models.config import ForecasterConfig
from models.evaluation.advice.case import Entry, baselines, best, naives, ours
from models.evaluation.advice.suggestion import Suggestion
from models.evaluation.baselines import baselines_of
from models.evaluation.excerpt import Excerpt
from models.evaluation.report import lag_name

OURS = "gatecast"
Figures = dict[str, Any]  # of one forecaster


@dataclass(frozen=True, eq=False)
class Account:
    """`metrics` is what metrics.json holds; `seconds` those of each fold's training, where they were noted."""

    source: str
    model: str  # the net in a few words
    config: ForecasterConfig
    metrics: dict[str, Any]
    excerpts: Sequence[Excerpt] = ()
    advice: Sequence[Suggestion] = ()
    next: str = ""  # the command that comes after
    seconds: dict[int, float] = field(default_factory=dict)
    folder: Sequence[str] = ()  # files that lie beside the page

    def advised(self, advice: Sequence[Suggestion]) -> Account:
        """The same with what to try next."""
        return replace(self, advice=advice)

    @cached_property
    def frequency(self) -> Frequency:
        return Frequency.parse(self.config.frequency)

    @cached_property
    def names(self) -> dict[str, str]:
        """All forecasters in words, ours first, then the seasonal naives, then the simple ones."""
        found = {OURS: OURS}
        found |= {f"naive_{lag}": f"seasonal naive ({self.lag(lag)})" for lag in self.config.lags}
        for name, baseline in baselines_of(self.config.lags).items():
            found[name] = baseline.words + ("" if baseline.season is None else f" ({self.lag(baseline.season)})")
        return found

    def lag(self, steps: int) -> str:
        return lag_name(steps, self.frequency)

    def span(self, steps: int) -> str:
        """Steps and what they come to: 48 steps (a day)."""
        words = self.lag(steps)
        said = f"{steps:,} steps" if steps != 1 else "1 step"
        return said if words == said else f"{said} ({words})"

    @property
    def folds(self) -> list[Entry]:
        return list(self.metrics["by_fold"])

    @property
    def series(self) -> dict[str, Entry]:
        return dict(self.metrics["by_series"])

    @property
    def steps(self) -> list[Entry]:
        return list(self.metrics["by_horizon"])

    @property
    def overall(self) -> Entry:
        return dict(self.metrics["overall"])

    @cached_property
    def measure(self) -> str:
        """What errors are drawn in: MASE, or sMAPE where nothing has a scale."""
        return "smape" if ours(self.overall) is None else "mase"

    @cached_property
    def naive(self) -> tuple[str, float] | None:
        """The best seasonal naive and its MASE."""
        return best({f"naive_{lag}": error for lag, error in naives(self.overall).items()})

    @cached_property
    def rival(self) -> tuple[str, float] | None:
        """The best of all baselines and its MASE."""
        return best(baselines(self.overall))

    def won(self, entries: Sequence[Entry]) -> tuple[int, int]:
        """In how many of the entries ours is better than the best seasonal naive over all, and of how many."""
        if self.naive is None:
            return 0, 0
        lag = self.naive[0].removeprefix("naive_")
        pairs = [(ours(entry), entry["seasonal_naive"][lag]["mase"]) for entry in entries]
        known = [(own, naive) for own, naive in pairs if own is not None and naive is not None]
        return sum(own < naive for own, naive in known), len(known)

    @cached_property
    def ranked(self) -> list[str]:
        """The series from the best to the worst; those without a MASE come last."""
        errors = {name: ours(entry) for name, entry in self.series.items()}
        return sorted(errors, key=lambda name: (errors[name] is None, errors[name] or 0.0))


def figures(entry: Entry) -> dict[str, Figures]:
    """The figures of all forecasters by their keys, in the order of `Account.names`."""
    found: dict[str, Figures] = {OURS: entry[OURS]}
    found |= {f"naive_{lag}": each for lag, each in entry["seasonal_naive"].items()}
    return {**found, **entry["baselines"]}
