"""A worker's share: of several services that are one, each has the sessions whose names are dealt to it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from service.errors import JournalError, Misdirected
from service.names import outside

_SQLITE = "sqlite:"
_SHARED = ("redis:", "rediss:")  # any number of processes may use one of these at a time


@dataclass(frozen=True)
class Share:
    """Worker `worker`, counted from 0, of so many; alone unless said otherwise."""

    worker: int = 0
    workers: int = 1

    def __str__(self) -> str:
        return f"{self.worker} of {self.workers}"

    @classmethod
    def named(cls, text: str) -> Share:
        """The share that `str` says so; `ValueError`."""
        worker, found, workers = text.partition(" of ")
        if not found:
            raise ValueError(f"expected a share such as {cls()}, got {text!r}")
        return cls(int(worker), int(workers))

    def misdirected(self, name: str) -> Misdirected | None:
        """The error of a session that is another worker's; None where it is ours.

        Dealt is the name that the client knows, so that it can tell who has a session without knowing its tenant.
        """
        name = outside(name)
        owner = dealt_to(name, self.workers)
        if owner == self.worker:
            return None
        return Misdirected(
            f"session {name!r} is with worker {owner} of {self.workers}, this is worker {self.worker}: ask that one, "
            "or give the client the addresses of all workers, in their order",
            worker=owner,
            workers=self.workers,
        )

    def check(self, name: str) -> None:
        """`Misdirected` where a session of this name is another worker's."""
        error = self.misdirected(name)
        if error is not None:
            raise error

    @classmethod
    def over(cls, url: str, worker: int, workers: int) -> Share:
        """Of the journal at `url`: where all processes use the same one, each has every session, and none is dealt."""
        return cls() if url.startswith(_SHARED) else cls(worker, workers)

    def journal(self, url: str) -> str:
        """This worker's own journal: of sqlite:PATH/journal.sqlite it is sqlite:PATH/journal.0-of-2.sqlite, say."""
        if self.workers == 1 or not url.startswith(_SQLITE):
            return url
        path = Path(url.removeprefix(_SQLITE))
        return f"{_SQLITE}{path.with_name(f'{path.stem}.{self.worker}-of-{self.workers}{path.suffix}')}"

    def refuse_others(self, url: str) -> None:
        """`JournalError` where the journal at `url` is that of another number of workers: sessions would not be found
        by a worker that is not theirs.
        """
        if not url.startswith(_SQLITE) or url == _SQLITE:
            return
        path = Path(url.removeprefix(_SQLITE)).expanduser()
        named = re.compile(rf"{re.escape(path.stem)}\.\d+-of-(\d+){re.escape(path.suffix)}")
        there = path.parent.iterdir() if path.parent.is_dir() else ()
        found = {int(match[1]): each for each in there if (match := named.fullmatch(each.name))}
        if path.exists():
            found[1] = path
        others = sorted(found.keys() - {self.workers})
        if others:
            raise JournalError(
                f"the journal {found[others[0]]} is that of {_workers(others[0])}, this service has "
                f"{_workers(self.workers)} and would look for its sessions elsewhere: start it with "
                f"--workers {others[0]}, or choose another --journal"
            )


def dealt_to(name: str, workers: int) -> int:
    """The worker of a session: the one whose hash with the name is the greatest (rendezvous hashing).

    Hashes are SHA-256 of `{worker}/{name}` in UTF-8, compared as bytes. One more worker would take its even share of
    the sessions from all others, and no session would change between two of those.
    """
    if workers == 1:
        return 0
    encoded = name.encode("utf-8", "surrogatepass")
    return max(range(workers), key=lambda worker: hashlib.sha256(b"%d/%b" % (worker, encoded)).digest())


def _workers(count: int) -> str:
    return "one process" if count == 1 else f"{count} workers"
