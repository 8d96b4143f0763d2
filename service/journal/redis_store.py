"""How the operations of a Redis journal reach their partitions."""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from service.errors import JournalDamaged, JournalError
from service.journal.protocol import Durable
from service.journal.redis_address import Address
from service.journal.redis_claim import claim
from service.journal.redis_facts import Greeter
from service.journal.redis_faults import DAMAGED, explained
from service.journal.redis_partition import Partition, Partitions
from service.journal.redis_server import Command, Server
from service.journal.subject import Subject
from service.names import outside

AT_ONCE = 1024  # sessions of one script: others wait a few milliseconds for it
TRIES = 20  # of an operation on a session that is deleted and made again meanwhile

Item = TypeVar("Item")


class Store:
    """A server that is connected to, and what was agreed with the journal on it."""

    shared = True

    def __init__(
        self,
        address: Address,
        width: int,
        frequency: str,
        durable: Durable | None = None,
        subject: Subject | None = None,
    ) -> None:
        self._address = address
        self._width = width
        self._row = 8 * width  # bytes
        self._agreed = width, frequency, subject
        self._greeter = Greeter(durable)
        self._server = Server(address, self._greeter)
        try:
            with explained(address, "be opened"):
                self._server.greet_all()
                self._partitions = Partitions(address, claim(self._server, *self._agreed))
        except BaseException:
            self._server.close()
            raise
        self._greeter.promised = True
        self.durable: Durable = self._greeter.given

    def close(self) -> None:
        self._server.close()

    def _run(self, doing: str, commands: Sequence[Command], wait: bool = False) -> list[Any]:
        """The answers to commands that are sent together; with `wait`, when as many replicas as are set have them."""
        with explained(self._address, doing):
            if self._greeter.reconnected:
                self._greeter.reconnected = False
                claim(self._server, *self._agreed)  # another server may answer now, or one that has forgotten all
            return self._server.run(commands, wait)

    def _each(
        self,
        doing: str,
        items: Sequence[Item],
        partition: Callable[[Item], Partition],
        command: Callable[[Partition, list[Item]], Command],
        wait: bool = False,
    ) -> list[Any]:
        """The answer for each item, of commands that answer for all those of a partition; one round trip for many."""
        found: list[Any] = [None] * len(items)
        for begin in range(0, len(items), AT_ONCE):
            dealt: dict[Hashable, tuple[Partition, list[int]]] = {}
            for at in range(begin, min(begin + AT_ONCE, len(items))):
                there = partition(items[at])
                dealt.setdefault(there.number, (there, []))[1].append(at)
            commands = [command(there, [items[at] for at in places]) for there, places in dealt.values()]
            for (_, places), answers in zip(dealt.values(), self._run(doing, commands, wait), strict=True):
                for at, answer in zip(places, answers, strict=True):
                    found[at] = answer
        return found

    @contextmanager
    def _sound(self, doing: str) -> Iterator[None]:
        """Content that cannot be taken apart is damage."""
        try:
            yield
        except (ValueError, TypeError, KeyError, struct.error) as wrong:
            raise self._damaged(f"it could not {doing}: {wrong}") from wrong

    def _damaged(self, what: str) -> JournalDamaged:
        return JournalDamaged(f"the journal {self._address} is damaged: {what}. {DAMAGED}")

    def _restless(self, name: str) -> JournalError:
        return JournalError(f"session {outside(name)!r} is deleted and made again all the time by others; try again")
