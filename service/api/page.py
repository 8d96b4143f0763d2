"""The page at `/`, the documentation at `/docs` and what they load: files of our own, open to all."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from service.api.assets import Asset, assets_of
from service.api.bundled_series import bundled_series
from service.api.callers import PAGE_FILES
from service.errors import NotFound

_NOWHERE = "there is nothing at this path; the paths are listed at /docs and /openapi.json"
_HTML = frozenset({"text/html", "text/*", "*/*"})


def page_routes() -> list[Route]:
    """What browsers ask for; it says nothing of this service, which the page asks like any client, with its key."""
    assets = assets_of(files("service.page")) | bundled_series(files("datasets") / "bundled")

    async def page(request: Request) -> Response:
        if not _takes_html(request.headers.get("accept", "")):
            raise NotFound(_NOWHERE)
        return await assets["index.html"].answer(request)

    async def docs(request: Request) -> Response:
        return await assets["docs.html"].answer(request)

    async def file(request: Request) -> Response:
        return await _named(assets, request.path_params["name"]).answer(request)

    return [_Told("/", page), _Told("/docs", docs), _Told(PAGE_FILES + "{name:path}", file)]


class _Told(Route):
    """A route that log and metrics know by its template, as they do those of the framework."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found, child = super().matches(scope)
        return found, {**child, "route": self} if child else child


def _named(assets: Mapping[str, Asset], name: str) -> Asset:
    if name not in assets:
        raise NotFound(_NOWHERE)
    return assets[name]


def _takes_html(accept: str) -> bool:
    """Whether the client is a browser, or anything that takes whatever comes; a program that asks for JSON is not."""
    return not accept or any(each.partition(";")[0].strip() in _HTML for each in accept.split(","))
