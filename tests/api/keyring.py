"""A service that asks for keys, and the keys of those who call it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.access import Access
from service.keys import changing, made, now, parts_of, revoked
from tests.api.conftest import Behind, behind


@dataclass
class Keyring:
    """A file of keys; whoever changes it here has the service look at it with its next request."""

    path: Path
    access: Access | None = None
    secrets: list[str] = field(default_factory=list)

    def add(self, tenant: str = "default", *scopes: str, days: float | None = None) -> str:
        key, text = made(tenant, scopes or ("read", "write", "admin"), "", now(), days)
        with changing(self.path) as kept:
            kept.append(key)
        self.secrets.append(parts_of(text)[1])
        self.changed()
        return text

    def revoke(self, text: str) -> None:
        with changing(self.path) as kept:
            kept[:] = revoked(kept, parts_of(text)[0], now())
        self.changed()

    def changed(self) -> None:
        if self.access is not None:
            self.access._next = 0.0


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def locked(folder: Path, limits: dict[str, Any] | None = None, **bundle: Any) -> Iterator[tuple[Behind, Keyring]]:
    """A service behind a port that admits the keys of this ring; one of them is there, of the default tenant."""
    ring = Keyring(folder / "keys.json")
    ring.add()
    with behind({"keys": ring.path, **(limits or {})}, **bundle) as running:
        ring.access = running.service.edge.access
        yield running, ring
        for secret in ring.secrets:
            assert secret not in running.log.getvalue()
