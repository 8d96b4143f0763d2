"""Inference requests and answers as bodies of HTTP: JSON, and raw tensors behind it (the binary tensor extension)."""

from __future__ import annotations

from typing import Any

import msgspec

from service.api import problems
from service.api.oip.contract import ANY, Contract
from service.api.oip.messages import InferAnswer, InferRequest
from service.api.oip.tensors import BYTES, Sent
from service.errors import MalformedJson
from service.inference_errors import InvalidInference

HEADER = "inference-header-content-length"  # bytes of JSON before the raw tensors
RAW, PLAIN = "application/octet-stream", "application/json"
_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"
_ELSEWHERE = "shared_memory_region"
_LONGEST_NUMBER = 12  # digits


class SentTensor(msgspec.Struct):
    """An input in JSON."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


class SentOutput(msgspec.Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class SentInference(msgspec.Struct):
    """A request in JSON."""

    inputs: list[SentTensor]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[SentOutput] | None = None


_DECODER = msgspec.json.Decoder(SentInference)


class Asked(msgspec.Struct):
    """A request, and which outputs are to come raw: as each that is named says, or where none is, all or none."""

    request: InferRequest
    raw: dict[str, bool]
    otherwise: bool

    def answer(self, answer: InferAnswer) -> tuple[bytes, dict[str, str]]:
        """Body and headers."""
        outputs: list[dict[str, object]] = []
        tails: list[bytes] = []
        for tensor in answer.outputs:
            told: dict[str, object] = {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.values.shape),
            }
            if self.raw.get(tensor.name, self.otherwise):
                tails.append(tensor.raw())
                told["parameters"] = {_SIZE: len(tails[-1])}
            else:
                told["data"] = tensor.plain()
            outputs.append(told)
        document: dict[str, object] = {"model_name": answer.model, "model_version": answer.version, "outputs": outputs}
        if answer.id:
            document = {"id": answer.id, **document}
        if answer.parameters:
            document["parameters"] = dict(answer.parameters)
        head = problems.encode(document)
        if not tails:
            return head, {"content-type": PLAIN}
        return b"".join([head, *tails]), {"content-type": RAW, HEADER: str(len(head))}


def read(body: bytes, headed: str | None, contract: Contract, version: str | None) -> Asked:
    """The request in a body; `headed` is the header's value. `MalformedJson`, `InvalidInference`."""
    size = len(body) if headed is None else _whole(headed)
    if size > len(body):
        raise InvalidInference(f"a header of {size} bytes was announced, and the body has {len(body)}")
    if headed is not None and size == 0:
        return Asked(_bare(body, contract, version), {}, True)
    sent = _decoded(body[:size])
    inputs, at = [], size
    for tensor in sent.inputs:
        data, taken = _data(tensor, body, at)
        at += taken
        if any(length < 0 for length in tensor.shape):
            raise InvalidInference(f"unexpected shape for input '{tensor.name}': a size below 0")
        inputs.append(Sent(tensor.name, tensor.datatype, tuple(tensor.shape), data))
    if at != len(body):
        raise InvalidInference(f"{len(body) - at} bytes are left behind the raw tensors that the header announces")
    wanted = None if sent.outputs is None else [output.name for output in sent.outputs]
    raw = {output.name: output.parameters[_BINARY] for output in sent.outputs or () if _BINARY in output.parameters}
    otherwise = sent.parameters.get(_ALL_BINARY, False)
    for flag in (otherwise, *raw.values()):
        if not isinstance(flag, bool):
            raise InvalidInference(f"Unable to parse '{_BINARY}': true or false was expected")
    request = InferRequest(contract.model, version, sent.id, sent.parameters, inputs, wanted)
    return Asked(request, raw, otherwise and not wanted)


def _decoded(head: bytes) -> SentInference:
    try:
        return _DECODER.decode(head)
    except msgspec.ValidationError as wrong:
        raise InvalidInference(f"the request is not as expected: {wrong}") from wrong
    except RecursionError as deep:
        raise MalformedJson("the request is nested too deeply") from deep
    except (msgspec.DecodeError, UnicodeDecodeError) as broken:
        raise MalformedJson(f"failed to parse the request JSON buffer: {broken}") from broken


def _data(tensor: SentTensor, body: bytes, at: int) -> tuple[list[Any] | bytes, int]:
    """What a tensor holds, and how many of the bytes from `at` on are its own."""
    if _ELSEWHERE in tensor.parameters:
        raise InvalidInference(f"input '{tensor.name}': shared memory is not served here, send the data itself")
    size = tensor.parameters.get(_SIZE)
    if (size is None) == (tensor.data is None):
        field = "no field is" if size is None else "more than one field is"
        raise InvalidInference(
            f"Input must set only one of the following fields: 'data', '{_SIZE}' in 'parameters'. But {field} set"
        )
    if tensor.data is not None:
        return tensor.data, 0
    if type(size) is not int or not 0 <= size <= len(body) - at:
        raise InvalidInference(f"input '{tensor.name}': its raw bytes were expected behind the header")
    return body[at : at + size], size


def _bare(body: bytes, contract: Contract, version: str | None) -> InferRequest:
    """A body that is nothing but the one input that the model cannot do without, a batch of one."""
    required = [field for field in contract.inputs if not field.optional]
    if len(required) != 1 or required[0].datatype == BYTES:
        raise InvalidInference(f"raw request: model '{contract.model}' has not one required input of numbers")
    field = required[0]
    length = len(body) // 8 if ANY in field.dims else 1
    return InferRequest(contract.model, version, "", {}, [Sent(field.name, field.datatype, (1, length), body)])


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _LONGEST_NUMBER:
        raise InvalidInference(f"{HEADER}: a number of bytes was expected")
    return int(text)
