"""What a service records and answers, by docs/protocol.md, in a few lines: for tests that need it to misbehave."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

Fields = dict[str, Any]


class Book:
    """Records readings by session; every reading must follow the last one, or be one that is recorded already."""

    def __init__(self) -> None:
        self.recorded: defaultdict[str, list[float | None]] = defaultdict(list)

    def answer(self, frame: Fields | list[Fields]) -> Fields | list[Fields]:
        """The answer to a decoded frame."""
        return [self._take(reading) for reading in frame] if isinstance(frame, list) else self._take(frame)

    def _take(self, reading: Fields) -> Fields:
        values = self.recorded[reading["session"]]
        last = len(values) - 1
        step = reading.get("step", last + 1)
        if step > last + 1:
            return refused(reading, "gap", expected_step=last + 1, last_step=last)
        if step <= last and values[step] != reading["y"]:
            return refused(reading, "conflict", step=step, last_step=last)
        if step < last:
            return refused(reading, "duplicate", step=step, last_step=last)
        repeated = step == last
        if not repeated:
            values.append(reading["y"])
        item = {"session": reading["session"], "step": step, "ds": step, "durable": "none"}
        forecast = {"start": step + 1, "median": [1.0], "quantiles": {"0.5": [1.0]}}
        return item | {"forecast": forecast} | ({"repeated": True} if repeated else {})


def refused(reading: Fields, code: str, **facts: int) -> Fields:
    """The item that says why a reading was not recorded."""
    return {"session": reading["session"], "error": {"code": code, "message": f"{code}, in words", **facts}}
