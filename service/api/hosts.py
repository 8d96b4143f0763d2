"""By which names the service may be called: a page whose own name was made to lead here (DNS rebinding) is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from service.access_errors import HostRefused
from service.settings import Settings

_LOCAL = "localhost"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?")


@dataclass(frozen=True)
class Hosts:
    """Addresses and `localhost`, which no page can have for its own name, and the names that were given.

    Who names none is no browser, and may.
    """

    named: frozenset[str]
    any: bool

    @classmethod
    def of(cls, settings: Settings) -> Hosts:
        """As in `Settings.hosts`. Any name where nothing was said and everybody needs a key: such a page has none."""
        named = settings.hosts.split(",") if settings.hosts else []
        keyed = settings.keys is not None and not settings.allow_anonymous
        return cls(frozenset(map(_plain, [*named, settings.host])), "*" in named or (keyed and not named))

    def check(self, scope: MutableMapping[str, Any]) -> None:
        """`HostRefused` where the request or the handshake is for another name."""
        if self.any:
            return
        for name, value in scope["headers"]:
            if name == b"host" and not self._ours(value.decode("latin-1")):
                raise HostRefused(
                    "this service was called by a name that is not among its own: call it by its address, or start it "
                    "with that name among --hosts"
                )

    def _ours(self, sent: str) -> bool:
        if not sent:
            return True
        found = _HOST.fullmatch(sent.strip())
        if found is None:
            return False
        name = _plain(found[1].strip("[]"))
        return name == _LOCAL or name.endswith(f".{_LOCAL}") or name in self.named or _address(name)


def _plain(name: str) -> str:
    return name.strip().lower().removesuffix(".")


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
