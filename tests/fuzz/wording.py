"""What the sequences send, as it is written, and what they are told by the answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.fuzz.frames import when
from tests.fuzz.plain import Sent, Told, Value


def beginning(start: int, history: list[Value], kind: str) -> dict[str, Any]:
    if kind == "history":
        return {"history": {"start": when(start), "y": history}}
    return {"start": when(start)} if kind == "start" else {}


def item(sent: Sent, prefix: str) -> dict[str, Any]:
    made: dict[str, Any] = {"session": prefix + sent.session, "y": sent.y}
    if sent.step is not None:
        made["step"] = sent.step
    if sent.hour is not None:
        made["ds"] = when(sent.hour)
    return made


def columns(frame: list[Sent], handles: dict[str, int], prefix: str) -> dict[str, Any]:
    """Sessions by handle where they have one, else by name."""
    return {
        "sessions": [handles.get(sent.session, prefix + sent.session) for sent in frame],
        "y": [sent.y for sent in frame],
        "steps": [sent.step for sent in frame],
        "ds": _times(frame),
    }


def packed_columns(frame: list[Sent], handles: dict[str, int]) -> dict[str, Any]:
    """As raw numbers, each session by its handle."""
    return {
        "sessions": np.array([handles[sent.session] for sent in frame], "<u4").tobytes(),
        "y": np.array([math.nan if sent.y is None else sent.y for sent in frame], "<f8").tobytes(),
        "steps": np.array([-1 if sent.step is None else sent.step for sent in frame], "<i8").tobytes(),
        "ds": _times(frame),
    }


def by_items(answer: Any) -> list[Told]:
    return [
        Told(None, each["error"]["code"])
        if "error" in each
        else Told(each["step"], None, each.get("repeated", False), each.get("filled", 0))
        for each in (answer if isinstance(answer, list) else [answer])
    ]


def by_columns(answer: Any, size: int) -> list[Told]:
    steps, filled = (
        np.frombuffer(column, "<i8").tolist() if isinstance(column, bytes) else column
        for column in (answer["steps"], answer.get("filled", [0] * size))
    )
    codes = {each["at"]: each["error"]["code"] for each in answer.get("errors", [])}
    repeated = set(answer.get("repeated", []))
    return [
        Told(None, codes[at]) if at in codes else Told(steps[at], None, at in repeated, filled[at])
        for at in range(size)
    ]


def _times(frame: list[Sent]) -> list[str | None]:
    return [None if sent.hour is None else when(sent.hour) for sent in frame]
