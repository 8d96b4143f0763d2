"""What a model takes and gives, tensor by tensor, and the refusal of what is not that, in Triton's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from service.api.oip.messages import InferRequest
from service.api.oip.tensors import BYTES, DATATYPES, Sent, Tensor
from service.errors import TooManySeries
from service.inference_errors import InvalidInference

Arrays = Mapping[str, NDArray[Any]]
ANY = -1  # of a dimension


@dataclass(frozen=True)
class Field:
    """An input or output; `dims` are those after the batch's.

    One that is not `listed` is taken where it comes: load generators fill whatever is listed, and a time is no noise.
    """

    name: str
    datatype: str
    dims: tuple[int, ...]
    optional: bool = False
    listed: bool = True

    @property
    def shape(self) -> list[int]:
        return [ANY, *self.dims]

    @property
    def kind(self) -> str:
        """Its datatype as configurations name it."""
        return "TYPE_STRING" if self.datatype == BYTES else f"TYPE_{self.datatype}"


@dataclass(frozen=True)
class Contract:
    """Of one model; `most` is the largest batch of a request."""

    model: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    most: int
    sequence: bool

    def read(self, request: InferRequest) -> Arrays:
        """Its inputs by name, each of its shape; `InvalidInference`, `InvalidValue`, `TooManySeries`."""
        known = {field.name: field for field in self.inputs}
        where = f"[request id: {request.id or '<id_unknown>'}] "
        self._count(request.inputs, where)
        found: dict[str, NDArray[Any]] = {}
        for sent in request.inputs:
            field = known.get(sent.name)
            if field is None:
                raise InvalidInference(f"unexpected inference input '{sent.name}' for model '{self.model}'")
            if sent.name in found:
                raise InvalidInference(f"{where}input '{sent.name}' already exists in request")
            self._check(sent, field, where)
            found[sent.name] = sent.values(self.model)
        if len({len(each) for each in found.values()}) > 1:
            raise InvalidInference(f"{where}one batch size was expected of all inputs of '{self.model}'")
        return found

    def chosen(self, request: InferRequest, outputs: Iterable[Tensor]) -> list[Tensor]:
        """Those that were asked for, in the order of asking."""
        if not request.outputs:
            return list(outputs)
        by_name = {output.name: output for output in outputs}
        return [by_name[name] for name in dict.fromkeys(request.outputs)]

    def check_outputs(self, request: InferRequest) -> None:
        """`InvalidInference` where one is asked for that there is not."""
        names = {field.name for field in self.outputs}
        for name in request.outputs or ():
            if name not in names:
                raise InvalidInference(f"unexpected inference output '{name}' for model '{self.model}'")

    def _count(self, inputs: Sequence[Sent], where: str) -> None:
        got = [sent.name for sent in inputs]
        required = [field.name for field in self.inputs if not field.optional]
        missing = [name for name in required if name not in got]
        if missing and len(got) >= len(required) and set(got) - {field.name for field in self.inputs}:
            return  # one of another name is what is told
        if missing:
            raise InvalidInference(
                f"{where}expected {len(required)} inputs but got {len(got)} inputs for model '{self.model}'. Got "
                f"input(s) {_names(got)}, but missing required input(s) {_names(missing)}. Please provide all "
                "required input(s)."
            )

    def _check(self, sent: Sent, field: Field, where: str) -> None:
        if sent.datatype not in DATATYPES:
            raise InvalidInference(f"invalid datatype for input {sent.name}")
        if sent.datatype != field.datatype:
            raise InvalidInference(
                f"{where}inference input '{sent.name}' data-type is '{sent.datatype}', but model '{self.model}' "
                f"expects '{field.datatype}'"
            )
        expected, got = field.shape, list(sent.shape)
        fits = len(got) == len(expected) and all(
            size > 0 if want == ANY else size == want for want, size in zip(expected, got, strict=True)
        )
        if not fits:
            raise InvalidInference(
                f"{where}unexpected shape for input '{sent.name}' for model '{self.model}'. Expected "
                f"{_dims(expected)}, got {_dims(got)}. A batch dimension comes before those of a model's configuration."
            )
        if self.sequence and got[0] != 1:
            raise InvalidInference(
                f"inference request to model '{self.model}' must specify batch-size 1 due to requirements of sequence "
                "batcher"
            )
        if got[0] > self.most:
            raise TooManySeries(
                f"{where}inference request batch-size must be <= {self.most} for '{self.model}'", limit=self.most
            )


def _names(names: Iterable[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return f"[{','.join(quoted)}]"


def _dims(shape: Iterable[int]) -> str:
    return f"[{','.join(map(str, shape))}]"
