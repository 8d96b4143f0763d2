"""The error of every forecaster by step ahead and by fold, drawn and in words."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from models.evaluation.advice.case import Entry
from models.evaluation.page.account import OURS, Account, figures
from models.evaluation.page.figure import DASHES, ahead, along, figure, known, marker
from models.pages import picture
from models.pages.picture import INK, NAIVE, OTHER, framed

FAR = 2.0  # times the error of ours and the best baselines: what lies above may leave the picture
ROOM = 1.12  # of an axis, above what is drawn


def error_by_horizon(account: Account) -> str:
    """Ours and every baseline by step ahead."""
    lines = {key: [_error(account, entry, key) for entry in account.steps] for key in account.names}
    places = [entry["h"] for entry in account.steps]
    said = _said_by_step(account) + _leaving(account, lines)
    return figure(lambda drawing: _draw_errors(drawing, account, places, lines, "steps ahead"), said)


def error_by_fold(account: Account) -> str:
    """Ours and every baseline by fold."""
    lines = {key: [_error(account, entry, key) for entry in account.folds] for key in account.names}
    places = [entry["fold"] for entry in account.folds]
    said = _said_by_fold(account) + _leaving(account, lines)
    return figure(lambda drawing: _draw_errors(drawing, account, places, lines, "fold, in the order of time"), said)


def _draw_errors(
    drawing: Figure, account: Account, places: list[int], lines: dict[str, list[float]], label: str
) -> None:
    axes = framed(drawing.subplots())
    dashes = {True: iter(DASHES * 2), False: iter(DASHES * 2)}
    for key, errors in reversed(lines.items()):
        if key == OURS or np.isnan(errors).all():
            continue
        naive = key.startswith("naive_")
        axes.plot(
            places,
            errors,
            color=NAIVE if naive else OTHER,
            linewidth=1.6 if naive else 1.2,
            linestyle=next(dashes[naive]),
            label=account.names[key],
            marker=marker(places),
            markersize=4,
        )
    axes.plot(places, lines[OURS], color=picture.OURS, linewidth=2.6, label=OURS, marker=marker(places))
    axes.set_ylim(0, _top(account, lines) or None)
    along(axes, places)
    axes.set(xlabel=label, ylabel="MASE" if account.measure == "mase" else "sMAPE, %")
    handles, words = axes.get_legend_handles_labels()
    drawing.legend(
        handles[::-1], words[::-1], loc="outside lower center", ncol=2, frameon=False, labelcolor=INK, fontsize=10
    )


def _top(account: Account, lines: dict[str, list[float]]) -> float:
    """Where the axis of errors ends: above ours, the best baselines and what is not far above them; 0: anywhere."""
    highest = {key: max((each for each in errors if not np.isnan(each)), default=0.0) for key, errors in lines.items()}
    near = [OURS, *(found[0] for found in (account.naive, account.rival) if found is not None)]
    most = FAR * max(highest[key] for key in near)
    return ROOM * max(height for height in highest.values() if height <= most)


def _leaving(account: Account, lines: dict[str, list[float]]) -> str:
    """Which lines leave the picture at its top, in words."""
    top = _top(account, lines)
    names = [account.names[key] for key, errors in lines.items() if any(error > top for error in errors)]
    return f" Above the picture, in part or as a whole: {', '.join(names)}." if names else ""


def _said_by_step(account: Account) -> str:
    errors = [(entry["h"], _error(account, entry, OURS)) for entry in account.steps]
    found = [(h, error) for h, error in errors if not np.isnan(error)]
    if not found:
        return "Nothing was compared."
    unit = " %" if account.measure == "smape" else ""
    (first, near), (last, far) = found[0], found[-1]
    said = f"The error is {near:.3f}{unit} {ahead(first)}"
    said += f" and {far:.3f}{unit} {ahead(last)}." if last > first else "."
    if account.naive is None or last == first:
        return said
    won, of = account.won(account.steps)
    name = account.names[account.naive[0]]
    return f"{said} It is smaller than that of the {name}, at {won:,} of {of:,} steps ahead."


def _said_by_fold(account: Account) -> str:
    errors = {entry["fold"]: _error(account, entry, OURS) for entry in account.folds}
    errors = {fold: error for fold, error in errors.items() if not np.isnan(error)}
    if not errors:
        return "Nothing was compared."
    unit = " %" if account.measure == "smape" else ""
    if len(errors) == 1:
        return f"One fold: {next(iter(errors.values())):.3f}{unit}."
    low, high = min(errors, key=lambda fold: errors[fold]), max(errors, key=lambda fold: errors[fold])
    said = f"From {errors[low]:.3f}{unit} in fold {low} to {errors[high]:.3f}{unit} in fold {high}."
    if account.naive is None:
        return said
    won, of = account.won(account.folds)
    return f"{said} It is smaller than that of the {account.names[account.naive[0]]} in {won:,} of {of:,} folds."


def _error(account: Account, entry: Entry, key: str) -> float:
    return known(figures(entry)[key][account.measure])
