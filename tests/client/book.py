"""What a service records and answers, by docs/protocol.md, in a few lines: for tests that need it to misbehave."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

Fields = dict[str, Any]


def nobody(_: int) -> bool:
    """No reading is refused."""
    return False


class Book:
    """Records readings by session; every reading must follow the last one, or be one that is recorded already."""

    def __init__(self) -> None:
        self.recorded: defaultdict[str, list[float | None]] = defaultdict(list)
        self.fills = False  # in this frame, steps that were left out
        self._owed: defaultdict[str, set[int]] = defaultdict(set)  # refused, to come again: not filled over

    def fall(self, session: str, readings: int) -> None:
        """The journal is restored from before so many readings, or a failover has lost them."""
        kept = max(0, len(self.recorded[session]) - readings)
        del self.recorded[session][kept:]

    def answer(self, frame: Fields | list[Fields], handles: list[str] | None = None) -> Fields | list[Fields]:
        """The answer to a decoded frame; `handles` are those of its connection."""
        handles = [] if handles is None else handles
        self.fills = _fills(frame)
        if isinstance(frame, dict) and "observations" in frame:
            frame = frame["observations"]
        if isinstance(frame, list):
            return [self._take(reading) for reading in frame]
        if "handles" in frame:
            handles += frame["handles"]
            return {"handles": {"first": len(handles) - len(frame["handles"]), "count": len(frame["handles"])}}
        return self.columns(frame, handles) if "sessions" in frame else self._take(frame)

    def later(self, reading: Fields, code: str, **facts: int) -> Fields:
        """The item that refuses a reading for now."""
        if "step" in reading:
            self._owed[reading["session"]].add(reading["step"])
        return refused(reading, code, **facts)

    def columns(self, frame: Fields, handles: list[str], busy: Callable[[int], bool] = nobody) -> Fields:
        """The answer to a frame by columns, of which those places are refused for now where the service is `busy`."""
        packed, self.fills = isinstance(frame["y"], bytes), _fills(frame)
        y = [None if each is None or each != each else each for each in numbers("d", frame["y"])]
        items = []
        for at, (called, value, step) in enumerate(
            zip(numbers("I", frame["sessions"]), y, numbers("q", frame["steps"]), strict=True)
        ):
            if isinstance(called, int) and called >= len(handles):
                items.append(refused({"session": ""}, "unknown_handle"))
                continue
            reading = {"session": handles[called] if isinstance(called, int) else called, "y": value, "step": step}
            items.append(self.later(reading, "overloaded") if busy(at) else self._take(reading))
        taken = [at for at, item in enumerate(items) if "error" not in item]
        steps = [item.get("step", -1) for item in items]
        values = [y[at] or 0.0 for at in taken]
        forecast: Fields = {"quantiles": {"0.5": [[value] for value in values]}}
        if packed:
            raw = {"origin": array("d", values).tobytes(), "values": array("f", [0.0] * len(taken)).tobytes()}
            forecast = {"levels": [0.5], "shape": [len(taken), 1, 1], **raw}
        return {
            "steps": array("q", steps).tobytes() if packed else [None if step < 0 else step for step in steps],
            "times" if packed else "ds": array("q", steps).tobytes() if packed else steps,
            "durable": "none",
            "errors": [{"at": at, "error": item["error"]} for at, item in enumerate(items) if "error" in item],
            "repeated": [at for at, item in enumerate(items) if "repeated" in item],
            **_filled([item.get("filled", 0) for item in items], packed),
            "rows": array("I", taken).tobytes() if packed else taken,
            "forecast": forecast,
        }

    def _take(self, reading: Fields) -> Fields:
        values = self.recorded[reading["session"]]
        last = len(values) - 1
        step = reading.get("step", last + 1)
        filled = step - last - 1 if self.fills and not self._owed[reading["session"]] & {*range(last + 1, step)} else 0
        if step > last + 1 and filled <= 0:
            self._owed[reading["session"]].add(step)
            return refused(reading, "gap", expected_step=last + 1, last_step=last)
        if step <= last and values[step] != reading["y"]:
            return refused(reading, "conflict", step=step, last_step=last)
        if step < last:
            return refused(reading, "duplicate", step=step, last_step=last)
        repeated = step == last
        if not repeated:
            values += [None] * max(0, filled)
            values.append(reading["y"])
        item = {"session": reading["session"], "step": step, "ds": step, "durable": "none"}
        forecast = {"start": step + 1, "median": [1.0], "quantiles": {"0.5": [1.0]}}
        item |= {"repeated": True} if repeated else {"filled": filled} if filled > 0 else {}
        return item | {"forecast": forecast}


def _fills(frame: Fields | list[Fields]) -> bool:
    return isinstance(frame, dict) and frame.get("gaps") == "missing"


def _filled(counts: list[int], packed: bool) -> Fields:
    return {"filled": array("q", counts).tobytes() if packed else counts} if any(counts) else {}


def refused(reading: Fields, code: str, **facts: int) -> Fields:
    """The item that says why a reading was not recorded."""
    return {"session": reading["session"], "error": {"code": code, "message": f"{code}, in words", **facts}}


def numbers(kind: str, column: bytes | Sequence[Any]) -> list[Any]:
    """The elements of a column, raw or not."""
    return array(kind, column).tolist() if isinstance(column, bytes) else list(column)
