"""The page: the same rows as the picture to explore in a browser, in one file that asks for nothing from outside."""

from __future__ import annotations

import json
import re
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from commands.gating.view import View
from commands.gating.wording import MEANINGS, NAMES

PARTS = {"STYLE": ("page.css",), "SCRIPT": ("drawing.js", "handling.js")}
_DIGITS = 4  # of a gate or a unit; a screen shows less
_READING_DIGITS = 7  # significant ones


def page_of(view: View) -> str:
    """The page as HTML. Names and labels come from outside: they are data in it, and never markup."""
    folder = files("commands.gating")

    def read(*names: str) -> str:
        return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)

    parts = {name: read(*of) for name, of in PARTS.items()}
    parts |= {"TITLE": escape(f"Gates: {view.series}"), "DATA": as_script(content(view))}
    # In one pass, so that nothing is looked for in what was put in: a series may be named like a place.
    return re.sub(r"\[\[([A-Z]+)\]\]", lambda place: parts[place[1]], read("page.html"))


def as_script(data: dict[str, Any]) -> str:
    """JSON that may stand in a script element: without a character that could end it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def content(view: View) -> dict[str, Any]:
    """What the page knows of the view, as plain JSON; null where there is no number."""
    return {
        "series": view.series,
        "model": view.model,
        "layer": view.layer,
        "target": view.target,
        "step": view.frequency.alias,
        "calendar": view.frequency.has_calendar,
        "times": view.times.tolist(),
        "reading": _rough(view.readings),
        "median": _rough(view.median),
        "band": view.bounds and view.bounds.name,
        "low": view.bounds and _rough(view.bounds.low),
        "high": view.bounds and _rough(view.bounds.high),
        "named": view.named,
        "gates": [
            {
                "name": f"{NAMES[gate.letter]} ({MEANINGS[gate.letter]})",
                "letter": gate.letter,
                "mean": _plain(gate.mean),
                "units": list(gate.units),
                "values": [_plain(values) for values in gate.values],
            }
            for gate in view.gates
        ],
        "order": list(view.order),
        "hidden": [_plain(values) for values in view.hidden],
        "conventions": list(view.conventions),
        "marks": [{"time": mark.time, "label": mark.label} for mark in view.marks],
    }


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [round(value, _DIGITS) if np.isfinite(value) else None for value in values.tolist()]


def _rough(values: NDArray[np.float64]) -> list[float | None]:
    return [float(f"{value:.{_READING_DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
