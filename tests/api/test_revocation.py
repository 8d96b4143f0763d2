"""The look at open streams: one that fails is logged, and the next one is taken all the same."""

from __future__ import annotations

import asyncio
import io
import json

from service.access import ANYONE, Access, Caller
from service.api.drain import Streams
from service.api.revocation import close_ended
from service.logs import open_log


class Open:
    """A stream that keeps what it is told at its end."""

    caller: Caller = ANYONE

    def __init__(self) -> None:
        self.told: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def end(self, code: int, reason: str) -> None:
        self.told.set_result((code, reason))


class FailsOnce(Access):
    """Keys that cannot be asked the first time."""

    def __init__(self) -> None:
        self.asked = 0

    def ended(self, caller: Caller) -> str | None:  # noqa: ARG002 (the access's)
        self.asked += 1
        if self.asked == 1:
            raise OSError("the disk is gone")
        return "this key was revoked"


async def test_a_look_that_fails_is_not_the_last_one() -> None:
    streams, stream, access, written = Streams(), Open(), FailsOnce(), io.StringIO()
    log = open_log("info", "json", written)
    with streams.joined(stream):
        looking = asyncio.create_task(close_ended(streams, access, log, seconds=0.0))
        told = await asyncio.wait_for(stream.told, 10)
        for _ in range(20):  # it stays open for a while, and is not told again
            await asyncio.sleep(0)
        looking.cancel()
    assert told == (1008, "unauthenticated: this key was revoked")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(line["event"], line.get("fault")) for line in lines] == [("fault", "OSError"), ("stream ended", None)]
