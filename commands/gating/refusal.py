"""The error that says why there are no gates to show."""

from __future__ import annotations


class Refusal(Exception):
    """Bundle, data or span do not go together; the message says what was expected, what came, what to do."""
