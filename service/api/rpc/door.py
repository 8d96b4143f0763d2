"""The door of gRPC: who calls, what they may do, what they are told when it is refused, and the line in the log."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, NoReturn

import grpc

from service.access import ANYONE, Caller
from service.api import problems
from service.api.credentials import sent_key
from service.api.edge import Edge
from service.errors import GatecastError, InternalError
from service.faults import faults_as, told

FAILED = "the service failed at this request; its log says more"
_ROUTE = "gRPC {name}"
_LONGEST = 4096  # bytes of a problem that travels beside a status
_CODES = {
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    HTTPStatus.GONE: grpc.StatusCode.FAILED_PRECONDITION,
    HTTPStatus.MISDIRECTED_REQUEST: grpc.StatusCode.FAILED_PRECONDITION,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}


def code_of(error: GatecastError) -> grpc.StatusCode:
    """The status of gRPC for an error of ours."""
    if error.status in _CODES:
        return _CODES[HTTPStatus(error.status)]
    return grpc.StatusCode.INTERNAL if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else _WRONG


_WRONG = grpc.StatusCode.INVALID_ARGUMENT


class RpcDoor:
    """Around every call, as the door and the boundary are around every request."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    @asynccontextmanager
    async def call(self, name: str, scope: str | None, context: Any) -> AsyncIterator[Caller]:
        """The caller; an error inside ends the call with its status. Without a `scope` nobody is asked for a key."""
        began, status, key = time.perf_counter(), grpc.StatusCode.OK, {}
        try:
            with faults_as(InternalError, FAILED):
                caller = self._admitted(context) if scope is not None else ANYONE
                if caller.key is not None:
                    key = {"key": caller.key.id}
                if scope is not None:
                    caller.require(scope)
                    self.pace(caller)
                yield caller
        except GatecastError as error:
            status = code_of(error)
            self.failed(error)
            await self._abort(error, context)
        finally:
            seconds = time.perf_counter() - began
            route = _ROUTE.format(name=name)
            self._edge.metrics.request("gRPC", route, status.name, seconds)
            log = self._edge.log.debug if scope is None else self._edge.log.info
            log("request", method="gRPC", route=name, status=status.name, seconds=round(seconds, 6), **key)

    def pace(self, caller: Caller) -> None:
        """One request more of this tenant; `RateLimited`."""
        pace = self._edge.rates.requests(caller.tenant)
        if pace is not None:
            pace.take(1)

    def failed(self, error: GatecastError) -> None:
        """Counted, and what is a fault of ours logged."""
        self._edge.metrics.problem(error.code)
        if isinstance(error, InternalError):
            self._edge.log.error("fault", route="grpc", exc_info=error.__cause__)

    async def _abort(self, error: GatecastError, context: Any) -> NoReturn:
        document = problems.document(error)
        beside = [("gatecast-code", error.code)]
        told_of = problems.encode(document)
        if len(told_of) <= _LONGEST:
            beside.append(("gatecast-problem-bin", told_of))  # type: ignore[arg-type]  # bytes, by its name
        code, message = code_of(error), str(document["detail"])
        told(error)
        await context.abort(code, message, trailing_metadata=tuple(beside))
        raise AssertionError("an aborted call does not go on")

    def _admitted(self, context: Any) -> Caller:
        access = self._edge.access
        if access is None:
            return ANYONE
        sent = [
            (b"authorization", value.encode("latin-1", "replace") if isinstance(value, str) else bytes(value))
            for name, value in context.invocation_metadata() or ()
            if name == "authorization"
        ]
        return access.admit(sent_key({"headers": sent}))
