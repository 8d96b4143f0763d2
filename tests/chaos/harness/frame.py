"""The forms that readings travel in: one, a list, columns; JSON and MessagePack; and what is answered, read alike."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from tests.chaos.harness.meter import Item, Reading, as_json, iso

LEVELS = ("0.1", "0.5", "0.9")  # of the bundle that the harness serves

Shape = Literal["one", "list", "columns"]


@dataclass(frozen=True)
class Frame:
    """Some readings in one form."""

    readings: Sequence[Reading]
    shape: Shape
    binary: bool

    @staticmethod
    def of(readings: Sequence[Reading], chance: random.Random) -> Frame:
        """In any form that these readings can have: the first reading of all is dated, and columns here are not."""
        shapes: list[Shape] = ["list"]
        if len(readings) == 1:
            shapes.append("one")
        if all(reading.step > 0 for reading in readings):
            shapes.append("columns")
        return Frame(readings, chance.choice(shapes), chance.random() < 0.5)

    def encode(self, handles: Mapping[str, int], chance: random.Random) -> str | bytes:
        """What is sent; `handles` are those of the connection, by name."""
        if self.shape == "columns":
            sent: Any = self._columns(handles)
        else:
            items = [{"session": reading.meter.name, **as_sent(reading, chance)} for reading in self.readings]
            sent = items[0] if self.shape == "one" else items
        return msgspec.msgpack.encode(sent) if self.binary else json.dumps(sent)

    def items(self, data: str | bytes) -> list[Item]:
        """The answer; ValueError where it is none to such a frame."""
        answer = json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
        if self.shape == "columns":
            items = _from_columns(answer, self.binary)
        else:
            items = [item_of(each) for each in (answer if self.shape == "list" else [answer])]
        if len(items) != len(self.readings):
            raise ValueError(f"{len(self.readings)} readings were answered so: {answer}")
        return items

    def _columns(self, handles: Mapping[str, int]) -> dict[str, Any]:
        names = [reading.meter.name for reading in self.readings]
        numbers = [handles[name] for name in names if name in handles]
        values = np.array([reading.value for reading in self.readings], "<f8")
        steps = np.array([reading.step for reading in self.readings], "<i8")
        numbered = len(numbers) == len(names)
        if self.binary:
            sessions: Any = np.array(numbers, "<u4").tobytes() if numbered else names
            return {"sessions": sessions, "y": values.tobytes(), "steps": steps.tobytes()}
        return {
            "sessions": numbers if numbered else names,
            "y": [as_json(value) for value in values],
            "steps": steps.tolist(),
        }


def as_sent(reading: Reading, chance: random.Random) -> dict[str, Any]:
    """A reading as an object, by its step or its time; the first one by its time, which may be the session's start."""
    place = {"ds": iso(reading.step)} if reading.step == 0 or chance.random() < 0.5 else {"step": reading.step}
    return {"y": as_json(reading.value), **place}


def item_of(answer: dict[str, Any]) -> Item:
    """An item of a stream or of a request."""
    forecast = answer.get("forecast")
    return Item(
        step=answer.get("step"),
        repeated=bool(answer.get("repeated")),
        durable=answer.get("durable"),
        error=answer.get("error"),
        forecast=None if forecast is None else quantiles_of(forecast["quantiles"]),
    )


def quantiles_of(by_level: Mapping[str, Sequence[float]]) -> np.ndarray:
    """(horizon, quantiles)"""
    return np.array([by_level[level] for level in LEVELS]).T


def _from_columns(answer: dict[str, Any], binary: bool) -> list[Item]:
    steps = np.frombuffer(answer["steps"], "<i8").tolist() if binary else answer["steps"]
    errors = {each["at"]: each["error"] for each in answer.get("errors", [])}
    repeated = set(answer.get("repeated", []))
    table = _forecasts(answer.get("forecast"), binary)
    rows = answer.get("rows", range(len(table)))
    places = np.frombuffer(rows, "<u4").tolist() if isinstance(rows, bytes) else rows
    by_place = dict(zip(places, table, strict=True))
    return [
        Item(step, at in repeated, answer.get("durable"), errors.get(at), by_place.get(at))
        for at, step in enumerate(steps)
    ]


def _forecasts(sent: dict[str, Any] | None, binary: bool) -> np.ndarray:
    """(rows, horizon, quantiles)"""
    if sent is None:
        return np.empty((0, 0, len(LEVELS)))
    if not binary:
        return np.stack([np.array(sent["quantiles"][level]) for level in LEVELS], axis=-1)
    origin = np.frombuffer(sent["origin"], "<f8")
    return origin[:, None, None] + np.frombuffer(sent["values"], "<f4").reshape(sent["shape"])
