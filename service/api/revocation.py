"""Open streams whose key has ended: they are told so by name, and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from weakref import WeakSet

from service.access import Access
from service.access_errors import Unauthenticated
from service.api.drain import Endable, Streams
from service.errors import InternalError
from service.faults import faults_as
from service.logs import Log

POLICY = 1008  # websocket close code: what was sent may not be; another try with it would not help
LOOK = 1.0  # seconds


async def close_ended(streams: Streams, access: Access, log: Log, seconds: float = LOOK) -> None:
    """For ever: whoever is admitted no more is told within so many seconds, and one more for the file of keys."""
    told: WeakSet[Endable] = WeakSet()  # they may yet take their answers for a while
    while True:
        await asyncio.sleep(seconds)
        try:
            with faults_as(InternalError, "streams could not be held against the keys"):
                _close([each for each in streams.open if each not in told], access, log, told)
        except InternalError as error:  # of which the next look must not die
            log.error("fault", route="keys", exc_info=error.__cause__)


def _close(streams: Sequence[Endable], access: Access, log: Log, told: WeakSet[Endable]) -> None:
    for stream in streams:
        why = access.ended(stream.caller)
        if why is not None:
            told.add(stream)
            log.info("stream ended", reason=why)
            stream.end(POLICY, f"{Unauthenticated.code}: {why}")
