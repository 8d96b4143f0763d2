"""Tensors as the protocol carries them: JSON, nested or flat, or raw: little-endian numbers, texts behind a length."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidValue
from service.inference_errors import InvalidInference

FP64, INT64, BYTES = "FP64", "INT64", "BYTES"
DATATYPES = frozenset(
    {
        "BOOL",
        "UINT8",
        "UINT16",
        "UINT32",
        "UINT64",
        "INT8",
        "INT16",
        "INT32",
        INT64,
        "FP16",
        "BF16",
        "FP32",
        FP64,
        BYTES,
    }
)
_RAW: dict[str, np.dtype[Any]] = {FP64: np.dtype("<f8"), INT64: np.dtype("<i8")}
_IN_JSON: dict[str, frozenset[type]] = {
    FP64: frozenset({int, float, type(None)}),
    INT64: frozenset({int}),
    BYTES: frozenset({str}),
}
_LENGTH = struct.Struct("<I")  # before each text
_MISFIT = "Unable to parse 'data': Shape does not match true shape of 'data' field"


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named array: float64, int64, or texts as objects."""

    name: str
    datatype: str
    values: NDArray[Any]

    def raw(self) -> bytes:
        """Its bytes."""
        if self.datatype == BYTES:
            texts = [text.encode("utf-8") for text in self.values.ravel().tolist()]
            return b"".join(chain.from_iterable((_LENGTH.pack(len(text)), text) for text in texts))
        return self.values.astype(_RAW[self.datatype], copy=False).tobytes()

    def plain(self) -> list[object]:
        """As a flat list; null for what is not known."""
        flat: list[object] = self.values.ravel().tolist()
        if self.datatype == FP64 and np.isnan(self.values).any():
            return [None if value != value else value for value in flat]
        return flat


@dataclass(frozen=True, eq=False)
class Sent:
    """A tensor as it came: a list of JSON, or bytes."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | bytes

    def values(self, model: str) -> NDArray[Any]:
        """The array, of a datatype that is ours; NaN for what is null. `InvalidInference`, `InvalidValue`."""
        count = math.prod(self.shape)
        found = self._raw(self.data, count, model) if isinstance(self.data, bytes) else self._listed(self.data, count)
        return found.reshape(self.shape)

    def _listed(self, data: list[Any], count: int) -> NDArray[Any]:
        flat: Sequence[Any] = data
        for _ in range(len(self.shape) - 1):
            if not flat or not all(type(part) is list for part in flat):
                break
            flat = list(chain.from_iterable(flat))
        if len(flat) != count:
            raise InvalidInference(_MISFIT)
        if not {type(value) for value in flat} <= _IN_JSON[self.datatype]:
            raise InvalidInference(f"Unable to parse 'data': {self.datatype} was expected of input '{self.name}'")
        if self.datatype == BYTES:
            return np.array(flat, np.object_)
        try:
            return np.array(flat, np.float64 if self.datatype == FP64 else np.int64)  # None becomes NaN
        except OverflowError as large:
            raise InvalidValue(f"{self.name}: a number that {self.datatype} can hold was expected") from large

    def _raw(self, data: bytes, count: int, model: str) -> NDArray[Any]:
        if self.datatype == BYTES:
            return self._texts(data, count, model)
        kind = _RAW[self.datatype]
        if len(data) != count * kind.itemsize:
            raise self._size(model, count * kind.itemsize, len(data))
        return np.frombuffer(data, kind)

    def _texts(self, data: bytes, count: int, model: str) -> NDArray[Any]:
        texts: list[str] = []
        at = 0
        while at < len(data) and len(texts) < count:
            size = _LENGTH.unpack_from(data, at)[0] if at + _LENGTH.size <= len(data) else len(data)
            at += _LENGTH.size
            try:
                texts.append(data[at : at + size].decode("utf-8"))
            except UnicodeDecodeError as wrong:
                raise InvalidInference(f"input '{self.name}': text in UTF-8 was expected") from wrong
            at += size
        if at != len(data) or len(texts) != count:
            raise InvalidInference(
                f"expected {count} string elements for inference input '{self.name}' of model '{model}', each behind "
                "its length in four bytes"
            )
        return np.array(texts, np.object_)

    def _size(self, model: str, expected: int, got: int) -> InvalidInference:
        return InvalidInference(
            f"input byte size mismatch for input '{self.name}' for model '{model}'. Expected {expected}, got {got}"
        )
