"""Open streams whose key has ended: they are told so by name, and closed."""

from __future__ import annotations

import asyncio

from service.access import Access
from service.access_errors import Unauthenticated
from service.api.drain import Streams
from service.errors import InternalError
from service.faults import faults_as
from service.logs import Log

POLICY = 1008  # websocket close code: what was sent may not be; another try with it would not help
LOOK = 1.0  # seconds


async def close_ended(streams: Streams, access: Access, log: Log, seconds: float = LOOK) -> None:
    """For ever: whoever is admitted no more is told within so many seconds, and one more for the file of keys."""
    while True:
        await asyncio.sleep(seconds)
        try:
            with faults_as(InternalError, "streams could not be held against the keys"):
                _close(streams, access, log)
        except InternalError as error:  # of which the next look must not die
            log.error("fault", route="keys", exc_info=error.__cause__)


def _close(streams: Streams, access: Access, log: Log) -> None:
    for stream in streams.open:
        why = access.ended(stream.caller)
        if why is not None:
            log.info("stream ended", reason=why)
            stream.end(POLICY, f"{Unauthenticated.code}: {why}")
