"""Who may come in: callers known by their keys, as the file of keys says at this moment."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from service.access_errors import AccessUnavailable, Forbidden, KeysError, Unauthenticated
from service.keys import DEFAULT_TENANT, SCOPES, Key, digest_of, now, parts_of, read
from service.logs import Log

_LOOK = 1.0  # seconds between two looks at whether the file has changed
_HOW = "send a key of this service as `Authorization: Bearer <key>`"


@dataclass(frozen=True)
class Caller:
    """Whoever asks: of which tenant ("" is the default one), and what it may do."""

    tenant: str
    scopes: frozenset[str]
    key: Key | None = None  # None: nobody asked for one

    def require(self, scope: str) -> None:
        """`Forbidden` without this scope; of a caller without a key `Unauthenticated`."""
        if scope in self.scopes:
            return
        if self.key is None:
            raise Unauthenticated(f"this needs a key with the scope {scope!r}: {_HOW}")
        raise Forbidden(
            f"this needs the scope {scope!r}, this key has {', '.join(self.key.scopes)}: use another key, or have one "
            f"made by `gatecast keys create --scope {scope}`",
            scope=scope,
        )


ANYONE = Caller("", frozenset(SCOPES))  # of a service without keys
ANONYMOUS = Caller("", frozenset({"read", "write"}))  # of one that has keys and takes others too
STRANGER = Caller("", frozenset())

# What an unknown id is compared with, so that it takes the time of a known one.
_NOBODY = Key("0" * 8, secrets.token_hex(32), DEFAULT_TENANT, ("read",), "", now())


class Access:
    """The keys of one file, which is looked at once a second at most: a key that was revoked ends without a restart.

    A file that becomes damaged or goes away lets nobody in (`AccessUnavailable`) until it can be read again: it might
    have revoked anybody. Streams that are open stay so on what was known last.
    """

    def __init__(
        self,
        path: Path,
        log: Log,
        anonymous: bool = False,
        now: Callable[[], datetime] = now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`KeysError` where the file cannot be read at the start. With `anonymous`, who sends no key comes in too."""
        self._path = path
        self._log = log
        self._anonymous = anonymous
        self._now = now
        self._clock = clock
        self._stamp = _stamp(path)
        self._keys = {key.id: key for key in read(path)}
        self._broken = False
        self._next = clock() + _LOOK

    def __len__(self) -> int:
        """Keys that open something."""
        return sum(key.ended(self._now()) is None for key in self._keys.values())

    def admit(self, sent: str | None) -> Caller:
        """The caller with this key, None where none was sent; `Unauthenticated`, `AccessUnavailable`.

        What is wrong with a key is told to its holder alone: an unknown one and a wrong secret are the same.
        """
        if sent is None:
            if self._anonymous:
                return ANONYMOUS
            raise Unauthenticated(f"a key was expected, got none: {_HOW}")
        self._look()
        if self._broken:
            raise AccessUnavailable("the service cannot read its keys now; come back later (its log says more)")
        key_id, secret = parts_of(sent)
        key = self._keys.get(key_id, _NOBODY)
        right = hmac.compare_digest(digest_of(secret), bytes.fromhex(key.sha256))
        if not right or key is _NOBODY:
            raise Unauthenticated(f"the key that was sent is none of this service's: {_HOW}")
        ended = key.ended(self._now())
        if ended is not None:
            raise Unauthenticated(f"{ended}: ask for another one")
        return Caller("" if key.tenant == DEFAULT_TENANT else key.tenant, frozenset(key.scopes), key)

    def ended(self, caller: Caller) -> str | None:
        """Why a caller who was admitted is so no more, in words; None where it is."""
        if caller.key is None:
            return None
        self._look()
        key = self._keys.get(caller.key.id)
        if key is None:
            return "this key was removed"
        if (key.sha256, key.tenant, key.scopes) != (caller.key.sha256, caller.key.tenant, caller.key.scopes):
            return "this key was changed"
        return key.ended(self._now())

    def _look(self) -> None:
        moment = self._clock()
        if moment < self._next:
            return
        self._next = moment + _LOOK
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = {key.id: key for key in read(self._path)}
        except KeysError as fault:
            self._broken = True
            self._log.error("keys cannot be read; nobody is let in", reason=fault.message)
        else:
            self._broken = False
            self._log.info("keys read", keys=len(self))


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
