"""Messages of gRPC become requests, and answers become messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError

from service.api.oip.messages import InferAnswer, InferRequest
from service.api.oip.tensors import BYTES, FP64, INT64, Sent
from service.api.rpc.messages import CHOICE, PACKAGE, message
from service.inference_errors import InvalidInference

ModelInferResponse = message("ModelInferResponse")
_CONTENTS = {FP64: "fp64_contents", INT64: "int64_contents", BYTES: "bytes_contents"}
FINAL = "triton_final_response"


def read(name: str, data: bytes) -> Any:
    """The message of this name; `InvalidInference` where the bytes are none."""
    try:
        return message(name).FromString(data)
    except DecodeError as wrong:
        raise InvalidInference(
            f"a message {PACKAGE}.{name} was expected, and what came cannot be read as one"
        ) from wrong


def parameters_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values by name."""
    found = {}
    for name, each in sent.items():
        choice = each.WhichOneof(CHOICE)
        if choice is None:
            raise InvalidInference(f"Unable to parse {name[:100]!r}: a value was expected")
        found[name] = getattr(each, choice)
    return found


def request_of(sent: Any) -> InferRequest:
    """`InvalidInference` where its tensors have no data, or two kinds of it."""
    raw = list(sent.raw_input_contents)
    if raw and len(raw) != len(sent.inputs):
        raise InvalidInference(
            f"expected {len(sent.inputs)} raw_input_contents, one for each input, got {len(raw)}: send all inputs raw, "
            "or none"
        )
    inputs = []
    for at, each in enumerate(sent.inputs):
        if any(size < 0 for size in each.shape):
            raise InvalidInference(f"unexpected shape for input '{each.name}': a size below 0")
        data = raw[at] if raw else _listed(each)
        inputs.append(Sent(each.name, each.datatype, tuple(each.shape), data))
    outputs = [each.name for each in sent.outputs] or None
    return InferRequest(
        sent.model_name, sent.model_version or None, sent.id, parameters_of(sent.parameters), inputs, outputs
    )


def message_of(answer: InferAnswer, final: bool = False) -> Any:
    """A ModelInferResponse, its tensors raw; `final`: it says that no other comes for its request."""
    told = ModelInferResponse(model_name=answer.model, model_version=answer.version, id=answer.id)
    for tensor in answer.outputs:
        told.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.values.shape)
        told.raw_output_contents.append(tensor.raw())
    for name, value in answer.parameters.items():
        put(told, name, value)
    if final:
        put(told, FINAL, True)
    return told


def put(told: Any, name: str, value: bool | int | str) -> None:
    """A parameter of an answer."""
    if isinstance(value, bool):
        told.parameters[name].bool_param = value
    elif isinstance(value, int):
        told.parameters[name].int64_param = value
    else:
        told.parameters[name].string_param = value


def filled(name: str, document: Mapping[str, Any]) -> Any:
    """The message of this name with what a document of HTTP has of its fields."""
    return ParseDict(document, message(name)(), ignore_unknown_fields=True)


def _listed(each: Any) -> list[Any]:
    field = _CONTENTS.get(each.datatype)
    if field is None:
        return []  # of a type that no model takes, which is what it is refused for
    listed = list(getattr(each.contents, field))
    if each.datatype != BYTES:
        return listed
    try:
        return [text.decode("utf-8") for text in listed]
    except UnicodeDecodeError as wrong:
        raise InvalidInference(f"input '{each.name}': text in UTF-8 was expected") from wrong
