"""The two forms of a frame: MessagePack in binary ones, JSON in text ones."""

from __future__ import annotations

from typing import Any, Literal, overload

import msgspec

from gatecast_client.answers import Forecast, Gate, Regime, Time
from gatecast_client.errors import GatecastError
from gatecast_client.quality import Anomaly, Quality

Form = Literal["msgpack", "json"]
Kind = Literal["items", "columns"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One element of an answer: an acknowledgement, or an error. Without a session it is about the whole frame."""

    session: str | None = None
    step: int | None = None
    ds: Time | None = None
    durable: str | None = None
    repeated: bool = False
    filled: int = 0
    delivery: str = "exactly-once"
    forecast: Forecast | None = None
    gates: dict[str, Gate] | None = None
    regime: Regime | None = None
    quality: Quality | None = None
    anomaly: Anomaly | None = None
    error: dict[str, Any] | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of a frame by columns that was not recorded."""

    at: int
    error: dict[str, Any]


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """The regime after one reading of a frame by columns."""

    at: int
    regime: Regime


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """How good forecasts are, or how rare one reading is, after one of a frame by columns."""

    at: int
    quality: Quality | None = None
    anomaly: Anomaly | None = None


class SumColumns(msgspec.Struct, frozen=True, kw_only=True):
    """One sum of many forecasts: lists by level in JSON, raw float64 in MessagePack."""

    steps: int
    median: bytes | list[float]
    quantiles: dict[str, list[float]] = {}
    values: bytes = b""  # (rows, levels)


class ForecastColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Forecasts of many readings: nested lists by level in JSON, raw differences to an origin in MessagePack."""

    quantiles: dict[str, list[list[float]]] = {}
    median: bytes | list[list[float]] | None = None
    levels: list[float] = []
    shape: tuple[int, int, int] = (0, 0, 0)
    origin: bytes = b""
    values: bytes = b""
    sums: list[SumColumns] | None = None


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a frame by columns, or of names that want handles."""

    steps: bytes | list[int | None] | None = None
    times: bytes | None = None
    ds: list[Time | None] | None = None
    durable: str | None = None
    errors: list[Refused] = []
    repeated: list[int] = []
    filled: bytes | list[int] = b""
    rows: bytes | list[int] | None = None
    forecast: ForecastColumns | None = None
    regime: list[Watched] = []
    quality: list[Scored] = []
    anomaly: list[Scored] = []
    handles: dict[str, int] | None = None
    error: dict[str, Any] | None = None


class Wire:
    """Encodes frames and decodes their answers in one form."""

    def __init__(self, form: Form) -> None:
        if form not in ("msgpack", "json"):
            raise ValueError(f"expected the form 'msgpack' or 'json', got {form!r}")
        self.text = form == "json"
        self._encode = msgspec.json.encode if self.text else msgspec.msgpack.encode
        decoders = msgspec.json.Decoder if self.text else msgspec.msgpack.Decoder
        self._items: Any = decoders(Item | list[Item])
        self._columns: Any = decoders(Columns)

    def encode(self, body: object) -> str | bytes:
        """The frame; TypeError where something in it has no form on the wire."""
        data = self._encode(body)
        return data.decode() if self.text else data

    @overload
    def decode(self, message: str | bytes) -> Item | list[Item]: ...
    @overload
    def decode(self, message: str | bytes, kind: Kind) -> Any: ...
    def decode(self, message: str | bytes, kind: Kind = "items") -> Any:
        """The answer to one frame of that kind; `GatecastError` where it cannot be understood."""
        try:
            return (self._columns if kind == "columns" else self._items).decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
            raise GatecastError(
                "unexpected_answer", f"an answer of protocol 1 was expected, got another: {wrong}"
            ) from wrong
