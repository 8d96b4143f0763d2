"""What rides in a request's parameters: its sequence, and what of a reading and of a forecast no tensor says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.api.clock import Time
from service.errors import InvalidValue
from service.frames import LARGEST_STEP, LONGEST_TTL
from service.inference_errors import InvalidInference

_IDS = 2**64  # correlation ids are unsigned numbers of so many values, or texts
_LONGEST = 4096  # characters of a text
_RESERVED = frozenset({"priority", "timeout", "binary_data_output"})  # of the protocol; they change no forecast
_OURS = frozenset(
    {"step", "ds", "start", "horizon", "quantiles", "gaps", "ttl_seconds", "regime", "calibrate"}
    | {"sequence_id", "sequence_start", "sequence_end"}
)


@dataclass(frozen=True)
class Parameters:
    """Each None, or False, where it was not sent."""

    sequence: str | None
    begins: bool
    ends: bool
    step: int | None
    time: Time | None
    start: Time | None
    horizon: int | None
    quantiles: str | None
    gaps: str | None
    ttl_seconds: int | None
    regime: bool
    calibrate: bool

    @classmethod
    def read(cls, sent: Mapping[str, Any]) -> Parameters:
        """`InvalidInference` where one is of another type, or is none that is known here; `InvalidValue`."""
        for name in sent:
            if name not in _OURS and name not in _RESERVED and not name.startswith("triton_"):
                raise InvalidInference(
                    f"the parameters {', '.join(sorted(_OURS))} are known here, got {name[:100]!r}: leave it out",
                    parameters=sorted(_OURS),
                )
        return cls(
            sequence=_sequence(sent.get("sequence_id")),
            begins=_flag(sent, "sequence_start"),
            ends=_flag(sent, "sequence_end"),
            step=_whole(sent, "step", LARGEST_STEP),
            time=_time(sent, "ds"),
            start=_time(sent, "start"),
            horizon=_whole(sent, "horizon", LARGEST_STEP),
            quantiles=_text(sent, "quantiles"),
            gaps=_text(sent, "gaps"),
            ttl_seconds=_whole(sent, "ttl_seconds", LONGEST_TTL),
            regime=_flag(sent, "regime"),
            calibrate=_flag(sent, "calibrate"),
        )


def _sequence(sent: object) -> str | None:
    """The session's name: the text, or the number in decimals; 0 and "" name none."""
    if sent is None or sent == "" or (type(sent) is int and sent == 0):
        return None
    if isinstance(sent, str):
        return sent
    if type(sent) is int and 0 < sent < _IDS:
        return str(sent)
    raise InvalidInference("Unable to parse 'sequence_id': a text, or a whole number from 0 to 2^64 - 1, was expected")


def _flag(sent: Mapping[str, Any], name: str) -> bool:
    value = sent.get(name, False)
    if not isinstance(value, bool):
        raise InvalidInference(f"Unable to parse '{name}': true or false was expected")
    return value


def _whole(sent: Mapping[str, Any], name: str, most: int) -> int | None:
    value = sent.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise InvalidInference(f"Unable to parse '{name}': a whole number was expected")
    if not 0 <= value <= most:
        raise InvalidValue(f"{name}: a whole number of 0 to {most} was expected")
    return value


def _text(sent: Mapping[str, Any], name: str) -> str | None:
    value = sent.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise InvalidInference(f"Unable to parse '{name}': a text was expected, such as 0.1,0.9 for quantiles")
    return value


def _time(sent: Mapping[str, Any], name: str) -> Time | None:
    value = sent.get(name)
    if value is None:
        return None
    if type(value) is int:
        return value
    if isinstance(value, str):
        return value
    raise InvalidInference(f"Unable to parse '{name}': a text such as 2015-01-10T00:30:00, or a count, was expected")
