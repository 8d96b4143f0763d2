"""The messages of `inference.GRPCInferenceService`, as many of them as are served, built when this is imported.

Names and numbers are those of the public protocol (the Open Inference Protocol, and what Triton adds to it), on which
all who speak it agree. They stand in a pool of their own, so that a client's generated messages may live beside them.
What is nested there is not here, which makes no difference on the wire.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

# Name: number field type, …; `*` is repeated, `map` from texts to a type, and a leading `|` one of several.
_LAYOUT = """
ServerLiveRequest:
ServerLiveResponse: 1 live bool
ServerReadyRequest:
ServerReadyResponse: 1 ready bool
ModelReadyRequest: 1 name string, 2 version string
ModelReadyResponse: 1 ready bool
ServerMetadataRequest:
ServerMetadataResponse: 1 name string, 2 version string, 3 extensions *string
ModelMetadataRequest: 1 name string, 2 version string
TensorMetadata: 1 name string, 2 datatype string, 3 shape *int64
ModelMetadataResponse: 1 name string, 2 versions *string, 3 platform string, 4 inputs *TensorMetadata,
  5 outputs *TensorMetadata
InferParameter: 1 bool_param |bool, 2 int64_param |int64, 3 string_param |string, 4 double_param |double,
  5 uint64_param |uint64
InferTensorContents: 1 bool_contents *bool, 2 int_contents *int32, 3 int64_contents *int64, 4 uint_contents *uint32,
  5 uint64_contents *uint64, 6 fp32_contents *float, 7 fp64_contents *double, 8 bytes_contents *bytes
InferInputTensor: 1 name string, 2 datatype string, 3 shape *int64, 4 parameters map InferParameter,
  5 contents InferTensorContents
InferRequestedOutputTensor: 1 name string, 2 parameters map InferParameter
ModelInferRequest: 1 model_name string, 2 model_version string, 3 id string, 4 parameters map InferParameter,
  5 inputs *InferInputTensor, 6 outputs *InferRequestedOutputTensor, 7 raw_input_contents *bytes
InferOutputTensor: 1 name string, 2 datatype string, 3 shape *int64, 4 parameters map InferParameter,
  5 contents InferTensorContents
ModelInferResponse: 1 model_name string, 2 model_version string, 3 id string, 4 parameters map InferParameter,
  5 outputs *InferOutputTensor, 6 raw_output_contents *bytes
ModelStreamInferResponse: 1 error_message string, 2 infer_response ModelInferResponse
Latest: 1 num_versions uint32
ModelVersionPolicy: 1 latest Latest
ModelInput: 1 name string, 2 data_type DataType, 4 dims *int64, 8 optional bool
ModelOutput: 1 name string, 2 data_type DataType, 3 dims *int64
StrategyOldest: 1 max_candidate_sequences int32
ModelSequenceBatching: 1 max_sequence_idle_microseconds uint64, 4 oldest StrategyOldest
ModelParameter: 1 string_value string
ModelConfig: 1 name string, 2 platform string, 3 version_policy ModelVersionPolicy, 4 max_batch_size int32,
  5 input *ModelInput, 6 output *ModelOutput, 13 sequence_batching ModelSequenceBatching,
  14 parameters map ModelParameter, 17 backend string
ModelConfigRequest: 1 name string, 2 version string
ModelConfigResponse: 1 config ModelConfig
StatisticDuration: 1 count uint64, 2 ns uint64
InferStatistics: 1 success StatisticDuration, 2 fail StatisticDuration, 3 queue StatisticDuration,
  4 compute_input StatisticDuration, 5 compute_infer StatisticDuration, 6 compute_output StatisticDuration,
  7 cache_hit StatisticDuration, 8 cache_miss StatisticDuration
ModelStatistics: 1 name string, 2 version string, 3 last_inference uint64, 4 inference_count uint64,
  5 execution_count uint64, 6 inference_stats InferStatistics
ModelStatisticsRequest: 1 name string, 2 version string
ModelStatisticsResponse: 1 model_stats *ModelStatistics
RepositoryIndexRequest: 1 repository_name string, 2 ready bool
ModelIndex: 1 name string, 2 version string, 3 state string, 4 reason string
RepositoryIndexResponse: 1 models *ModelIndex
ModelRepositoryParameter: 1 bool_param |bool, 2 int64_param |int64, 3 string_param |string, 4 bytes_param |bytes
RepositoryModelLoadRequest: 1 repository_name string, 2 model_name string, 3 parameters map ModelRepositoryParameter
RepositoryModelLoadResponse:
RepositoryModelUnloadRequest: 1 repository_name string, 2 model_name string, 3 parameters map ModelRepositoryParameter
RepositoryModelUnloadResponse:
"""
_DATATYPES = (
    "INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64",
    "STRING", "BF16",
)  # fmt: skip
CHOICE = "parameter_choice"
_ENUM = "DataType"
_KINDS = FieldDescriptorProto
_SCALARS = {
    name: getattr(_KINDS, f"TYPE_{name.upper()}")
    for name in ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")
}


def _file() -> FileDescriptorProto:
    file = FileDescriptorProto(name="gatecast/inference.proto", package=PACKAGE, syntax="proto3")
    kinds = file.enum_type.add(name=_ENUM)
    for number, name in enumerate(_DATATYPES):
        kinds.value.add(name=f"TYPE_{name}", number=number)
    for line in re.sub(r",\n\s+", ", ", _LAYOUT).strip().splitlines():
        name, _, fields = line.partition(":")
        message = file.message_type.add(name=name)
        for field in filter(None, (each.strip() for each in fields.split(","))):
            _add(message, *field.split(" ", 2))
    return file


def _add(message: DescriptorProto, number: str, name: str, kind: str) -> None:
    field = message.field.add(name=name, number=int(number), label=_KINDS.LABEL_OPTIONAL)
    if kind.startswith("map "):
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add(entry, "1", "key", "string")
        _add(entry, "2", "value", kind.removeprefix("map "))
        field.type_name = f".{PACKAGE}.{message.name}.{entry.name}"
        field.type, field.label = _KINDS.TYPE_MESSAGE, _KINDS.LABEL_REPEATED
        return
    if kind.startswith("*"):
        field.label = _KINDS.LABEL_REPEATED
    if kind.startswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name=CHOICE)
        field.oneof_index = 0
    kind = kind.lstrip("*|")
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = _KINDS.TYPE_ENUM if kind == _ENUM else _KINDS.TYPE_MESSAGE
    field.type_name = f".{PACKAGE}.{kind}"


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    pool.Add(_file())
    return pool


_POOL = _pool()


def message(name: str) -> Any:
    """The class of the messages of this name."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))
