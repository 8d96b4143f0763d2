"""The door of gRPC: who calls, what they may do, what they are told when it is refused, and the line in the log."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

import grpc

from service.access import ANYONE, Caller
from service.api import problems
from service.api.credentials import sent_key
from service.api.edge import Edge
from service.errors import GatecastError, InternalError
from service.faults import faults_as, told

T = TypeVar("T")

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

    async def answer(self, name: str, scope: str | None, context: Any, work: Callable[[Caller], Awaitable[T]]) -> T:
        """What `work` returns for the caller; its error ends the call with a status. Without a `scope` nobody is asked
        for a key.
        """
        began, status, key = time.perf_counter(), grpc.StatusCode.CANCELLED, {}
        refused: GatecastError
        try:
            with faults_as(InternalError, FAILED):
                caller = self._admitted(context) if scope is not None else ANYONE
                if caller.key is not None:
                    key = {"key": caller.key.id}
                if scope is not None:
                    caller.require(scope)
                    self.pace(caller)
                answered = await work(caller)
                status = grpc.StatusCode.OK
                return answered
        except GatecastError as error:
            status, refused = code_of(error), error
            self.failed(error)
        finally:
            self._note(name, status, time.perf_counter() - began, key, quiet=scope is None)
        refusal = _refusal(refused)
        told(refused)
        del refused  # what ends the call holds this frame
        await context.abort(*refusal)
        raise AssertionError("an aborted call does not go on")

    def _note(self, name: str, status: grpc.StatusCode, seconds: float, key: dict[str, str], quiet: bool) -> None:
        self._edge.metrics.request("gRPC", _ROUTE.format(name=name), status.name, seconds)
        log = self._edge.log.debug if quiet else self._edge.log.info
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


def _refusal(error: GatecastError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, Any], ...]]:
    """Status, words, and what travels beside them."""
    document = problems.document(error)
    beside: list[tuple[str, Any]] = [("gatecast-code", error.code)]
    encoded = problems.encode(document)
    if len(encoded) <= _LONGEST:
        beside.append(("gatecast-problem-bin", encoded))
    return code_of(error), str(document["detail"]), tuple(beside)
