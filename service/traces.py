"""Traces by OpenTelemetry, where they are asked for: of requests, frames, batches and the journal, never of a reading.

Nothing of it is imported, made or asked where they are off. No span holds a session's name, a tenant or a value.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from threading import Thread
from typing import TYPE_CHECKING

from service.errors import SettingsError
from service.events import NullObserver

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

MISSING = "GATECAST_TRACES needs packages that are not installed here: pip install 'gatecast[otel]'"
_NANO = 1_000_000_000
_LAST_SECONDS = 5.0


class Traces:
    """Makes spans and sends them, a few seconds later and from a thread of its own, to a collector.

    What OpenTelemetry says by its environment holds: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
    OTEL_TRACES_SAMPLER_ARG, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_*.
    """

    def __init__(self, endpoint: str) -> None:
        """`endpoint`: where OTLP is taken over HTTP, as http://127.0.0.1:4318/v1/traces; `SettingsError`."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace import SpanKind, Status, StatusCode
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ModuleNotFoundError as missing:
            raise SettingsError(MISSING) from missing
        named = Resource.create()  # of the environment
        if str(named.attributes.get("service.name", "")).startswith("unknown_service"):
            named = named.merge(Resource({"service.name": "gatecast"}))
        self._provider: TracerProvider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("gatecast")
        self._propagator = TraceContextTextMapPropagator()
        self._server, self._failed = SpanKind.SERVER, Status(StatusCode.ERROR)

    def parent(self, headers: Iterable[tuple[bytes, bytes]]) -> Context | None:
        """What a caller says it is part of, by W3C's `traceparent`; None where it says nothing."""
        wanted = (b"traceparent", b"tracestate")
        carried = {name.decode("ascii"): value.decode("latin-1") for name, value in headers if name in wanted}
        return self._propagator.extract(carried) if carried else None

    def begin(self, name: str, parent: Context | None, attributes: Mapping[str, str | int]) -> Span:
        """A span of the service's own work, until `end`."""
        return self._tracer.start_span(name, parent, self._server, attributes)

    def end(self, span: Span, failed: bool = False) -> None:
        if failed:
            span.set_status(self._failed)
        span.end()

    def past(
        self, name: str, began: int, ended: int, attributes: Mapping[str, int], parent: Context | None = None
    ) -> Context:
        """A span that is over already, by nanoseconds since 1970; those within it have this as their parent."""
        from opentelemetry.trace import set_span_in_context

        span = self._tracer.start_span(name, parent, attributes=attributes, start_time=began)
        span.end(ended)
        return set_span_in_context(span)

    async def close(self) -> None:
        """Sends what is left, if the collector takes it soon: a service that ends waits for no one who looks on."""
        sending = Thread(target=self._provider.shutdown, name="traces", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, _LAST_SECONDS)


def id_of(span: Span) -> str:
    """Its trace, as logs and other programs write it."""
    return f"{span.get_span_context().trace_id:032x}"


class TraceObserver(NullObserver):
    """Spans of the engine's batches, with what the journal took in each; of chunks of histories."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces
        self._appended: list[tuple[int, int, int]] = []  # began, ended, readings: of the batch that is running

    def appended(self, readings: int, seconds: float) -> None:
        now = time.time_ns()
        self._appended.append((now - int(seconds * _NANO), now, readings))

    def batch(self, readings: int, sessions: int, seconds: float) -> None:
        now = time.time_ns()
        counts = {"gatecast.readings": readings, "gatecast.sessions": sessions}
        whole = self._traces.past("batch", now - int(seconds * _NANO), now, counts)
        for began, ended, recorded in self._appended:
            self._traces.past("journal append", began, ended, {"gatecast.readings": recorded}, whole)
        self._appended.clear()

    def chunk(self, histories: int, steps: int, seconds: float) -> None:
        now = time.time_ns()
        counts = {"gatecast.histories": histories, "gatecast.steps": steps}
        self._traces.past("histories", now - int(seconds * _NANO), now, counts)
