"""Whether strangers could reach the service, and be served, without anybody having meant it."""

from __future__ import annotations

import ipaddress
import socket

from service.errors import SettingsError
from service.settings import Settings


def refuse_strangers(settings: Settings, host: str | None = None) -> None:
    """`SettingsError` where others can reach the service, no key is asked for, and that was not said to be meant.

    `host` is where it listens, as far as that is known already; else where it was told to.
    """
    host = settings.host if host is None else host
    if settings.keys is not None or settings.allow_anonymous or loopback(host):
        return
    raise SettingsError(
        f"on {host} others can reach this service, and it asks for no key: make one with "
        "`gatecast keys create` and serve with --keys var/keys.json, or say --allow-anonymous "
        "(GATECAST_ALLOW_ANONYMOUS=true), or listen on 127.0.0.1"
    )


def loopback(host: str) -> bool:
    """Whether all that `host` stands for are addresses of this machine alone; so is what stands for nothing."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return True  # nobody can listen there now, and who tries is told why
    addresses = [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    return all(each.is_loopback for each in addresses)
