"""What a decoder says of something that is not of its type, as an error that clients read."""

from __future__ import annotations

import msgspec

from service.errors import GatecastError, InvalidValue, WrongType


def misfit(wrong: msgspec.ValidationError, where: str = "") -> GatecastError:
    """`InvalidValue` for a number beyond all bounds, `WrongType` for all else; `where` names the place."""
    message = str(wrong)
    said = f"{message[:1].lower()}{message[1:]}"
    return (InvalidValue if out_of_range(wrong) else WrongType)(f"{where}: {said}" if where else said)


def out_of_range(wrong: msgspec.ValidationError) -> bool:
    """Whether it is a number that no float64 or int64 can hold."""
    return "out of range" in str(wrong)
