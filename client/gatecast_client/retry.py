"""When to try again, and when to give up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gatecast_client.errors import GatecastError


@dataclass(frozen=True)
class Retry:
    """How a stream comes back: waits that double from `first_seconds` to `most_seconds`, each cut at random by up to
    a half, so that many clients do not come back at once; after `patience_seconds` in which readings waited and none
    was acknowledged it gives up.
    """

    first_seconds: float = 0.1
    most_seconds: float = 5.0
    patience_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


class Trouble:
    """One stream's bad time: how long it has lasted, and the next wait."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._since: float | None = None
        self._attempts = 0

    def over(self) -> None:
        """Something went well."""
        self._since = None
        self._attempts = 0

    async def wait(self, error: GatecastError, anyone_waits: bool, at_least: float = 0.0) -> None:
        """Until the next attempt, at least so many seconds; `error` itself when patience has run out.

        Patience runs only as long as readings wait: an idle stream tries for ever.
        """
        now = self._retry.clock()
        if not anyone_waits:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= self._retry.patience_seconds:
            raise error
        delay = min(self._retry.most_seconds, self._retry.first_seconds * 2.0 ** min(self._attempts, 30))
        self._attempts += 1
        await self._retry.sleep(max(at_least, delay * (1.0 - 0.5 * self._retry.random())))
