"""The scripts of a Redis journal: each is one operation, which its server does wholly or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("lua")


@dataclass(frozen=True)
class Script:
    """A script and the name that a server knows it by."""

    source: bytes
    digest: bytes  # sha1, as Redis has it


@cache
def script(name: str) -> Script:
    """lua/NAME.lua with what all of them share behind its first line, which tells Redis how it may be run."""
    first, _, rest = (FOLDER / f"{name}.lua").read_bytes().partition(b"\n")
    source = b"\n".join((first, (FOLDER / "session.lua").read_bytes(), rest))
    return Script(source, hashlib.sha1(source).hexdigest().encode())
