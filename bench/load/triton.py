"""Readings as Triton takes them: tensors in the binary form of its HTTP, and in the messages of its gRPC stream.

A reading alone is a request of a sequence (model `forecast`); several in one request name their sessions in a tensor
(model `table`), since Triton's sequences take one reading a request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
import numpy as np

from bench.load.job import Job
from bench.load.wave import reading

HTTP_PATH = "/v2/models/{model}/infer"
GRPC_PATH = "/inference.GRPCInferenceService/ModelStreamInfer"
SEQUENCE, TABLE = "forecast", "table"  # models
START, STEP = 1_704_067_200, 3_600  # seconds: of 2024-01-01T00:00:00, and of an hour
_HEAD_BYTES = 640  # of the JSON before the tensors, filled up with blanks so that it is always as long
HEADERS = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(_HEAD_BYTES)}
_TYPES = {"VALUE": "FP64", "TIME": "INT64", "SESSION": "UINT64"}
_VARINT, _BYTES = 0, 2  # wire types of protobuf
_ERROR, _RESPONSE, _RAW = 1, 2, 6  # fields of ModelStreamInferResponse, and of the response in it


def sequence_id(name: str) -> int:
    """A number above 0 for a session's name, the same in every run."""
    return (int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big") >> 1) + 1


class TritonBlock:
    """The sessions of one request, which advance together; `step` is their next one."""

    def __init__(self, number: int, names: list[str], step: int, job: Job) -> None:
        self.number = number
        self.step = step
        self._grpc = job.protocol == "grpc"
        self._ids = [sequence_id(name) for name in names]
        self._tensors = ["VALUE", "TIME", *(["SESSION"] if len(names) > 1 else [])]

    def next(self) -> bytes:
        """The request of the next step."""
        step, self.step = self.step, self.step + 1
        rows = len(self._ids)
        raw = [np.full(rows, reading(step)).tobytes(), np.full(rows, START + STEP * step, np.int64).tobytes()]
        if rows > 1:
            raw.append(np.array(self._ids, np.uint64).tobytes())
        return self._message(raw, step == 0) if self._grpc else self._body(raw, step == 0)

    def _body(self, raw: list[bytes], start: bool) -> bytes:
        inputs = [
            {
                "name": name,
                "datatype": _TYPES[name],
                "shape": [len(self._ids), 1],
                "parameters": {"binary_data_size": len(data)},
            }
            for name, data in zip(self._tensors, raw, strict=True)
        ]
        head: dict[str, object] = {"inputs": inputs, "parameters": {"binary_data_output": True}}
        if len(self._ids) == 1:
            sequence = {"sequence_id": self._ids[0], "sequence_start": start, "sequence_end": False}
            head["parameters"] = {"binary_data_output": True, **sequence}
        return msgspec.json.encode(head).ljust(_HEAD_BYTES) + b"".join(raw)

    def _message(self, raw: list[bytes], start: bool) -> bytes:
        """A ModelInferRequest (model_name 1, parameters 4, inputs 5, raw_input_contents 7)."""
        alone = len(self._ids) == 1
        message = _field(1, (SEQUENCE if alone else TABLE).encode()) + _field(3, str(self.step).encode())
        if alone:
            message += _parameter("sequence_id", _number(2, self._ids[0]))
            message += _parameter("sequence_start", _number(1, int(start)))
            message += _parameter("sequence_end", _number(1, 0))
        shape = _varint(len(self._ids)) + _varint(1)
        for name in self._tensors:
            message += _field(5, _field(1, name.encode()) + _field(2, _TYPES[name].encode()) + _field(3, shape))
        return message + b"".join(_field(7, data) for data in raw)


class TritonAnswers:
    """Takes the forecasts out of answers; `ValueError` where a request was refused."""

    bare = 0  # an answer without a forecast is refused

    def __init__(self, job: Job) -> None:
        self._size = job.readings * job.numbers * 8
        self._rows = job.readings
        self._grpc = job.protocol == "grpc"

    def take(self, message: bytes) -> None:
        forecasts(message, self._rows, self._size, self._grpc)


def forecasts(message: bytes, rows: int, size: int, grpc: bool) -> np.ndarray:
    """Forecasts (rows, numbers) of an answer whose tensor takes `size` bytes."""
    raw = _raw(message) if grpc else message[-size:]
    if len(raw) != size:
        raise ValueError(f"a tensor of {size} bytes was expected, got {len(raw)}: {message[:500]!r}")
    return np.frombuffer(raw).reshape(rows, -1)


def _raw(message: bytes) -> bytes:
    """The tensor of a ModelStreamInferResponse."""
    for field, content in _fields(message):
        if field == _ERROR:
            raise ValueError(f"the request was refused: {content.decode()}")
        if field == _RESPONSE:
            return next((data for name, data in _fields(content) if name == _RAW), b"")
    return b""


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Fields that have a length, by number; others are passed over."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        size, at = _read_varint(message, at)  # of a number it is the value
        if key & 7 == _BYTES:
            yield key >> 3, message[at : at + size]
            at += size
        elif key & 7 != _VARINT:
            raise ValueError(f"a field of a known kind was expected, got {key & 7} in {message[:200]!r}")


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _parameter(name: str, value: bytes) -> bytes:
    """An entry of the map `parameters`."""
    return _field(4, _field(1, name.encode()) + _field(2, value))
