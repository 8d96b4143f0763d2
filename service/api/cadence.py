"""How often a client wants a forecast: after every step, after every n-th, or never."""

from __future__ import annotations

from service.api.query import whole_number
from service.errors import InvalidValue
from service.frames import LARGEST_STEP

NEVER = "none"


def cadence(asked: int | str | None, otherwise: int = 1) -> int:
    """`every` of a frame, as the engine takes it (0: never); `InvalidValue` where it is no number of steps."""
    if asked is None:
        return otherwise
    if asked == NEVER:
        return 0
    if isinstance(asked, str) or not 1 <= asked <= LARGEST_STEP:
        raise InvalidValue(f'every: a number of steps from 1 to {LARGEST_STEP}, or "{NEVER}", was expected')
    return asked


def cadence_of(text: str | None) -> int:
    """`every` of an address; `WrongType` where it is neither a number nor none."""
    return cadence(text if text == NEVER else whole_number("every", text))
