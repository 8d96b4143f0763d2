"""What a client wants to be told of how good forecasts are, beside the answers to its readings."""

from __future__ import annotations

from dataclasses import dataclass

from service.errors import WrongType

_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class Telling:
    """Of one connection, or of one frame that says otherwise."""

    quality: bool = False
    anomaly: bool = False
    rate: float | None = None  # of false alarms; None: as the service is set

    def __bool__(self) -> bool:
        return self.quality or self.anomaly


NOTHING = Telling()


def telling(quality: bool | None, anomaly: bool | float | None, otherwise: Telling = NOTHING) -> Telling:
    """What a frame asks for; `WrongType` where its rate is none."""
    asked = otherwise.quality if quality is None else quality
    if anomaly is None:
        return Telling(asked, otherwise.anomaly, otherwise.rate)
    if isinstance(anomaly, bool):
        return Telling(asked, anomaly, None)
    if not 0 < anomaly < 1:
        raise WrongType("anomaly: true, false, or a rate of false alarms between 0 and 1 was expected, such as 0.001")
    return Telling(asked, True, anomaly)


def telling_of(quality: str | None, anomaly: str | None) -> Telling:
    """What an address asks for; `WrongType`."""
    if quality is not None and quality not in _WORDS:
        raise WrongType("quality: true or false was expected")
    rate: bool | float | None = None if anomaly is None else _WORDS.get(anomaly)
    if rate is None and anomaly is not None:
        try:
            rate = float(anomaly)
        except ValueError:
            rate = 0.0
    return telling(None if quality is None else _WORDS[quality], rate)
