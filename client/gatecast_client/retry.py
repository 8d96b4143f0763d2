"""When to try again, and when to give up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gatecast_client.errors import ConnectionLost, GatecastError


@dataclass(frozen=True)
class Retry:
    """How a stream comes back: waits that double from `first_seconds` to `most_seconds`, each cut at random by up to
    a half, so that many clients do not come back at once; after `patience_seconds` in which readings waited and none
    was acknowledged it gives up.

    A first connection, of a request or a stream, is tried for `connect_seconds`, with the same waits; 0 is one attempt.
    Requests that may be repeated have the patience of a stream, once their service has answered or lost an answer.
    """

    first_seconds: float = 0.1
    most_seconds: float = 5.0
    patience_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    connect_seconds: float = 0.0


class Trouble:
    """One stream's bad time: how long it has lasted, and the next wait."""

    def __init__(self, retry: Retry, patience_seconds: float | None = None) -> None:
        self._retry = retry
        self._patience = retry.patience_seconds if patience_seconds is None else patience_seconds
        self._since: float | None = None
        self._attempts = 0

    def over(self) -> None:
        """Something went well."""
        self._since = None
        self._attempts = 0

    async def wait(self, error: GatecastError, anyone_waits: bool, at_least: float = 0.0) -> None:
        """Until the next attempt, at least so many seconds; `error` when patience has run out, with what was tried.

        Patience runs only as long as readings wait: an idle stream tries for ever.
        """
        now = self._retry.clock()
        if not anyone_waits:
            self._since = None
        elif self._since is None:
            self._since = now
        self._attempts += 1
        if self._since is not None and now - self._since >= self._patience:
            raise given_up(error, self._attempts, now - self._since)
        delay = min(self._retry.most_seconds, self._retry.first_seconds * 2.0 ** min(self._attempts - 1, 30))
        await self._retry.sleep(max(at_least, delay * (1.0 - 0.5 * self._retry.random())))


def given_up(error: GatecastError, attempts: int, seconds: float) -> GatecastError:
    """The error of the last attempt, which says how many there were."""
    tried = "once" if attempts == 1 else f"{attempts} times in {seconds:.1f} s"
    if isinstance(error, ConnectionLost):
        return ConnectionLost(f"{error.message}; tried {tried}", error.facts | {"attempts": attempts})
    if attempts == 1:
        return error
    return GatecastError(error.code, f"{error.message}; tried {tried}", error.facts, error.status)
