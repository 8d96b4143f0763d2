"""Whether strangers could reach the service, and be served, without anybody having meant it."""

from __future__ import annotations

import ipaddress
import socket
import stat
from contextlib import suppress

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


def concerns(settings: Settings, encrypted: bool) -> list[str]:
    """What is allowed about keys, and an operator should know of."""
    if settings.keys is None:
        return []
    found = []
    if not encrypted and not loopback(settings.host):
        found.append("keys travel unencrypted; give --tls-certificate and --tls-key, or have a proxy in front do it")
    with suppress(OSError):  # one that cannot be read is refused where it is read
        if settings.keys.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            found.append(f"others than its owner may write keys into {settings.keys}: chmod go-w {settings.keys}")
    return found


def loopback(host: str) -> bool:
    """Whether all that `host` stands for are addresses of this machine alone; so is what stands for nothing."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return True  # nobody can listen there now, and who tries is told why
    addresses = [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    return all(each.is_loopback for each in addresses)
