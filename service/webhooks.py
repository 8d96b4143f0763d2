"""Alerts on their way to whoever is to be told: bounded, tried again with growing pauses, never in anybody's way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import ssl
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson

from service.alerts import Alert
from service.logs import Log

MOST = 1024  # alerts that wait for one address; of more the oldest are dropped
TOGETHER = 100  # in one message
ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between two attempts; each twice the one before
PATIENCE = 10.0  # seconds for one attempt
_AGAIN = (408, 425, 429)  # and 5xx: statuses after which it is tried again

Post = Callable[[str, bytes, Mapping[str, str]], int]


@dataclass(frozen=True)
class Webhooks:
    """Where to, and how: `write` makes an alert what is sent, `count` is told what became of how many.

    Only these addresses are ever spoken to: an answer that leads elsewhere is a failure.
    """

    addresses: Sequence[str]
    key: bytes | None  # signs each message
    write: Callable[[Alert], dict[str, object]]
    count: Callable[[str, int], None]  # "sent", "failed", "dropped"
    log: Log
    post: Post
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    wall: Callable[[], float] = time.time


class Outbox:
    """Takes alerts from the engine's thread and has one task for each address, so that none waits for another."""

    def __init__(self, hooks: Webhooks) -> None:
        self._hooks = hooks
        self._waiting: list[deque[Alert]] = [deque() for _ in hooks.addresses]
        self._woken: list[asyncio.Event] = [asyncio.Event() for _ in hooks.addresses]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._busy = 0

    def tell(self, alert: Alert) -> None:
        """From any thread; never waits. Before `start` and after `close` nobody is told."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._put, alert)

    def start(self) -> None:
        """In the event loop that is to send them."""
        self._loop = asyncio.get_running_loop()
        self._tasks = [asyncio.create_task(self._work(at)) for at in range(len(self._waiting))]

    async def close(self, seconds: float) -> None:
        """Gives what waits so much time, then drops it."""
        deadline = time.monotonic() + seconds
        while (self._busy or any(self._waiting)) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        self._loop = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if left := sum(map(len, self._waiting)):
            self._hooks.count("dropped", left)

    def _put(self, alert: Alert) -> None:
        for waiting, woken in zip(self._waiting, self._woken, strict=True):
            if len(waiting) == MOST:
                waiting.popleft()
                self._hooks.count("dropped", 1)
            waiting.append(alert)
            woken.set()

    async def _work(self, at: int) -> None:
        waiting, woken = self._waiting[at], self._woken[at]
        while True:
            await woken.wait()
            woken.clear()
            while waiting:
                some = [waiting.popleft() for _ in range(min(TOGETHER, len(waiting)))]
                self._busy += 1
                try:
                    await self._deliver(self._hooks.addresses[at], some)
                finally:
                    self._busy -= 1

    async def _deliver(self, address: str, some: Sequence[Alert]) -> None:
        """Tries until it is taken, refused for good, or was tried often enough."""
        hooks = self._hooks
        body = orjson.dumps({"alerts": [hooks.write(alert) for alert in some]})
        headers = {"content-type": "application/json", "gatecast-delivery": uuid.uuid4().hex}
        seconds, why = FIRST_PAUSE, ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await hooks.pause(seconds)
                seconds = min(2 * seconds, LONGEST_PAUSE)
            signed = headers | signature(hooks.key, body, int(hooks.wall()))
            try:
                status = await asyncio.to_thread(hooks.post, address, body, signed)
            except (OSError, http.client.HTTPException) as error:
                why = type(error).__name__
                continue
            if 200 <= status < 300:
                hooks.count("sent", len(some))
                return
            why = f"status {status}"
            if status < 500 and status not in _AGAIN:
                break
        hooks.count("failed", len(some))
        hooks.log.warning("alerts were not taken", host=urlsplit(address).hostname, alerts=len(some), why=why)


def signature(key: bytes | None, body: bytes, now: int) -> dict[str, str]:
    """Headers that prove who sent this and when: HMAC-SHA256 (RFC 2104) of `<seconds>.<body>`."""
    if key is None:
        return {}
    digest = hmac.new(key, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return {"gatecast-timestamp": str(now), "gatecast-signature": f"sha256={digest}"}


def post(address: str, body: bytes, headers: Mapping[str, str]) -> int:
    """One attempt, which follows no redirect; the status. `OSError` or `HTTPException` where there is none."""
    parts = urlsplit(address)
    assert parts.hostname is not None  # the setting was checked
    connection = (
        http.client.HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
    )
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()
