"""Bodies of requests: JSON straight into their schema, or the error that says why not."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.api import problems
from service.errors import BadRequest, UnsupportedMediaType

T = TypeVar("T")


async def read(request: Request, *schemas: TypeAdapter[T]) -> T | None:
    """The body by its schema, None if there is no body. Of two schemas the second is for lists.

    `UnsupportedMediaType`, `MalformedJson`, `WrongType`, `InvalidValue`; `TooLarge` comes from the boundary.
    """
    try:
        data = await request.body()
    except ClientDisconnect as gone:
        raise BadRequest("the client left before its body was whole") from gone
    if not data:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType("a JSON body was expected; send it with the header Content-Type: application/json")
    schema = schemas[-1] if data.lstrip(b" \t\r\n")[:1] == b"[" else schemas[0]
    try:
        return schema.validate_json(data)
    except ValidationError as invalid:
        raise problems.from_pydantic(invalid) from invalid
