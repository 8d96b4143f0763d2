"""The table at the end of a training: our error beside that of the seasonal naives, on the same targets."""

from __future__ import annotations

from rich.table import Table

from datasets.frequency import DAY, HOUR, MINUTE, WEEK, Frequency
from models.evaluation.backtest import Backtest
from models.evaluation.metrics import Metrics

_LENGTHS = {MINUTE: "a minute", HOUR: "an hour", DAY: "a day", WEEK: "a week", 52 * WEEK: "a year"}


def comparison_table(result: Backtest, frequency: Frequency, title: str = "Held-out end") -> Table:
    """One row for the forecaster and one for each seasonal naive; the best of a column is bold."""
    ours = result.ours.metrics
    table = Table(
        title=f"{title}: {ours.forecasts:,} forecasts, {ours.targets:,} readings compared",
        title_justify="left",
        caption="Smaller is better; the 80 % band should cover 80 %.",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for heading in ("MASE", "sMAPE", "weighted\nquantile loss", "80 % band\ncovers"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = {"gatecast": ours}
    rows |= {f"seasonal naive, {lag_name(lag, frequency)}": n.metrics for lag, n in result.naives.items()}
    best = [min((cell[1] for cell in column), default=None) for column in _columns(rows)]
    for name, metrics in rows.items():
        cells = [_text(metrics.mase, "{:.3f}"), _text(metrics.smape, "{:.2f} %")]
        cells.append(_text(metrics.weighted_quantile_loss, "{:.4f}"))
        values = (metrics.mase, metrics.smape, metrics.weighted_quantile_loss)
        marked = [f"[bold green]{c}[/]" if v == b else c for c, v, b in zip(cells, values, best, strict=True)]
        covers = "–" if metrics.coverage_80 is None else f"{100 * metrics.coverage_80:.1f} %"
        table.add_row(name, *marked, covers)
    return table


def shortfall(result: Backtest, season: int) -> str | None:
    """Why the forecaster cannot be said to beat the seasonal naive, and what to do; None where it does."""
    if result.beats_naive:
        return None
    if (naive := result.best_naive.metrics.mase) is not None:
        better = "as good" if result.ours.metrics.mase == naive else "better"
        return f"The seasonal naive is {better}. Try more --steps, another --lags, or more data."
    if result.ours.metrics.mase is not None:
        return "No seasonal naive has a forecast to compare with. Try shorter --lags, or longer series."
    return (
        f"There is no MASE to compare: errors are scaled by how readings {season} steps apart differ before the test, "
        "and there they do not differ, or no two are so far apart. Compare the other columns, or give longer series."
    )


def lag_name(lag: int, frequency: Frequency) -> str:
    """A seasonal lag in words: "a day"; in steps where there is no word for it."""
    if frequency.unit == "second" and lag * frequency.size in _LENGTHS:
        return _LENGTHS[lag * frequency.size]
    if frequency.unit == "month" and lag * frequency.size == 12:
        return "a year"
    return f"{lag} steps" if lag != 1 else "1 step"


def _columns(rows: dict[str, Metrics]) -> list[list[tuple[str, float]]]:
    names = ("mase", "smape", "weighted_quantile_loss")
    return [
        [(row, getattr(metrics, name)) for row, metrics in rows.items() if getattr(metrics, name) is not None]
        for name in names
    ]


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
