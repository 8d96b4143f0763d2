"""Where a Redis journal is and how it is spoken to, read from its URL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from service.errors import JournalError

FORM = "redis://HOST:PORT/DB?prefix=gatecast&partitions=16&timeout_ms=5000&wait=0&wait_ms=1000"
MOST_PARTITIONS = 1024
NUMBERS = {  # each with the smallest and the largest that it may be
    "partitions": (1, MOST_PARTITIONS),
    "timeout_ms": (1, 600_000),
    "wait": (0, 64),
    "wait_ms": (1, 600_000),
}
FILES = ("ca", "cert", "key")  # of rediss


@dataclass(frozen=True)
class Address:
    """A server and a place on it. Passwords are in nothing that is shown."""

    host: str
    port: int
    database: int
    secure: bool
    username: str | None
    password: str | None
    prefix: str = "gatecast"
    partitions: int | None = None  # None: as many as the journal has, or the default of a new one
    timeout_ms: int = 5000
    wait: int = 0  # replicas that must have a batch before it is acknowledged
    wait_ms: int = 1000  # how long they are waited for
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' * self.secure}://{host}:{self.port}/{self.database}?prefix={self.prefix}"

    def slot(self, partition: int) -> bytes:
        """What the names of all keys of a partition begin with; a cluster keeps them on one node for the braces."""
        return b"{%b:%d}" % (self.prefix.encode(), partition)


def read_address(url: str) -> Address:
    """The address in a URL; `JournalError` says what of it cannot be used, without its password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
        host = parts.hostname
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise _unreadable() from None  # whose words may quote a password
    # Where a password holds one of these, what follows it is taken for a path, a query or a fragment.
    if "@" in parts.path + parts.fragment or (
        "@" in parts.query and "@" not in parts.netloc and not _files_only(given)
    ):
        raise _unreadable()
    if not host:
        raise _refused("it names no host")
    path = parts.path.strip("/")
    if path and not path.isdecimal():
        raise _refused(f"its database is a number, not {path!r}")
    options: dict[str, str] = dict(given)
    known = {"prefix", *NUMBERS, *(FILES if parts.scheme == "rediss" else ())}
    unknown = sorted(options.keys() - known)
    if unknown or len(options) < len(given):
        what = f"it has {unknown[0]!r}" if unknown else "it sets something twice"
        raise _refused(f"{what}; it may set once each of {', '.join(sorted(known))}")
    prefix = options.get("prefix", "gatecast")
    if not re.fullmatch(r"[\w.:/-]{1,64}", prefix):
        raise _refused(f"its prefix is 1 to 64 letters, digits and any of . : / - _, not {prefix!r}")
    return Address(
        host,
        port,
        int(path or 0),
        parts.scheme == "rediss",
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
        prefix,
        **{name: _number(name, options[name]) for name in NUMBERS if name in options},  # type: ignore[arg-type]
        **{name: _file(name, options[name]) for name in FILES if name in options},  # type: ignore[arg-type]
    )


def without_password(url: str) -> str:
    """The URL of any journal as it may be shown."""
    if not url.startswith(("redis://", "rediss://")):
        return re.sub(r"(?<=://).*@", "***@", url)  # of no kind that we know, so nobody can say where a password ends
    return re.sub(r"(?<=://)[^/@]*(:[^/@]*)?@", "***@", url)


def _files_only(given: list[tuple[str, str]]) -> bool:
    """Whether an @ stands in names of files alone."""
    return all(name in FILES or "@" not in name + value for name, value in given)


def _unreadable() -> JournalError:
    return _refused(
        "it cannot be read; of user and password / ? # [ ] @ and : must be url-encoded, %2F for / and so on"
    )


def _number(name: str, text: str) -> int:
    least, most = NUMBERS[name]
    if not text.isdecimal() or not least <= int(text) <= most:
        raise _refused(f"its {name} is a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _file(name: str, text: str) -> str:
    if not Path(text).is_file():
        raise _refused(f"its {name} is a file of certificates in PEM, and there is none at {text!r}")
    return text


def _refused(why: str) -> JournalError:
    return JournalError(f"the URL of the journal cannot be used: {why}. Expected {FORM}, or rediss:// with TLS")
