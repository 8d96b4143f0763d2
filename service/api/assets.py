"""Files for browsers, by name: read once, compressed once, and asked for again only by their tag."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

# All that a page may do: its own files, its own service, and no markup or script that comes as text (trusted types).
_MAY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
SAFE = {
    "content-security-policy": _MAY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # kept, and asked for again by its tag: a new version is seen at once
}
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


class Readable(Protocol):
    """What an asset is made of: a file, or something that is written when it is asked for."""

    def read_bytes(self) -> bytes: ...


class Asset:
    """One file; its bytes and their compressed form are made when they are first asked for."""

    def __init__(self, name: str, source: Readable) -> None:
        self._source = source
        self._kind = _KINDS[name[name.rindex(".") :]]

    async def answer(self, request: Request) -> Response:
        """The file, or 304 where the client has this very one."""
        packed = "gzip" in request.headers.get("accept-encoding", "")
        data = await asyncio.to_thread(lambda: self._packed if packed else self._data)
        tag = f'"{self._tag}{"-gzip" if packed else ""}"'
        headers = {**SAFE, "etag": tag, "vary": "accept-encoding, accept"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(None, 304, headers)
        return Response(data, 200, {**headers, **({"content-encoding": "gzip"} if packed else {})}, self._kind)

    @cached_property
    def _data(self) -> bytes:
        return self._source.read_bytes()

    @cached_property
    def _packed(self) -> bytes:
        return gzip.compress(self._data, mtime=0)

    @cached_property
    def _tag(self) -> str:
        return hashlib.sha256(self._data).hexdigest()[:16]


def assets_of(folder: Traversable, within: str = "") -> dict[str, Asset]:
    """The files of a folder and of those in it that a browser can use, by their path from there."""
    found: dict[str, Asset] = {}
    for each in folder.iterdir():
        if each.is_dir():
            found |= assets_of(each, f"{within}{each.name}/")
        elif any(each.name.endswith(kind) for kind in _KINDS):
            found[within + each.name] = Asset(each.name, each)
    return found
