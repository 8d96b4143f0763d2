"""The one place where any exception is caught: what went wrong there becomes an error of ours, by name."""

from __future__ import annotations

from types import TracebackType

from service.errors import GatecastError


class faults_as:  # noqa: N801 (used as a function; a class, since every batch passes through several of them)
    """Our own errors pass; any other exception leaves as `kind`, with itself as the cause."""

    __slots__ = ("_kind", "_message")

    def __init__(self, kind: type[GatecastError], message: str) -> None:
        self._kind = kind
        self._message = message

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A model or a disk may raise anything; no caller may wait for ever.
        if isinstance(fault, Exception) and not isinstance(fault, GatecastError):
            raise self._kind(self._message) from fault


def again(error: GatecastError) -> GatecastError:
    """The same error for another caller: one instance raised twice would gather both their traces."""
    copy = type(error)(error.message, **error.facts)
    copy.__cause__ = error.__cause__
    return copy


def told(error: GatecastError) -> None:
    """Its caller has been answered: the error lets go of the way that it came.

    The frames of its trace, and of its cause's, hold what was sent, and some of them the error: a circle, which would
    stay, whole bodies in it, until the collector of cycles comes. Whoever logs the cause does it before; copies for
    other callers keep theirs.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
