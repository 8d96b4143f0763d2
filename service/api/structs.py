"""The schemas as structs, which decode five times as fast."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from pydantic import BaseModel


def derive(model: type[BaseModel], without: Collection[str] = (), **other: Any) -> type[msgspec.Struct]:
    """The same fields, but for those that are left out, and those of another type."""
    fields = [
        (name, other.get(name, field.annotation), *([] if field.is_required() else [field.default]))
        for name, field in model.model_fields.items()
        if name not in without
    ]
    return msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True, kw_only=True)
