"""The pictures of a comparison, as SVG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from models.pages.picture import INK, colours, framed, legend, stepped, svg


def pictures(report: dict[str, Any]) -> dict[str, str]:
    """Title and SVG of each picture that there are figures for."""
    drawn: dict[str, Callable[[Figure], None]] = {}
    if any(report["timing"]["whole"].values()):
        title = f"Time of a training step, beside {report['reference']}'s (median, lowest and highest round)"
        drawn[title] = lambda figure: _draw_timing(figure, report)
    drawn["Scaled error on the held-out end: every seed, and the mean over seeds"] = lambda figure: _draw_errors(
        figure, report
    )
    if any(model["history"] for model in report["models"].values()):
        drawn["Scaled error by the readings of history that a forecast may know"] = lambda figure: _draw_history(
            figure, report
        )
    if report["packing"]["models"]:
        drawn["Time of packed over padded rows, by share of padding"] = lambda figure: _draw_packing(figure, report)
    return {title: svg(draw) for title, draw in drawn.items()}


def _draw_timing(figure: Figure, report: dict[str, Any]) -> None:
    names = colours(list(report["models"]))
    parts = {"whole": "whole training step", "recurrent": "recurrent layers alone"}
    for axes, (part, title) in zip(figure.subplots(1, 2), parts.items(), strict=True):
        framed(axes, title)
        lengths = [int(length) for length in report["timing"][part]]
        for name, colour in names.items():
            points = [
                (int(length), found[name]["ratio"])
                for length, found in report["timing"][part].items()
                if name in found and "ratio" in found[name]
            ]
            if not points:
                continue
            places = [place for place, _ in points]
            axes.plot(places, [ratio["median"] for _, ratio in points], "o-", color=colour, label=name, markersize=4)
            low, high = ([ratio[end] for _, ratio in points] for end in ("low", "high"))
            axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        stepped(axes, lengths)
        axes.set_xlabel("readings in the longest row")
        axes.set_ylim(bottom=0)
        legend(axes)


def _draw_errors(figure: Figure, report: dict[str, Any]) -> None:
    axes = framed(figure.subplots())
    names = colours(list(report["models"]))
    for place, (name, colour) in enumerate(names.items()):
        error = report["models"][name]["error"]
        seeds = error["by_seed"]
        axes.plot(np.linspace(place - 0.15, place + 0.15, len(seeds)), seeds, "o", color=colour, alpha=0.6)
        axes.plot([place - 0.25, place + 0.25], [error["mean"]] * 2, color=colour, linewidth=2.5)
    for lag, error in report["naive"].items():
        highest = max(max(model["error"]["by_seed"]) for model in report["models"].values())
        if error < 2 * highest:
            axes.axhline(error, color=INK, linewidth=1, linestyle=(0, (4, 3)), label=f"seasonal naive, {lag} steps")
            legend(axes)
    axes.set_xticks(range(len(names)), list(names))
    axes.set_ylabel("seasonal scales")


def _draw_history(figure: Figure, report: dict[str, Any]) -> None:
    axes = framed(figure.subplots())
    lengths: list[int] = []
    for name, colour in colours(list(report["models"])).items():
        found = report["models"][name]["history"]
        lengths = [int(length) for length in found] or lengths
        axes.plot([int(length) for length in found], list(found.values()), "o-", color=colour, label=name)
    stepped(axes, lengths)
    axes.set_xlabel("readings of history")
    axes.set_ylabel("seasonal scales")
    axes.set_ylim(bottom=0)
    legend(axes)


def _draw_packing(figure: Figure, report: dict[str, Any]) -> None:
    parts = {"whole": "whole training step", "recurrent": "recurrent layers alone"}
    models = report["packing"]["models"]
    for axes, (part, title) in zip(figure.subplots(1, 2), parts.items(), strict=True):
        framed(axes, title)
        for name, colour in colours(list(report["models"])).items():
            if name not in models:
                continue
            places = [100 * (1 - float(share)) for share in models[name]]
            ratios = [figures[part] for figures in models[name].values()]
            axes.plot(places, [ratio["median"] for ratio in ratios], "o-", color=colour, label=name)
            low, high = ([ratio[end] for ratio in ratios] for end in ("low", "high"))
            axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.axhline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_xlabel("% of steps that are padding")
        axes.set_ylim(bottom=0)
        legend(axes)
