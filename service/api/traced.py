"""What is traced of the edge, where traces are asked for: each request, and each frame of a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.frames import Codec, HandlesFrame
from service.api.taking import Taken, Taker
from service.traces import Traces, id_of

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

_QUIET = frozenset({"/live", "/ready", "/metrics"})  # asked every few seconds
_TRACE, _PARENT = "gatecast.trace", "gatecast.parent"
_FAULT = 500

Takers = Callable[..., Taker]  # of the handshake's scope, and what a `Taker` is made of


class Traced:
    """ASGI middleware around the whole application; of a stream it only keeps whose part it is."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope[_PARENT] = self._traces.parent(scope["headers"])
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        span = self._traces.begin(method, self._traces.parent(scope["headers"]), {"http.request.method": method})
        scope[_TRACE] = id_of(span)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            route = str(getattr(scope.get("route"), "path", "unmatched"))  # the path itself names sessions
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            self._traces.end(span, failed=status >= _FAULT)


def trace_of(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """For the log: the trace of a request; nothing where it has none."""
    return {"trace": scope[_TRACE]} if _TRACE in scope else {}


class TracedTaker(Taker):
    """As a `Taker`, with a span for each frame from its arrival to its answer."""

    def __init__(self, traces: Traces, parent: Context | None, *of: Any) -> None:
        super().__init__(*of)
        self._traces = traces
        self._parent = parent
        self._begun: deque[Span] = deque()  # of the frames on their way, which are answered in order

    def take(self, codec: Codec, data: bytes, as_text: bool) -> Taken:
        form = "json" if as_text else "msgpack"
        span = self._traces.begin("frame", self._parent, {"gatecast.form": form, "gatecast.bytes": len(data)})
        taken = super().take(codec, data, as_text)
        if taken.frame is not None and not isinstance(taken.frame, HandlesFrame):
            span.set_attribute("gatecast.readings", taken.frame.count)
        self._begun.append(span)
        return taken

    async def answer(self, taken: Taken) -> bytes | str:
        span, error = self._begun.popleft(), taken.error
        if error is not None:
            span.set_attribute("error.type", error.code)
        try:
            return await super().answer(taken)
        finally:
            self._traces.end(span, failed=error is not None and error.status >= _FAULT)


def takers(traces: Traces | None) -> Takers:
    """What makes the taker of a connection: a plain one where nothing is traced."""
    if traces is None:
        return lambda _, *of: Taker(*of)
    return lambda scope, *of: TracedTaker(traces, scope.get(_PARENT), *of)
