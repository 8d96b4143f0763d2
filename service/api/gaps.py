"""What a client wants of steps that are left out: an error with the step expected, or that they enter as missing."""

from __future__ import annotations

from service.errors import WrongType

_ASKED = {"error": False, "missing": True}


def fills(asked: str | None, otherwise: bool = False) -> bool:
    """Whether they enter as missing, in a query or a frame; `WrongType` where it is neither."""
    if asked is None:
        return otherwise
    if asked not in _ASKED:
        raise WrongType('gaps: "error" (a reading behind a gap is refused) or "missing" was expected')
    return _ASKED[asked]
