"""What a journal under test is kept in: its address, what it promises, and how what is behind it starts and ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from service.journal import Durable, Journal, open_journal
from tests.redis_server import RedisServer


class Store(Protocol):
    """One journal, across any number of lives of the service."""

    url: str
    durable: Durable  # what an acknowledged reading is said to survive

    def start(self) -> None:
        """What must run before the service does."""

    def stop(self) -> None:
        """Ends that; what it keeps, it keeps."""

    def open(self) -> Journal:
        """The journal itself, when no service has it."""


class SqliteStore:
    """A file: nothing needs to run."""

    durable: Durable = "disk"

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:{folder / 'journal.sqlite'}"

    def start(self) -> None:
        return

    def stop(self) -> None:
        return

    def open(self) -> Journal:
        return open_journal(self.url, 1, "1h")


class RedisStore:
    """A server of its own, which writes its file before it answers, and lives as long as nobody ends its `server`."""

    def __init__(self, folder: Path, fsync: Literal["always", "everysec"] = "always") -> None:
        self.server = RedisServer(folder / "redis", fsync)
        self.url = self.server.url
        self.durable: Durable = "disk" if fsync == "always" else "process"

    def start(self) -> None:
        self.server.start()

    def stop(self) -> None:
        self.server.stop()

    def open(self) -> Journal:
        return open_journal(self.url, 1, "1h")


STORES: dict[str, Callable[[Path], Store]] = {  # one line a journal that outlives a process
    "sqlite": SqliteStore,
    "redis": RedisStore,
    "redis-everysec": partial(RedisStore, fsync="everysec"),
}
