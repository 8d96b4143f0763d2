"""Numbers that stand for sessions' names on one connection, which frames by columns carry instead of names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from gatecast_client.errors import GatecastError
from gatecast_client.judge import Judge
from gatecast_client.wire import Columns, Kind, Wire


class Handles:
    """What the service was told on this connection; a new connection begins without any."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._full = False  # the service takes no more: further sessions go by name
        self._asked: HandlesFrame | None = None  # not answered yet

    def __getitem__(self, name: str) -> int:
        return self._numbers[name]

    def __contains__(self, name: str) -> bool:
        return name in self._numbers

    def lacking(self, names: Iterable[str]) -> list[str]:
        """Those that have none and may get one, each once."""
        return [] if self._full else [name for name in dict.fromkeys(names) if name not in self._numbers]

    @property
    def asked(self) -> bool:
        """Whether the service has not said yet what it has numbered: until then it is not asked for more."""
        return self._asked is not None

    def ask(self, names: list[str]) -> HandlesFrame:
        """The frame that gives these names numbers, which count from now on: the frames behind it may use them."""
        first = len(self._numbers)
        self._numbers.update(zip(names, range(first, first + len(names)), strict=True))
        self._asked = HandlesFrame(self, names, first)
        return self._asked

    def answered(self) -> None:
        """The service has numbered them."""
        self._asked = None

    def refused(self, names: list[str]) -> None:
        """The service has numbered none of these; it is not asked again."""
        for name in names:
            del self._numbers[name]
        self._asked, self._full = None, True

    def clear(self) -> None:
        """Another connection."""
        self._numbers.clear()
        self._asked, self._full = None, False


class HandlesFrame:
    """Names on their way to the service. It carries no reading, so it is never sent again: the next one asks anew."""

    kind: Kind = "columns"
    barrier = False
    waits = False

    def __init__(self, handles: Handles, names: list[str], first: int) -> None:
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handles = handles
        self._names = names
        self._first = first

    def unnumbered(self) -> list[str]:
        return []

    def encode(self, wire: Wire) -> str | bytes:
        return wire.encode({"handles": self._names})

    def answer(self, answer: Columns, judge: Judge) -> bool:  # noqa: ARG002 (every frame's)
        self._settle()
        if answer.error is not None:
            self._handles.refused(self._names)
            return False
        if answer.handles != {"first": self._first, "count": len(self._names)}:
            raise GatecastError(
                "unexpected_answer", f"handles from {self._first} on were expected, got {answer.handles}"
            )
        self._handles.answered()
        return False

    def lose(self, error: GatecastError) -> None:  # noqa: ARG002 (every frame's)
        self._settle()

    def refuse(self, failed: Mapping[str, GatecastError], keyed: bool = True) -> None:
        """It carries no reading."""

    def fail(self, error: GatecastError) -> None:  # noqa: ARG002 (every frame's)
        self._settle()

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)
