"""What is told of a forecast: the measures by name, how each is written, and the figures that one forecast came to."""

from __future__ import annotations

from collections.abc import Mapping

from models.evaluation.metrics import Metrics

Figures = Mapping[str, float | None]

SMAPE, MASE, OWA, MSIS, CRPS, MSE, MAE = "sMAPE", "MASE", "OWA", "MSIS 95 %", "CRPS", "MSE", "MAE"
COVERS_80, COVERS_95 = "80 % covers", "95 % covers"
_DIGITS = {SMAPE: 3, MASE: 3, OWA: 3, MSIS: 2, CRPS: 4, MSE: 3, MAE: 3}
_SHARES = (COVERS_80, COVERS_95)  # 0 to 1, written in percent


def written(measure: str, value: float | None) -> str:
    """A figure as it stands in a table."""
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if measure in _SHARES else f"{value:.{_DIGITS[measure]}f}"


def figures_of(metrics: Metrics) -> dict[str, float | None]:
    """The measures that a tally gives; the others belong to a protocol."""
    return {
        SMAPE: metrics.smape,
        MASE: metrics.mase,
        CRPS: metrics.weighted_quantile_loss,
        MSIS: metrics.msis_95,
        COVERS_80: metrics.coverage_80,
        COVERS_95: metrics.coverage_95,
    }
