"""Who asks, and what an endpoint needs of them: said beside each endpoint, checked before any of it runs."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar, cast

from starlette.requests import Request

from service.access import Caller

F = TypeVar("F", bound=Callable[..., Any])

# Asked by machines that have no key; they say nothing more than yes or no.
OPEN = frozenset({"/live", "/ready", "/v2/health/live", "/v2/health/ready"})
PAGE_FILES = "/page/"
PAGES = frozenset({"/", "/docs"})  # and their files: the same to everybody; what they show they ask for with a key
READ, WRITE, ADMIN = "read", "write", "admin"
_CALLER = "gatecast.caller"
_NEEDS = "_gatecast_needs"


def needs(scope: str | None) -> Callable[[F], F]:
    """Decorates an endpoint (below its route) with the scope that its callers need; None: no key at all."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, _NEEDS, scope)
        return endpoint

    return mark


def scope_of(endpoint: Callable[..., Any]) -> str | None:
    """What it needs; the most where nothing was said, so that no endpoint is open because somebody forgot."""
    return cast("str | None", getattr(endpoint, _NEEDS, ADMIN))


async def authorize(request: Request) -> None:
    """`Unauthenticated` or `Forbidden` where the caller may not use this endpoint."""
    scope = scope_of(request.scope["route"].endpoint)
    if scope is not None:
        caller_of(request.scope).require(scope)


def is_open(path: str) -> bool:
    """Whether who has no key is answered there too."""
    return path in OPEN or path in PAGES or path.startswith(PAGE_FILES)


def caller_of(scope: MutableMapping[str, Any]) -> Caller:
    """Whoever sent the request or opened the stream, as the door has let them in."""
    return cast(Caller, scope[_CALLER])


def let_in(scope: MutableMapping[str, Any], caller: Caller) -> None:
    scope[_CALLER] = caller


def key_id_of(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """For the log: the id of the caller's key, which is no secret; nothing of one without."""
    caller = scope.get(_CALLER)
    return {"key": caller.key.id} if caller is not None and caller.key is not None else {}
