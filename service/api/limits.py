"""How a session may be called."""

from __future__ import annotations

import unicodedata

from service.errors import InvalidSession

LONGEST_NAME = 200


def session_name(name: str) -> str:
    """The name itself if it has 1 to 200 characters and no control characters; else `InvalidSession`."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidSession(f"a session's name has 1 to {LONGEST_NAME} characters, this one has {len(name)}")
    if name.isprintable():  # most are, and then hold none; handles are given by the thousand
        return name
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise InvalidSession("a session's name may hold no control characters; choose another name")
    return name
