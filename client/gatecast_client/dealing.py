"""Which of several services has a session: dealt by its name, as they deal it themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

_REMEMBERED = 2**18  # sessions of which the service is known without hashing


def dealt_to(session: str, workers: int) -> int:
    """The worker of a session, from 0: the one whose hash with the name is the greatest (rendezvous hashing).

    Hashes are SHA-256 of `{worker}/{session}` in UTF-8, compared as bytes (docs/protocol.md).
    """
    name = session.encode("utf-8", "surrogatepass")
    return max(range(workers), key=lambda worker: hashlib.sha256(b"%d/%b" % (worker, name)).digest())


class Dealer:
    """Deals sessions to so many workers."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.worker = lru_cache(_REMEMBERED)(self._worker)

    def places(self, sessions: Sequence[str]) -> list[tuple[int, Sequence[int]]]:
        """Each worker that has some of these sessions, with their places, in their order."""
        if self._workers == 1:
            return [(0, range(len(sessions)))]
        places: list[list[int]] = [[] for _ in range(self._workers)]
        for at, worker in enumerate(map(self.worker, sessions)):
            places[worker].append(at)
        return [(worker, some) for worker, some in enumerate(places) if some]

    def _worker(self, session: str) -> int:
        return 0 if self._workers == 1 else dealt_to(session, self._workers)
