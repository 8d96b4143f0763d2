"""How the handshake of a stream is refused: with an answer as to any request, which says why."""

from __future__ import annotations

from contextlib import suppress

from starlette.responses import Response
from starlette.types import Scope, Send

from service.api.request_id import header


async def deny(response: Response, scope: Scope, send: Send) -> None:
    """Answers a handshake with an HTTP response instead of a websocket; a client that has left is told nothing."""
    headers = [*response.raw_headers, header(scope)]
    with suppress(OSError):
        await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": response.body})
