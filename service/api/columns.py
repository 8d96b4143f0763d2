"""Frames by columns as they come in: for each field of a reading one list, or in MessagePack one run of raw numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.api import schemas
from service.api.clock import Time
from service.api.misfits import misfit
from service.api.readings import Faults
from service.api.structs import derive
from service.api.wish import Asked
from service.errors import TooManyReadings, WrongType
from service.frames import NO_STEP

E = TypeVar("E")

Raws = Mapping[str, msgspec.Raw]
Array = NDArray[Any]  # as the wire has it: little-endian, not to be written to

COLUMNS = ("sessions", "y", "steps", "ds", "covariates")
_REFUSED = {
    "future": "what is known ahead has no column",
    "observations": "a frame has either columns or observations",
    "handles": "handles are given in a frame of their own",
}


@dataclass(frozen=True, eq=False)
class ColumnFrame:
    """The columns of one frame, of one length, their elements not checked but for their types."""

    sessions: list[int] | list[str] | list[int | str | None] | Array  # handles, names, or of both
    y: list[float | None] | Array
    steps: list[int | None] | Array | None
    ds: list[Time | None] | None
    covariates: dict[str, list[float | None] | Array]
    faults: Faults  # of elements that are of no type that they may be; their places hold None
    asked: Asked | None = None  # of this frame alone

    @property
    def count(self) -> int:
        return len(self.y)

    def step(self, at: int) -> int | None:
        """The step that one reading was sent with."""
        if self.steps is None:
            return None
        step: Any = self.steps[at]
        none = step is None or (isinstance(self.steps, np.ndarray) and step == NO_STEP)
        return None if none else int(step)


class _Column(Generic[E]):
    """One kind of column: lists of one of these types, else of their elements one by one, and raw numbers."""

    def __init__(self, module: Any, limit: int, types: tuple[Any, ...], element: Any, raw: str | None) -> None:
        self._limit = limit
        self._raw = np.dtype(raw) if raw is not None and module is msgspec.msgpack else None
        whole = [bytes | list[each] if self._raw is not None else list[each] for each in types]  # type: ignore[valid-type]
        self._whole = [module.Decoder(each) for each in whole]
        self._element = module.Decoder(element)
        self._elements = module.Decoder(list[msgspec.Raw])

    def read(self, name: str, data: msgspec.Raw, faults: Faults) -> list[Any] | Array:
        """Its elements; `WrongType` where it is no column at all, `TooManyReadings`."""
        for decoder in self._whole:
            try:
                sent: list[Any] | bytes = decoder.decode(data)
            except msgspec.ValidationError:
                continue
            column = sent if isinstance(sent, list) else self._numbers(name, sent)
            self._bound(name, len(column))
            return column
        try:
            elements = self._elements.decode(data)
        except msgspec.ValidationError as wrong:
            raise misfit(wrong, name) from wrong
        self._bound(name, len(elements))  # before each is looked at, and its fault kept
        return [self._one(name, at, each, faults) for at, each in enumerate(elements)]

    def _bound(self, name: str, count: int) -> None:
        if count > self._limit:
            raise TooManyReadings(
                f"at most {self._limit} readings were expected in one frame, {name} has {count}; send several frames",
                limit=self._limit,
            )

    def _one(self, name: str, at: int, data: msgspec.Raw, faults: Faults) -> E | None:
        if at in faults:  # its reading is refused already
            return None
        try:
            element: E = self._element.decode(data)
        except msgspec.ValidationError as wrong:
            faults[at] = misfit(wrong, f"{name}[{at}]")
            return None
        return element

    def _numbers(self, name: str, data: bytes) -> Array:
        assert self._raw is not None
        if len(data) % self._raw.itemsize:
            raise WrongType(
                f"{name}: raw numbers of {self._raw.itemsize} bytes each ({self._raw.name}, little-endian) were "
                f"expected, got {len(data)} bytes",
                column=name,
            )
        return np.frombuffer(data, self._raw)


class ColumnDecoder:
    """One wire form: the raw fields of a frame to its columns."""

    def __init__(self, module: Any, limit: int) -> None:
        self._encoder = module.Encoder()
        self._options = module.Decoder(_OPTIONS)
        self._maps = module.Decoder(dict[str, msgspec.Raw])
        self._sessions: _Column[int | str] = _Column(module, limit, (int, str), int | str, "<u4")
        self._numbers: _Column[float] = _Column(module, limit, (float | None,), float | None, "<f8")
        self._steps: _Column[int] = _Column(module, limit, (int | None,), int | None, "<i8")
        self._times: _Column[Time] = _Column(module, limit, (Time | None,), Time | None, None)

    def read(self, fields: Raws) -> ColumnFrame:
        """The frame; `WrongType` and `TooManyReadings` are about all of it and name the column."""
        for name, why in _REFUSED.items():
            if name in fields:
                raise WrongType(f'{name}: {why}; send those readings itemised, as {{"observations": [...]}}')
        for name in ("sessions", "y"):
            if name not in fields:
                raise WrongType(f"a frame by columns has `sessions` and `y`, `{name}` is missing")
        faults: Faults = {}
        sessions = self._sessions.read("sessions", fields["sessions"], faults)
        y = self._numbers.read("y", fields["y"], faults)
        steps = self._steps.read("steps", fields["steps"], faults) if _sent(fields, "steps") else None
        ds = self._times.read("ds", fields["ds"], faults) if _sent(fields, "ds") else None
        covariates = self._covariates(fields["covariates"], faults) if _sent(fields, "covariates") else {}
        named = {"sessions": sessions, "steps": steps, "ds": ds}
        for name, column in (*named.items(), *((f"covariates.{name}", each) for name, each in covariates.items())):
            if column is not None and len(column) != len(y):
                raise WrongType(
                    f"every column has an element for each reading: {name} has {len(column)}, y has {len(y)}",
                    column=name,
                )
        rest = {name: raw for name, raw in fields.items() if name not in COLUMNS}
        if not rest:
            return ColumnFrame(sessions, y, steps, ds, covariates, faults)  # type: ignore[arg-type]
        asked: Any = self._options.decode(self._encoder.encode(rest))
        return ColumnFrame(sessions, y, steps, ds, covariates, faults, asked)  # type: ignore[arg-type]

    def _covariates(self, data: msgspec.Raw, faults: Faults) -> dict[str, list[Any] | Array]:
        try:
            columns = self._maps.decode(data)
        except msgspec.ValidationError as wrong:
            raise misfit(wrong, "covariates") from wrong
        return {name: self._numbers.read(f"covariates.{name}", raw, faults) for name, raw in columns.items()}


_OPTIONS = derive(schemas.StreamColumns, without=COLUMNS, gates=bool | str | None)
_NULLS = (b"null", b"\xc0")


def _sent(fields: Raws, name: str) -> bool:
    """Whether a column is there; null is as if it were left out."""
    return name in fields and bytes(fields[name]).strip() not in _NULLS
