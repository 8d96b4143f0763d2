"""How endpoints are documented: their bodies, their answers, and their errors as RFC 9457 documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Response
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from service.api import problems, schemas
from service.errors import GatecastError

Documented = dict[int | str, dict[str, Any]]
Named = Mapping[str, object]  # examples, by what they show
Good = Mapping[int, tuple[Any, Named]]  # by status: a schema and examples of it

_REFERENCE = "#/components/schemas/{model}"
_SENT: tuple[type[BaseModel], ...] = (
    schemas.PredictRequest,
    schemas.SessionRequest,
    schemas.ForecastRequest,
    schemas.CorrectionRequest,
    schemas.RewindRequest,
    schemas.ForkRequest,
    schemas.Observation,
    schemas.StreamFrame,
    schemas.StreamHandles,
    schemas.StreamColumns,
    schemas.Problem,
)


def json_response(answer: object, status: int = 200) -> Response:
    """The answer, encoded."""
    return Response(problems.encode(answer), status, media_type="application/json")


def body(schema: Any, examples: Named, required: bool = True) -> dict[str, Any]:
    """The `openapi_extra` of an endpoint that reads its own body."""
    reference = TypeAdapter(schema).json_schema(ref_template=_REFERENCE)
    reference.pop("$defs", None)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        reference = {"$ref": _REFERENCE.format(model=schema.__name__)}
    content = {"application/json": {"schema": reference, "examples": _named(examples)}}
    return {"requestBody": {"required": required, "content": content}}


def answers(good: Good, *errors: type[GatecastError]) -> Documented:
    """The `responses` of an endpoint: what it answers by status, and the errors it may answer with."""
    documented: Documented = {
        status: {"model": schema, "content": {"application/json": {"examples": _named(examples)}}}
        for status, (schema, examples) in good.items()
    }
    for status in sorted({error.status for error in errors}):
        kinds = [error for error in dict.fromkeys(errors) if error.status == status]
        documented[status] = _problem(", ".join(f"`{kind.code}`" for kind in kinds), kinds)
    documented["default"] = _problem("Any other error", [])
    return documented


def document(app: FastAPI) -> None:
    """Makes /openapi.json hold the schemas of the bodies too."""
    framework = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = framework()
            _, sent = models_json_schema([(model, "validation") for model in _SENT], ref_template=_REFERENCE)
            schema.setdefault("components", {}).setdefault("schemas", {}).update(sent["$defs"])
        return framework()

    app.openapi = openapi  # type: ignore[method-assign]


def _problem(description: str, kinds: list[type[GatecastError]]) -> dict[str, Any]:
    examples = {kind.code: problems.document(kind(_says(kind))) for kind in kinds}
    content: dict[str, Any] = {"schema": {"$ref": _REFERENCE.format(model=schemas.Problem.__name__)}}
    if examples:
        content["examples"] = _named(examples)
    return {"description": description, "content": {problems.MEDIA_TYPE: content}}


def _says(kind: type[GatecastError]) -> str:
    return (kind.__dict__.get("__doc__") or problems.title(kind.code)).strip().splitlines()[0]


def _named(examples: Named) -> dict[str, Any]:
    return {name: {"summary": name, "value": value} for name, value in examples.items()}
