"""One thing to try next: what it is for, the figures that speak for it, and the command to type."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suggestion:
    """All of it in words; a command may have several lines, typed one after the other."""

    title: str
    reason: str
    command: str
