"""Errors as clients read them: RFC 9457 documents for requests, `error` objects for items of a stream."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import numpy as np
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.access_errors import AccessUnavailable, KeysError
from service.errors import (
    BadRequest,
    BundleError,
    GatecastError,
    InvalidValue,
    JournalDamaged,
    JournalError,
    MalformedJson,
    MethodNotAllowed,
    NotFound,
    RuntimeUnavailable,
    SettingsError,
    WrongType,
)
from service.refusals import BrokenVersion, NotRecorded, UnsafeVersion

MEDIA_TYPE = "application/problem+json"
_SHOWN = 10  # of many faults in one body
_COUNTED = 1000  # beyond it, listing the faults would hold everyone up

_NAMING_PLACES = (
    AccessUnavailable, BrokenVersion, BundleError, KeysError, NotRecorded, RuntimeUnavailable, SettingsError,
    UnsafeVersion,
)  # fmt: skip
_FOLDERS = re.compile(r"(?<![\w.])(?:[\w.-]*/)+(?=[\w.-])")  # before a file's own name

_OUT_OF_BOUNDS = frozenset({"finite_number", "greater_than_equal", "less_than_equal", "greater_than", "less_than"})


def encode(value: object) -> bytes:
    """JSON of an answer; numbers may be numpy's."""
    return _JSON.encode(value)


def plain(value: Any) -> object:
    """What msgspec does not know by itself: numpy's numbers and arrays."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)


_JSON = msgspec.json.Encoder(enc_hook=plain)


def title(code: str) -> str:
    """The code in words."""
    return code.replace("_", " ").capitalize()


def document(error: GatecastError) -> dict[str, object]:
    """The problem's members; the standard ones win over facts of the same name."""
    error = told(error)
    return {
        **error.facts,
        "type": f"urn:gatecast:error:{error.code}",
        "title": title(error.code),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
    }


def fault(error: GatecastError) -> dict[str, object]:
    """The `error` object of an item."""
    error = told(error)
    return {**error.facts, "code": error.code, "message": error.message}


def told(error: GatecastError) -> GatecastError:
    """The error as clients may read it: where the service keeps things and what is in them is for its log."""
    if isinstance(error, _NAMING_PLACES):
        return type(error)(_FOLDERS.sub("", error.message), **error.facts)
    if isinstance(error, JournalDamaged):
        return type(error)("what the journal holds is damaged, and nothing was recorded; /ready and the log say more")
    if isinstance(error, JournalError):
        return type(error)(
            "the journal cannot be written or read now; ask for the session's last step, then send again what it lacks "
            "(/ready and the log say more)"
        )
    return error


def answer(
    error: GatecastError, retry_after: int, headers: Mapping[str, str] | None = None, also: str | None = None
) -> Response:
    """The problem as a response; 503 and 429 say when to come back (whole seconds), 401 that a key is wanted.

    Its detail stands under the name `also` too, if there is one.
    """
    sent = dict(headers or {})
    if error.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        told_after = error.facts.get("retry_after_seconds")
        sent["retry-after"] = str(math.ceil(told_after) if isinstance(told_after, int | float) else retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        sent["www-authenticate"] = "Bearer"
    told_of = document(error)
    if also is not None:
        told_of[also] = told_of["detail"]
    return Response(encode(told_of), error.status, sent, MEDIA_TYPE)


def from_framework(error: HTTPException, request: Request) -> GatecastError:
    """What the framework refuses by itself, as ours."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound("there is nothing at this path; the paths are listed at /docs and /openapi.json")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        return MethodNotAllowed(f"{request.method} is not served here, but {allowed}", allowed=allowed)
    return BadRequest(str(error.detail))


def from_validation(errors: Sequence[Mapping[str, Any]]) -> GatecastError:
    """A body or a query that does not fit its schema; never quotes what came."""
    first = errors[0]
    kind = str(first["type"])
    if kind == "json_invalid":
        return MalformedJson(f"a JSON document was expected: {first['msg'].removeprefix('Invalid JSON: ')}")
    faults = [{"where": _where(each), "message": str(each["msg"])} for each in errors[:_SHOWN]]
    message = "; ".join(f"{each['where']}: {each['message']}" for each in faults)
    out_of_bounds = all(each["type"] in _OUT_OF_BOUNDS for each in errors)
    return (InvalidValue if out_of_bounds else WrongType)(message, faults=faults)


def from_pydantic(invalid: ValidationError) -> GatecastError:
    """As `from_validation`, of pydantic's own exception."""
    if invalid.error_count() > _COUNTED:
        return WrongType(f"the body has {invalid.error_count()} fields or values that do not fit its schema")
    return from_validation(invalid.errors(include_url=False, include_context=False, include_input=False))


def _where(error: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in error["loc"]) or "the body"
