"""Query parameters: those that streams and requests share, a horizon and quantiles, and those that nobody takes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from starlette.requests import Request

from service.errors import InvalidValue, WrongType

T = TypeVar("T")

_WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)


async def only_known(request: Request) -> None:
    """`WrongType` for a parameter that the endpoint does not take: a misspelt one would be passed over in silence."""
    if not request.scope["query_string"]:
        return
    require_taken(
        request.query_params,
        [field.alias for field in request.scope["route"].dependant.query_params],
        "send it in the body if it belongs there (/docs lists both)",
    )


def require_taken(names: Iterable[str], taken: Sequence[str], otherwise: str) -> None:
    """`WrongType` for the first of the names that is not among those taken, with what else to do."""
    for name in names:
        if name not in taken:
            raise WrongType(
                f"this request takes {' and '.join(taken) or 'nothing'} in its query, got {name!r}: leave it out, or "
                f"{otherwise}",
                parameters=taken,
            )


def either(name: str, query: T | None, body: T | None) -> T | None:
    """What was sent in one of the two places; `InvalidValue` where they contradict each other."""
    if query is not None and body is not None and query != body:
        raise InvalidValue(f"{name} in the query and {name} in the body are not the same; send one of them")
    return body if query is None else query


def whole_number(name: str, text: str | None) -> int | None:
    """The number; `WrongType` where the text is none. Whether it is allowed is for others to say."""
    if text is None:
        return None
    if not _WHOLE.fullmatch(text):
        raise WrongType(f"{name}: a whole number was expected, such as {name}=24")
    return int(text)


def sums_of(text: str | None) -> bool | list[int] | None:
    """The numbers of steps of "24,48"; true is the whole answer, false is none."""
    if text is None or text in ("true", "false"):
        return None if text is None else text == "true"
    if not all(_WHOLE.fullmatch(part) for part in text.split(",")):
        raise WrongType("sums: true was expected, or numbers of steps with commas between them, such as sums=24,48")
    return [int(part) for part in text.split(",")]


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
