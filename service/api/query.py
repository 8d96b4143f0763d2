"""Query parameters that streams and requests share: a horizon, and quantiles as a list with commas."""

from __future__ import annotations

import math
import re

from service.errors import WrongType

_WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def whole_number(name: str, text: str | None) -> int | None:
    """The number; `WrongType` where the text is none. Whether it is allowed is for others to say."""
    if text is None:
        return None
    if not _WHOLE.fullmatch(text):
        raise WrongType(f"{name}: a whole number was expected, such as {name}=24")
    return int(text)


def levels_of(text: str | None) -> list[float] | None:
    """The levels of "0.1,0.5,0.9"; an empty text is no level at all, None is all of them."""
    if text is None:
        return None
    try:
        levels = [float(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        levels = [math.nan]
    if not all(math.isfinite(level) for level in levels):
        raise WrongType("quantiles: numbers with commas between them were expected, such as quantiles=0.1,0.5,0.9")
    return levels
