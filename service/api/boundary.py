"""The outermost layer of every request: its size, its path, its line in the log, and no fault that goes through."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api import problems
from service.api.arriving import LATE
from service.api.callers import key_id_of
from service.api.request_id import header, request_id
from service.api.traced import trace_of
from service.api.unpacking import Gunzip, unpacking_of
from service.errors import Draining, GatecastError, InternalError, MethodNotAllowed, TooLarge
from service.faults import faults_as, told
from service.limit_errors import TooSlow
from service.logs import Log
from service.metrics import Metrics

_QUIET = frozenset({"/live", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"})  # asked every few seconds
_OPEN_INFERENCE = "/v2"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_FAILED = "the service failed at this request; its log says more under the same request"


class Boundary:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, log: Log, metrics: Metrics, body_bytes: int, retry_after: int) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics
        self._body_bytes = body_bytes
        self._retry_after = retry_after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with faults_as(InternalError, _FAILED):
                await self._app(scope, receive, send)
        except InternalError as error:
            self._log.error("fault", request=request_id(scope), route="stream", exc_info=error.__cause__)
            told(error)
            await send({"type": "websocket.close", "code": 1011, "reason": "internal"})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        name = request_id(scope)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), header(scope)]
            await send(message)

        # Routed by the path as sent: a slash that is part of a session's name comes as %2F.
        raw: bytes | None = scope.get("raw_path")
        if raw is not None:
            scope["path"] = raw.decode("ascii", "replace")
        body = Body(scope, receive, self._body_bytes)
        try:
            with faults_as(InternalError, _FAILED):
                body.begin()
                await self._app(scope, body.receive, answer)
        except GatecastError as error:
            if isinstance(error, InternalError):
                self._log.error("fault", request=name, route=_route(scope), exc_info=error.__cause__)
                error.facts["request"] = name
            if not status:
                await self.refuse(error, scope["path"])(scope, receive, answer)
            told(error)
        seconds = time.perf_counter() - began
        route = _route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.request(method, route, status, seconds)
        log = self._log.debug if route in _QUIET else self._log.info
        said = {"method": method, "route": route, "status": status, "seconds": round(seconds, 6)}
        log("request", request=name, **said, **key_id_of(scope), **trace_of(scope))

    def refuse(self, error: GatecastError, path: str) -> Response:
        """The problem as a response; where the rest of a body or connection is of no use, it is closed.

        Clients of the Open Inference Protocol look for it in `error`.
        """
        self._metrics.problem(error.code)
        headers = {"connection": "close"} if isinstance(error, TooLarge | TooSlow | Draining) else {}
        if isinstance(error, MethodNotAllowed):
            headers["allow"] = str(error.facts["allowed"])
        also = "error" if path == _OPEN_INFERENCE or path.startswith(f"{_OPEN_INFERENCE}/") else None
        return problems.answer(error, self._retry_after, headers, also)


class Body:
    """Counts a request's body while it comes in; of one that is compressed, what it is when it is unpacked."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._bytes = 0
        self._scope = scope
        self._unpacking: Gunzip | None = None

    def begin(self) -> None:
        """`TooLarge` and `UnsupportedMediaType` before a byte of it is read, where the client says so itself."""
        headers = dict(self._scope["headers"])
        announced = headers.get(b"content-length", b"")
        self._check(int(announced) if announced.isdigit() else 0)
        self._unpacking = unpacking_of(headers.get(b"content-encoding", b""))

    async def receive(self) -> MutableMapping[str, Any]:
        """The next part; `TooLarge` as soon as there is more than the limit, `MalformedGzip`, `TooSlow`."""
        message = await self._receive()
        if LATE in self._scope:
            raise self._scope[LATE]
        if self._unpacking is not None and message["type"] == "http.request":
            more = message.get("more_body", False)
            message["body"] = self._unpacking.unpack(message["body"], self._limit - self._bytes + 1, not more)
        self._bytes += len(message.get("body", b""))
        self._check(self._bytes)
        return message

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(
                f"a body of at most {self._limit} bytes was expected; send less in one request", limit=self._limit
            )


def _route(scope: Scope) -> str:
    """The template of the path, which names no session."""
    route = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
