"""Requests of a command to a running service, and its refusals in its own words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

SECONDS = 60.0  # that an answer may take


class Refused(Exception):
    """What the service said, or that it could not be asked."""

    def __init__(self, message: str, code: str = "unreachable") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Service:
    """Where it is, and the key that it asks for, if it does."""

    url: str
    key: str | None = None

    def ask(self, method: str, path: str) -> dict[str, Any]:
        """The service's JSON answer; `Refused`."""
        from gatecast_client.bearer import bearer

        try:
            headers = {"accept": "application/json", **bearer(self.key)}
            request = Request(self.url.rstrip("/") + path, method=method, headers=headers)
        except ValueError as wrong:
            raise Refused(str(wrong)) from None
        try:
            with urlopen(request, timeout=SECONDS) as answer:
                told: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            raise _refusal(error) from None
        except (URLError, OSError, ValueError) as fault:
            reason = fault.reason if isinstance(fault, URLError) else fault
            raise Refused(
                f"no Gatecast service answers at {self.url} ({getattr(reason, 'strerror', None) or reason}): is it "
                "running, and is this its address? --url names another"
            ) from None
        return told


def services(url: str, key: str | None) -> list[Service]:
    """Those at these addresses, with commas between them; `Refused`."""
    addresses = [each.strip() for each in url.split(",")]
    for address in addresses:
        if not address.startswith(("http://", "https://")):
            raise Refused(f"--url: an address such as http://127.0.0.1:8000 was expected, got {address!r}")
    return [Service(address, key) for address in addresses]


def _refusal(error: HTTPError) -> Refused:
    try:
        problem = json.load(error)
        return Refused(str(problem["detail"]), str(problem["code"]))
    except (ValueError, KeyError, TypeError):
        return Refused(f"{error.url} answered {error.code}", "http")
