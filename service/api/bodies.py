"""Bodies of requests: JSON straight into their schema, or the error that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.api import problems
from service.errors import BadRequest, UnsupportedMediaType

T = TypeVar("T")


async def read(request: Request, *schemas: TypeAdapter[T]) -> T | None:
    """The body by its schema, None if there is no body. Of two schemas the second is for lists.

    `UnsupportedMediaType`, `MalformedJson`, `WrongType`, `InvalidValue`; from the boundary come `TooLarge`, `TooSlow`,
    `MalformedGzip`.
    """
    data = await whole(request)
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


async def raw(request: Request, media_type: str) -> bytes:
    """The body as it is; `UnsupportedMediaType` if it is not said to be of this type."""
    data = await whole(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise UnsupportedMediaType(f"a file was expected; send it with the header Content-Type: {media_type}")
    return data


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns. It ends when the client leaves: nothing is computed for those who gave up and ask again."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise BadRequest("the client left before its answer was there")
    finally:
        working.cancel()
        leaving.cancel()


async def whole(request: Request) -> bytes:
    """The body as it is, whatever it is said to be."""
    try:
        return await request.body()
    except ClientDisconnect as gone:
        raise BadRequest("the client left before its body was whole") from gone


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
