"""The tables of the page: forecasters beside each other, by fold, by step ahead, by series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from models.evaluation.advice.case import Entry
from models.evaluation.page.account import OURS, Account, Figures, figures
from models.evaluation.page.headline import moment, percent
from models.pages.table import ABSENT, Best, Ours, folded, number, table, whole

SHOWN = 10  # best and worst series that are shown at once
BOUND = 1_000  # series that are listed at most
METRICS: dict[str, tuple[str, Callable[[Any], str]]] = {  # heading, and how a figure is written
    "mase": ("MASE", lambda value: number(value, 3)),
    "smape": ("sMAPE", lambda value: ABSENT if value is None else percent(value / 100, 2)),
    "weighted_quantile_loss": ("weighted quantile loss", number),
    "coverage_80": ("80 % band holds", lambda value: ABSENT if value is None else percent(value)),
    "coverage_95": ("95 % band holds", lambda value: ABSENT if value is None else percent(value)),
    "msis_95": ("interval score, 95 %", lambda value: number(value, 3)),
}
COUNTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "forecasts": ("forecasts", whole),
    "targets": ("readings", whole),
}
PROMISED = {"coverage_80": 0.8, "coverage_95": 0.95}


def standings(account: Account) -> str:
    """Every forecaster over all folds, the best of a column marked, with what its training took."""
    found = figures(account.overall)
    rows = [
        [Ours(name) if key == OURS else name, *cells, _taken(account, key)]
        for (key, name), cells in zip(account.names.items(), _marked(found.values()), strict=True)
    ]
    return table(["", *(heading for heading, _ in METRICS.values()), "training of a fold"], rows)


def by_fold(account: Account) -> str:
    """A row for each fold: ours beside the seasonal naives and the best of the others, and how its training went."""
    keys = _beside(account)
    rows = []
    for entry in account.folds:
        found, training = figures(entry), entry["training"]
        went = f"{training['best_step']:,} of {training['steps']:,}" if training else ABSENT
        coverage = [METRICS[name][1](entry[OURS][name]) for name in PROMISED]
        seconds = account.seconds.get(entry["fold"])
        rows.append(
            [f"{entry['fold']}", moment(entry["cutoff"]), *_errors(found, keys), *coverage, went, taken(seconds)]
        )
    headings = ["fold", "tested from", *(account.names[key] for key in keys)]
    return table([*headings, "80 % holds", "95 % holds", "best step", "training"], rows)


def by_series(account: Account) -> str:
    """The worst and the best series, or all where they are few; nothing of a single one, which is the whole."""
    keys, ranked = _beside(account), account.ranked
    if len(ranked) < 2:
        return ""
    headings = ["series", *(account.names[key] for key in keys), "80 % holds", "95 % holds", "sMAPE", "readings"]

    def listed(names: Iterable[str]) -> str:
        rows = []
        for name in names:
            own = account.series[name][OURS]
            cells = [METRICS[metric][1](own[metric]) for metric in ("coverage_80", "coverage_95", "smape")]
            rows.append([name, *_errors(figures(account.series[name]), keys), *cells, whole(own["targets"])])
        return table(headings, rows)

    if len(ranked) <= 2 * SHOWN:
        return listed(ranked)
    worst, best = ranked[-SHOWN:][::-1], ranked[:SHOWN]
    return f"<h3>The {SHOWN} worst</h3>{listed(worst)}<h3>The {SHOWN} best</h3>{listed(best)}"


def everything(account: Account) -> str:
    """All figures that there are, for who looks for one, each list behind a click."""
    headings = ["", *(heading for heading, _ in (METRICS | COUNTS).values())]
    ranked = account.ranked[:BOUND]
    left = len(account.ranked) - len(ranked)
    overall = table(headings, _full(account, {"all folds": account.overall}))
    folds = table(headings, _full(account, {f"fold {entry['fold']}": entry for entry in account.folds}))
    steps = table(headings, _full(account, {f"{entry['h']} ahead": entry for entry in account.steps}))
    series = table(headings, [_written(name, account.series[name][OURS]) for name in ranked])
    keys = [key for key in account.names if key != OURS]
    errors = [[name, *_errors(figures(account.series[name]), [OURS, *keys])] for name in ranked]
    rest = f"<p class='soft'>{left:,} more are in metrics.json.</p>" if left else ""
    levels = [number(entry["level"], 3) for entry in account.metrics["calibration"]]
    rows = [["all folds", *_observed(account.metrics)]]
    rows += [[f"fold {entry['fold']}", *_observed(entry)] for entry in account.folds]
    return "".join(
        (
            folded("All figures over all folds", overall),
            folded("All figures by fold", folds),
            folded("All figures by step ahead", steps),
            folded("All our figures by series", series + rest),
            folded("MASE of every forecaster by series", table(["", *account.names.values()], errors) + rest),
            folded("Share of readings at or below each quantile", table(["", *levels], rows)),
        )
    )


def taken(seconds: float | None) -> str:
    """A time of training."""
    if seconds is None:
        return ABSENT
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _taken(account: Account, key: str) -> str:
    if key != OURS:
        return "none"
    if not account.metrics["settings"]["refit"]:
        return "before"
    spent = list(account.seconds.values())
    return taken(sum(spent) / len(spent) if spent else None)


def _beside(account: Account) -> list[str]:
    """The keys that stand beside ours where there is little room: the naives, and the best of the others."""
    naive = [key for key in account.names if key.startswith("naive_")]
    others = [account.rival[0]] if account.rival is not None and account.rival[0] not in naive else []
    return [OURS, *naive, *others]


def _marked(rows: Iterable[Figures]) -> list[list[str]]:
    """The cells of all metrics, the best of each column marked: the smallest, or nearest to what it promises."""
    rows = list(rows)
    columns = []
    for name, (_, write) in METRICS.items():
        values = [row[name] for row in rows]
        known = [_distance(name, value) for value in values if value is not None]
        least = min(known) if known and min(known) < max(known) else None
        columns.append([_cell(write(v), v is not None and _distance(name, v) == least) for v in values])
    return [list(cells) for cells in zip(*columns, strict=True)]


def _errors(found: dict[str, Figures], keys: Sequence[str]) -> list[str]:
    errors = [found[key]["mase"] for key in keys]
    least = min((error for error in errors if error is not None), default=None)
    return [_cell(number(error, 3), error is not None and error == least) for error in errors]


def _full(account: Account, entries: dict[str, Entry]) -> list[list[str]]:
    return [
        _written(f"{label}, {account.names[key]}", row)
        for label, entry in entries.items()
        for key, row in figures(entry).items()
    ]


def _written(label: str, row: dict[str, Any]) -> list[str]:
    return [label, *(write(row[name]) for name, (_, write) in (METRICS | COUNTS).items())]


def _observed(entry: Entry) -> list[str]:
    return [number(each["observed"], 4) for each in entry["calibration"]]


def _distance(name: str, value: float) -> float:
    return abs(value - PROMISED[name]) if name in PROMISED else value


def _cell(text: str, marked: bool) -> str:
    return Best(text) if marked else text
