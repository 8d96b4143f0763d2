"""The one place where any exception is caught: what went wrong there becomes an error of ours, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import GatecastError


@contextmanager
def faults_as(kind: type[GatecastError], message: str) -> Iterator[None]:
    """Our own errors pass; any other exception leaves as `kind`, with itself as the cause."""
    try:
        yield
    except GatecastError:
        raise
    except Exception as fault:  # a model or a disk may raise anything; no caller may wait for ever
        raise kind(message) from fault


def again(error: GatecastError) -> GatecastError:
    """The same error for another caller: one instance raised twice would gather both their traces."""
    copy = type(error)(error.message, **error.facts)
    copy.__cause__ = error.__cause__
    return copy
