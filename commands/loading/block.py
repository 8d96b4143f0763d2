"""The sessions of one frame: what they are sent, and where they stand after each answer."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

from gatecast_client.columns import as_raw
from gatecast_client.wire import Columns, Item, Wire

SEASON = 24


class Block:
    """Sessions that get their readings together, always in one frame and on one connection."""

    def __init__(
        self, names: list[str], covariates: Iterable[str] = (), ahead: Iterable[str] = (), steps: int = 0
    ) -> None:
        """`ahead` are covariates that are known ahead, of which so many `steps` have to be given: as unknown."""
        self.names = names
        self.first = 0  # handle of the first of them, on its connection
        self._next = [0] * len(names)  # step, of each
        self._covariates = list(covariates)
        self._given: dict[str, Any] = {}
        if self._covariates:
            self._given["covariates"] = dict.fromkeys(self._covariates, 0.0)
        if names_ahead := list(ahead):
            self._given["future"] = {name: [None] * steps for name in names_ahead}

    def items(self) -> object:
        """The next frame, an object for each reading; all move on by one step."""
        sent = [
            {"session": name, "step": step, "y": reading(step), **self._given}
            for name, step in zip(self.names, self._next, strict=True)
        ]
        self._move()
        return sent if len(sent) > 1 else sent[0]

    def columns(self, text: bool) -> object:
        """As `items`, by columns, of sessions by their handles."""
        count = len(self.names)
        sessions, values = range(self.first, self.first + count), [reading(step) for step in self._next]
        sent: dict[str, object]
        if text:
            sent = {"sessions": [*sessions], "steps": [*self._next], "y": values}
            sent |= {"covariates": {name: [0.0] * count for name in self._covariates}} if self._covariates else {}
        else:
            raw = as_raw(array("d", [0.0]) * count)
            sent = {"sessions": as_raw(array("I", sessions)), "steps": as_raw(array("q", self._next))}
            sent["y"] = as_raw(array("d", values))
            sent |= {"covariates": dict.fromkeys(self._covariates, raw)} if self._covariates else {}
        self._move()
        return sent

    def take_items(self, answer: Item | list[Item]) -> dict[str, int]:
        """How many readings were refused, by code."""
        items = answer if isinstance(answer, list) else [answer]
        if len(items) == 1 and items[0].session is None and items[0].error is not None:
            return self._all_refused(items[0].error)
        refused: dict[str, int] = {}
        for at, item in enumerate(items):
            if item.error is not None:
                self._refused(at, item.error, refused)
        return refused

    def take_columns(self, answer: Columns) -> dict[str, int]:
        """As `take_items`."""
        if answer.error is not None:
            return self._all_refused(answer.error)
        refused: dict[str, int] = {}
        for each in answer.errors:
            self._refused(each.at, each.error, refused)
        return refused

    def _refused(self, at: int, error: dict[str, Any], counted: dict[str, int]) -> None:
        """A session goes on from where the service has it; what is on its way behind a refused reading is a gap."""
        code = str(error.get("code"))
        counted[code] = counted.get(code, 0) + 1
        last = error.get("last_step")
        self._next[at] = last + 1 if isinstance(last, int) else max(self._next[at] - 1, 0)

    def _all_refused(self, error: dict[str, Any]) -> dict[str, int]:
        counted: dict[str, int] = {}
        for at in range(len(self.names)):
            self._refused(at, error, counted)
        return counted

    def _move(self) -> None:
        self._next = [step + 1 for step in self._next]


def reading(step: int) -> float:
    """A whole number above zero, which every model takes; the same for the same step, so that it may be sent again."""
    return 100.0 + step % SEASON


def encoded(block: Block, wire: Wire, by_columns: bool) -> str | bytes:
    """Its next frame."""
    return wire.encode(block.columns(wire.text) if by_columns else block.items())
