"""One thing that is wrong with a run: its name, what it means, the figures that show it, and what to try next."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """`suggestion` is a flag of `gatecast train` with its value; `consequences` are findings that follow from this."""

    name: str
    verdict: str
    evidence: tuple[str, ...]  # figures with the steps at which they stood
    suggestion: str
    reason: str  # why that flag
    consequences: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
