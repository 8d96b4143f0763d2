"""A picture of the page with the words of what one sees, and what its axes have in common."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from models.pages.picture import svg

DASHES = [(0, (5, 2)), (0, (1, 1)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1))]
SIZE = (5.4, 3.7)  # inches, of two that stand side by side
NAMED = 10  # places of an axis that are all named
FEW = 6  # places up to which a line is drawn with its points


def figure(draw_it: Callable[[Figure], None], said: str, size: tuple[float, float] = SIZE, kind: str = "") -> str:
    """What `draw_it` draws as SVG, below it `said`; `kind` is a class of the page's style, for one that may scroll."""
    drawn = svg(draw_it, *size, said=said, kind=kind)
    held = f"<div class='wide'>{drawn}</div>" if kind else drawn
    return f"<figure>{held}<figcaption>{escape(said)}</figcaption></figure>"


def along(axes: Axes, places: list[int]) -> None:
    """The axis of steps or folds: whole numbers, each of them where they are few."""
    if len(places) <= NAMED:
        axes.set_xticks(places, [str(place) for place in places])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    room = 0.5 if len(places) == 1 else 0.03 * (places[-1] - places[0])
    axes.set_xlim(places[0] - room, places[-1] + room)


def marker(places: list[int]) -> str:
    """A line through few places shows them; of one place there would be nothing to see."""
    return "o" if len(places) <= FEW else ""


def ahead(steps: int) -> str:
    """A number of steps in words."""
    return "one step ahead" if steps == 1 else f"{steps:,} steps ahead"


def known(value: float | None) -> float:
    """NaN where there is no figure."""
    return float("nan") if value is None else value
