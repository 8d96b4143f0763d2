"""What is static of a session as text in a journal: a JSON object, null where a feature is unknown."""

from __future__ import annotations

import json
import math

from service.journal.protocol import Static


def encode(static: Static) -> str | None:
    """The text, or None where there are no features; `ValueError` where a number is infinite."""
    if not static:
        return None
    return json.dumps(
        {name: None if math.isnan(value) else float(value) for name, value in static.items()}, allow_nan=False
    )


def decode(text: str | None) -> dict[str, float]:
    """The features as they were; `ValueError` says what is wrong with the text."""
    if text is None:
        return {}
    found = json.loads(text)
    if not isinstance(found, dict) or not all(value is None or isinstance(value, float) for value in found.values()):
        raise ValueError("static features were expected as an object of numbers")
    return {name: math.nan if value is None else value for name, value in found.items()}
