"""The forms in which a reading of a session may be sent over a stream: each says what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from websockets.sync.client import ClientConnection

Send = Callable[[ClientConnection, bool, str, int], tuple[int | None, str | None]]  # a reading: its step, or the error


def ask(socket: ClientConnection, frame: object, text: bool) -> Any:
    socket.send(json.dumps(frame) if text else msgspec.msgpack.encode(frame))
    answer = socket.recv(timeout=10)
    assert isinstance(answer, str) == text
    return json.loads(answer) if text else msgspec.msgpack.decode(answer)


def one(name: str, step: int) -> Any:
    return {"session": name, "step": step, "y": 1.0}


def told(item: dict[str, Any], name: str) -> tuple[int | None, str | None]:
    assert item["session"] == name
    return (None, item["error"]["code"]) if "error" in item else (item["step"], None)


def as_item(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    return told(ask(socket, one(name, step), text), name)


def as_list(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    answers = ask(socket, [one(name, step), {"session": name, "y": "wrong"}], text)
    assert answers[1]["session"] == name
    return told(answers[0], name)


def as_large_list(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    return told(ask(socket, [one(name, step)] + 20 * [one("nobody", 0)], text)[0], name)


def as_observations(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    return told(ask(socket, {"observations": [one(name, step)], "horizon": 1}, text)[0], name)


def columns(socket: ClientConnection, text: bool, sessions: Any, step: int) -> Any:
    answer = ask(socket, {"sessions": sessions, "steps": [step] * len(sessions), "y": [1.0] * len(sessions)}, text)
    errors = {each["at"]: each["error"]["code"] for each in answer.get("errors", [])}
    steps = answer["steps"] if text else np.frombuffer(answer["steps"], "<i8").tolist()
    return (None, errors[0]) if 0 in errors else (steps[0], None)


def as_columns(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    return columns(socket, text, [name], step)


def as_handle(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    answer = ask(socket, {"handles": [name]}, text)
    if "error" in answer:
        return None, answer["error"]["code"]
    return columns(socket, text, [answer["handles"]["first"]], step)


def as_both(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    handle = ask(socket, {"handles": ["nobody"]}, text)["handles"]["first"]
    return columns(socket, text, [name, handle], step)


def as_raw_handle(socket: ClientConnection, text: bool, name: str, step: int) -> Any:
    answer = ask(socket, {"handles": [name]}, text)
    if "error" in answer:
        return None, answer["error"]["code"]
    sent = {
        "sessions": np.array([answer["handles"]["first"]], "<u4").tobytes(),
        "steps": np.array([step], "<i8").tobytes(),
        "y": np.array([1.0], "<f8").tobytes(),
    }
    answer = ask(socket, sent, text=False)
    step = int(np.frombuffer(answer["steps"], "<i8")[0])
    return (None, answer["errors"][0]["error"]["code"]) if step < 0 else (step, None)


FORMS: list[Send] = [
    as_item, as_list, as_large_list, as_observations, as_columns, as_handle, as_both, as_raw_handle,
]  # fmt: skip
