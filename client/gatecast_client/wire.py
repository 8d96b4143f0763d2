"""The two forms of a frame: MessagePack in binary ones, JSON in text ones."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gatecast_client.answers import Forecast, Gate, Regime, Time
from gatecast_client.errors import GatecastError

Form = Literal["msgpack", "json"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One element of an answer: an acknowledgement, or an error. Without a session it is about the whole frame."""

    session: str | None = None
    step: int | None = None
    ds: Time | None = None
    durable: str | None = None
    repeated: bool = False
    delivery: str = "exactly-once"
    forecast: Forecast | None = None
    gates: dict[str, Gate] | None = None
    regime: Regime | None = None
    error: dict[str, Any] | None = None


class Wire:
    """Encodes frames and decodes their answers in one form."""

    def __init__(self, form: Form) -> None:
        if form not in ("msgpack", "json"):
            raise ValueError(f"expected the form 'msgpack' or 'json', got {form!r}")
        self._text = form == "json"
        self._encode = msgspec.json.encode if self._text else msgspec.msgpack.encode
        decoders = msgspec.json.Decoder if self._text else msgspec.msgpack.Decoder
        self._decoder: Any = decoders(Item | list[Item])

    def encode(self, body: object) -> str | bytes:
        """The frame; TypeError where something in it has no form on the wire."""
        data = self._encode(body)
        return data.decode() if self._text else data

    def decode(self, message: str | bytes) -> Item | list[Item]:
        """The answer to one frame; `GatecastError` where it cannot be understood."""
        try:
            answer: Item | list[Item] = self._decoder.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise GatecastError(
                "unexpected_answer", f"an answer of protocol 1 was expected, got another: {wrong}"
            ) from wrong
        return answer
