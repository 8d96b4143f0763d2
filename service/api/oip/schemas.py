"""Bodies of this protocol as /openapi.json shows them. They are read elsewhere, and may hold more than is shown."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.api.told_schemas import Answered


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", protected_namespaces=())


class ServerAnswer(Answered):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(Answered):
    name: str
    datatype: str
    shape: list[int] = Field(description="-1 is any size; the first is the batch's")


class MetadataAnswer(Answered):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ConfigAnswer(_Open):
    """As Triton's model configuration; `sequence_batching` where a model's sequences are sessions."""

    name: str
    max_batch_size: int


class ModelStatistics(_Open):
    name: str
    version: str
    inference_count: int
    execution_count: int


class StatisticsAnswer(_Open):
    model_stats: list[ModelStatistics]


class IndexEntry(_Open):
    name: str
    version: str
    state: str


class SentTensor(_Open):
    """`data` nested or flat, or in the parameters `binary_data_size` of the bytes behind the JSON."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class AskedOutput(_Open):
    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class InferenceRequest(_Open):
    inputs: list[SentTensor]
    id: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict, description="sequence_id, sequence_start, step, ds, …")
    outputs: list[AskedOutput] | None = None


class AnsweredTensor(_Open):
    name: str
    datatype: str
    shape: list[int]


class InferenceAnswer(_Open):
    model_name: str
    model_version: str
    outputs: list[AnsweredTensor]
