"""Which sites' pages may open streams and change things: a browser says whose page it is that sends."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from service.access_errors import OriginRefused

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Origins:
    """Those of the service's own host, and others that were named. Who names none is no browser, and may."""

    named: frozenset[str]
    any: bool

    @classmethod
    def of(cls, setting: str) -> Origins:
        """As in `Settings.origins`."""
        sites = setting.split(",") if setting else []
        return cls(frozenset(_plain(each) for each in sites), "*" in sites)

    def check(self, scope: MutableMapping[str, Any]) -> None:
        """`OriginRefused` for what a page of neither sends."""
        headers = dict(scope["headers"])
        sent: bytes | None = headers.get(b"origin")
        if sent is None or self.any:
            return
        origin = sent.decode("latin-1").strip()
        if _plain(origin) in self.named or _same_host(origin, headers.get(b"host", b"").decode("latin-1")):
            return
        raise OriginRefused(
            "this page's site may open no streams here and change nothing: serve the page from the service's own host, "
            "or start the service with its site among --origins"
        )


def _plain(origin: str) -> str:
    """In one way of writing: small letters, and without the port that its scheme has anyway."""
    scheme, host, port = _parts(origin.lower())
    return f"{scheme}://{host}:{port or _PORTS.get(scheme)}"


def _same_host(origin: str, host: str) -> bool:
    scheme, name, port = _parts(origin.lower())
    _, own, own_port = _parts(f"//{host.lower()}")
    if not name or name != own:
        return False
    # Behind a proxy the service does not know which scheme the page came by, but the browser leaves out its usual port.
    wanted = port or _PORTS.get(scheme)
    return wanted == own_port if own_port else wanted in _PORTS.values()


def _parts(address: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        return "", "", None
