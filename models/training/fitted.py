"""A forecaster trained in memory, for a script or a notebook: what `gatecast train` leaves in a folder, without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models.architectures import require_used
from models.config import implied_config
from models.evaluation.backtest import Backtest, backtest
from models.evaluation.panel import Panel, Stretch
from models.forecaster import Forecaster
from models.table import Parts, Table, decided_by
from models.training.dependence import dependence_of
from models.training.loop import Outcome, Record
from models.training.run import DataSummary, summarise
from models.training.settings import TrainingSettings
from models.training.trainer import golden_stretches, prepare, summary


@dataclass(frozen=True, eq=False)
class Fitted:
    """A forecaster with the best weights of its training, and all that an export tells of it."""

    forecaster: Forecaster
    panel: Panel
    data: DataSummary
    settings: TrainingSettings
    outcome: Outcome

    @cached_property
    def backtest(self) -> Backtest:
        """Its errors on the held-out end, beside those of the seasonal naives; computed when first asked for."""
        return backtest(self.forecaster, self.panel, self.data.season)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The same as plain JSON, as it stands in a run's metrics.json and in a bundle."""
        return summary(self.backtest, self.outcome, self.forecaster)

    @cached_property
    def dependence(self) -> tuple[float, ...] | None:
        """How the steps of a forecast depend on each other; computed when first asked for."""
        return dependence_of(self.forecaster, self.panel, self.data.season)

    @property
    def stretches(self) -> list[Stretch]:
        """Readings of the training data, on which an export proves itself."""
        return golden_stretches(self.panel, self.forecaster.window)


def fit(
    table: Table,
    parts: Parts,
    horizon: int,
    settings: TrainingSettings | None = None,
    observe: Callable[[Record], None] = lambda _: None,
    device: str = "cpu",
    **chosen: Any,
) -> Fitted:
    """Trains a forecaster of `horizon` steps on a table that `parts` splits; to the bit what `gatecast train` does.

    `chosen` are settings of the model by name (hidden, layers, architecture, lags, …), the rest is implied by the
    frequency; `observe` is told of every step. The seed decides the weights. ValueError for settings that do not go
    together and for series that are all shorter than one window, TrainingDiverged if it cannot be trained.
    """
    panel, settings = Panel.of(table, parts), settings or TrainingSettings()
    config = implied_config(table.frequency, horizon, None, table.covariates, **{**decided_by(table), **chosen})
    require_used(chosen, [config])
    longest = max(len(stretch) for stretch in panel.series)
    if longest < config.window:
        raise ValueError(
            f"{table.source}: expected at least one context of {config.window} steps in one series, the longest has "
            f"{longest}: give longer series, or look back less far (lags)"
        )
    names = (table.time_zone, table.target, table.covariates, table.future, table.static)
    data = summarise(panel, table.source, table.frequency, *names)
    training = prepare(panel, config, settings, data.season, device)
    outcome = training.run(observe, lambda _: None)
    return Fitted(training.model.cpu(), panel, data, training.settings, outcome)
