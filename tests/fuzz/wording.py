"""What the sequences send, as it is written, and what they are told by the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fuzz.frames import when
from tests.fuzz.plain import Sent, Told, Value


def beginning(start: int, history: list[Value], kind: str) -> dict[str, Any]:
    if kind == "history":
        return {"history": {"start": when(start), "y": history}}
    return {"start": when(start)} if kind == "start" else {}


def item(sent: Sent, prefix: str) -> dict[str, Any]:
    item: dict[str, Any] = {"session": prefix + sent.session, "y": sent.y}
    if sent.step is not None:
        item["step"] = sent.step
    if sent.hour is not None:
        item["ds"] = when(sent.hour)
    return item


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
