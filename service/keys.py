"""API keys: what one is, and the file that remembers them without their secrets."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from service.access_errors import KeysError

SCOPES = ("read", "write", "admin")
DEFAULT_TENANT = "default"  # whose sessions are those of a service without keys
PATH = Path("var/keys.json")
_VERSION = 1
_MARK = "gc"
_TENANT = r"^[a-z0-9-]{1,64}\Z"
_DIGEST = r"^[0-9a-f]{64}\Z"
_ID = r"^[0-9a-f]{8,32}\Z"
_ID_BYTES, _SECRET_BYTES = 6, 32

Moment = Annotated[datetime, Meta(tz=True)]


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a key. The secret itself is known to its holder alone."""

    id: Annotated[str, Meta(pattern=_ID)]
    sha256: Annotated[str, Meta(pattern=_DIGEST)]  # of the secret, in hexadecimal
    tenant: Annotated[str, Meta(pattern=_TENANT)]
    scopes: tuple[str, ...]
    label: str
    created: Moment
    expires: Moment | None = None
    revoked: Moment | None = None

    def __post_init__(self) -> None:
        if not self.scopes or not set(self.scopes) <= set(SCOPES):
            raise ValueError(f"a key has scopes among {', '.join(SCOPES)}")

    def ended(self, now: datetime) -> str | None:
        """Why it opens nothing any more; None where it does."""
        if self.revoked is not None:
            return "this key was revoked"
        if self.expires is not None and now >= self.expires:
            return "this key has expired"
        return None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    keys: list[Key]


def made(tenant: str, scopes: Sequence[str], label: str, now: datetime, days: float | None = None) -> tuple[Key, str]:
    """A new key, and its text `gc_<id>_<secret>`, which is nowhere else; `KeysError` for what no key can be."""
    if not re.match(_TENANT, tenant):
        raise KeysError(f"a tenant's name has 1 to 64 of a-z, 0-9 and -, got {tenant!r}")
    wrong = [each for each in scopes if each not in SCOPES]
    if wrong or not scopes:
        raise KeysError(f"at least one scope of {', '.join(SCOPES)} was expected, got {', '.join(wrong) or 'none'}")
    key_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    try:
        expires = None if days is None else now + timedelta(days=days)
    except OverflowError as late:
        raise KeysError("a key expires before the year 10000; leave --days out for one that does not") from late
    ordered = tuple(each for each in SCOPES if each in scopes)
    return Key(key_id, digest_of(secret).hex(), tenant, ordered, label, now, expires), f"{_MARK}_{key_id}_{secret}"


def parts_of(text: str) -> tuple[str, str]:
    """Id and secret of a key's text; of any other text no id, and all of it as a secret that nobody has."""
    mark, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return (key_id, secret) if mark == _MARK and re.match(_ID, key_id) else ("", text)


def digest_of(secret: str) -> bytes:
    """SHA-256. A slow hash protects passwords that people choose; 256 random bits cannot be guessed at any speed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def read(path: Path) -> list[Key]:
    """The keys in the file; `KeysError` where it is missing or damaged, which names no key."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as missing:
        raise KeysError(f"there is no file of keys at {path}: `gatecast keys create` makes it") from missing
    except OSError as fault:
        raise KeysError(f"the keys in {path} cannot be read: {fault.strerror}") from fault
    try:
        version = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("version")
        if version is None or msgspec.json.decode(version) != _VERSION:
            raise KeysError(f"the keys in {path} are of another version of Gatecast, this one reads {_VERSION}")
        keys = msgspec.json.decode(data, type=_File).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as damaged:
        raise KeysError(f"the keys in {path} are damaged: {damaged}; put back a copy, or make new ones") from damaged
    if len({key.id for key in keys}) < len(keys):
        raise KeysError(f"the keys in {path} are damaged: two have the same id; take one of them out")
    return keys


@contextmanager
def changing(path: Path) -> Iterator[list[Key]]:
    """The keys, to be changed in place; written back whole or not at all, one process at a time. `KeysError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as fault:
        raise KeysError(f"no keys can be kept in {path}: {fault.strerror}") from fault
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = read(path) if path.exists() else []
        before = list(keys)
        yield keys
        if keys == before:
            return
        try:
            _write(path, keys)
            os.fsync(folder)
        except OSError as fault:
            raise KeysError(f"the keys in {path} cannot be written: {fault.strerror}") from fault
    finally:
        os.close(folder)


def revoked(keys: list[Key], key_id: str, now: datetime) -> list[Key]:
    """The keys with that one revoked; `KeysError` if there is none of that id. Revoked again, it stays as it was."""
    if key_id not in [key.id for key in keys]:
        raise KeysError(f"there is no key {key_id!r}; `gatecast keys list` shows the ids")
    ends = {key.id: now for key in keys if key.id == key_id and key.revoked is None}
    return [msgspec.structs.replace(key, revoked=ends[key.id]) if key.id in ends else key for key in keys]


def now() -> datetime:
    """The time, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _write(path: Path, keys: list[Key]) -> None:
    """A new file in the place of the old one, for its owner's eyes alone."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():  # a service that runs as another user must be able to read what an operator changed
                owner = path.stat()
                with suppress(PermissionError):
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(msgspec.json.format(msgspec.json.encode(_File(_VERSION, keys)), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
