"""The door: nobody comes in who may not, and who comes in is known by what they may do."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access import ANYONE, STRANGER, Access, Caller
from service.access_errors import Unauthenticated
from service.api import problems
from service.api.callers import is_open, let_in
from service.api.credentials import refuse_in_address, sent_key
from service.api.deny import deny
from service.api.hosts import Hosts
from service.api.origins import Origins
from service.errors import GatecastError
from service.metrics import Metrics
from service.rates import Rates

_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})  # no page of another site can see what they are answered


class Door:
    """ASGI middleware around all paths, known and unknown, between the boundary and the endpoints.

    Without `access` everybody is let in, and a key that is sent is not looked at.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access | None,
        hosts: Hosts,
        origins: Origins,
        rates: Rates,
        metrics: Metrics,
        retry_after: int,
    ) -> None:
        self._app = app
        self._access = access
        self._hosts = hosts
        self._origins = origins
        self._rates = rates
        self._metrics = metrics
        self._retry_after = retry_after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            self._hosts.check(scope)
            if scope["type"] == "websocket" or scope["method"] not in _READ_ONLY:
                self._origins.check(scope)
            refuse_in_address(scope)
            caller = self._admitted(scope)
            let_in(scope, caller)
            if scope["type"] == "websocket" or not is_open(scope["path"]):
                pace = self._rates.requests(caller.tenant)
                if pace is not None:
                    pace.take(1)
        except GatecastError as error:
            if scope["type"] != "websocket":
                raise
            await receive()  # websocket.connect
            self._metrics.problem(error.code)
            await deny(problems.answer(error, self._retry_after), scope, send)
            return
        await self._app(scope, receive, send)

    def _admitted(self, scope: Scope) -> Caller:
        if self._access is None:
            return ANYONE
        if scope["type"] == "http" and is_open(scope["path"]):
            return self._known_or_stranger(scope)
        return self._access.admit(sent_key(scope))

    def _known_or_stranger(self, scope: Scope) -> Caller:
        """At what is open to all, a wrong key is as good as none."""
        assert self._access is not None
        try:
            return self._access.admit(sent_key(scope))
        except GatecastError as error:
            if not isinstance(error, Unauthenticated):
                self._metrics.problem(error.code)
            return STRANGER
