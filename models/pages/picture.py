"""Pictures as SVG in the page's own colours, so that they are read by day and by night."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, GRID, OURS, NAIVE, OTHER = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"  # stand for the page's colours
PAGE_COLOURS = {INK: "currentColor", GRID: "var(--grid)", OURS: "var(--ours)", NAIVE: "var(--naive)"}
PAGE_COLOURS |= {OTHER: "var(--other)"}
COLOURS = ("#2f81c7", "#d9822b", "#2a9d6f", "#b5568f", "#8f7d2b", "#7a6bd1", "#c44e52", "#5f8f9f")
APART = 1.4  # ratio of two places on a logarithmic axis below which the second goes without its name
FONT: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "svg.hashsalt": "gatecast",
}


def svg(draw: Callable[[Figure], None], width: float = 9.0, height: float = 3.6, said: str = "", kind: str = "") -> str:
    """An <svg> element of what is drawn, without a background; its text stays text.

    `said` is what one would see, for who does not; `kind` is a class of the page's style. Width and height in inches.
    """
    with mpl.rc_context({**FONT, "text.color": INK, "axes.labelcolor": INK}):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_alpha(0)
        draw(figure)
        file = StringIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = file.getvalue()
    text = text[text.index("<svg") :]
    for colour, own in PAGE_COLOURS.items():
        text = text.replace(colour, own)
    return _alone(text, said, kind).strip()


def framed(axes: Axes, title: str = "") -> Axes:
    """The look of all these pictures."""
    axes.patch.set_alpha(0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(colors=INK, length=0, which="both")
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    if title:
        axes.set_title(title, loc="left", fontsize=11)
    return axes


def colours(names: list[str]) -> dict[str, str]:
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def stepped(axes: Axes, places: list[int]) -> None:
    """A logarithmic axis that names the places that were measured, where there is room."""
    axes.set_xscale("log")
    named = [place for at, place in enumerate(places) if at == 0 or place > APART * places[at - 1]]
    axes.set_xticks(named, [str(place) for place in named])
    axes.minorticks_off()


def legend(axes: Axes, **how: Any) -> None:
    axes.legend(frameon=False, labelcolor=INK, **how)


def _alone(text: str, said: str, kind: str) -> str:
    """The element as one of several on a page: only names that it refers to, none that another one has, and the
    page's font."""
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w.-]+)", text))
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r' id="([\w.-]+)"', lambda name: f' id="{own}-{name[1]}"' if name[1] in used else "", text)
    text = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{own}-", text)
    text = re.sub(r"font: ((?:[\w.]+ )*?[\d.]+px) [^;\"]+", r"font: \1 system-ui, sans-serif", text)
    opening = f"<svg role='img' aria-label='{escape(said)}'" if said else "<svg"
    opening += f" class='{kind}'" if kind else ""
    return opening + text.removeprefix("<svg")
