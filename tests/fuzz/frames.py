"""Good frames of every form, for sessions of one caller: what is spoiled afterwards."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

Document = Any
HOURS = 400  # steps that good frames name
HANDLES = 4  # that a connection is given first


@dataclass(frozen=True)
class Frames:
    """So many good frames: as documents, as JSON, as MessagePack."""

    documents: Sequence[Document]
    texts: Sequence[bytes]
    packed: Sequence[bytes]

    @classmethod
    def of(cls, sessions: Sequence[str], chance: random.Random, count: int = 120) -> Frames:
        documents = [_document(sessions, chance) for _ in range(count)]
        raw = [msgspec.msgpack.encode(_raw_columns(chance)) for _ in range(count // 3)]
        return cls(
            documents,
            [json.dumps(document).encode() for document in documents],
            [*(msgspec.msgpack.encode(document) for document in documents), *raw],
        )


def when(step: int) -> str:
    return f"2014-07-{1 + step // 24:02}T{step % 24:02}:00:00"


def _reading(sessions: Sequence[str], chance: random.Random) -> dict[str, Any]:
    step = chance.randrange(HOURS)
    reading: dict[str, Any] = {"session": chance.choice(sessions), "y": _value(chance)}
    if chance.random() < 0.7:
        reading["step"] = step
    if chance.random() < 0.4:
        reading["ds"] = when(step)
    return reading


def _value(chance: random.Random) -> float | None:
    return None if chance.random() < 0.1 else round(chance.gauss(50, 10), 3)


def _document(sessions: Sequence[str], chance: random.Random) -> Document:
    form = chance.randrange(10)
    if form < 3:
        return _reading(sessions, chance)
    readings = [_reading(sessions, chance) for _ in range(chance.randint(1, 5))]
    if form < 6:
        return readings
    if form < 8:
        asked = {"horizon": 2, "quantiles": [0.1, 0.9], "every": chance.choice([1, 3, "none"]), "gates": "summary"}
        return {"observations": readings, **dict(chance.sample(sorted(asked.items()), 2))}
    columns = {
        "sessions": [chance.choice([*sessions, *range(HANDLES)]) for _ in readings],
        "y": [reading["y"] for reading in readings],
        "steps": [reading.get("step") for reading in readings],
    }
    return {**columns, "gaps": "missing"} if chance.random() < 0.05 else columns


def _raw_columns(chance: random.Random) -> dict[str, bytes]:
    size = chance.randint(1, 6)
    return {
        "sessions": np.array([chance.randrange(HANDLES) for _ in range(size)], "<u4").tobytes(),
        "y": np.array([chance.gauss(50, 10) for _ in range(size)], "<f8").tobytes(),
        "steps": np.array([chance.randrange(HOURS) for _ in range(size)], "<i8").tobytes(),
    }
