"""Structured logs: one event a line, for people or for machines, without payloads and without names of sessions."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from service.events import NullObserver

Log = FilteringBoundLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# The server's own lines repeat ours, and at debug level they print the frames of every stream.
_QUIET = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets", "asyncio")
_CLIENTS_FAULTS = frozenset(
    {
        "Invalid UTF-8 sequence received from client.",
        "ASGI callable returned without completing handshake.",  # it was refused, with a problem document
    }
)
# As the journal's errors quote a session's name for those who may ask why (`service.names.quoted`).
_QUOTED = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_NAMED = re.compile(rf"\b(session|name) {_QUOTED}(?: of the tenant {_QUOTED})?")


def open_log(level: str, form: Literal["auto", "json", "console"], stream: TextIO) -> Log:
    """A log that writes one line an event to `stream`; `form` "auto" is for people where that is a terminal."""
    people = form == "console" or (form == "auto" and stream.isatty())
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if people
        else structlog.processors.JSONRenderer(sort_keys=False)
    )
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            faults_without_words,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return log


def silent_log() -> Log:
    """A log that writes nothing."""
    log: Log = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[], wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )
    return log


def faults_without_words(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces an exception by its type and the places it came through: its message may quote a reading."""
    fault = event.pop("exc_info", None)
    if isinstance(fault, tuple):
        fault = fault[1]
    if isinstance(fault, BaseException):
        event["fault"] = type(fault).__name__
        event["trace"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(fault.__traceback__)
        ]
    return event


class LogObserver(NullObserver):
    """Logs what the engine reports and somebody should read: faults, readiness, rebuilt states."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._was_ready = False

    def fault(self, error: BaseException) -> None:
        cause = error.__cause__ or error
        self._log.error("fault", kind=type(error).__name__, exc_info=cause)

    def rebuilt(self, sessions: int, readings: int) -> None:
        self._log.debug("rebuilt", sessions=sessions, readings=readings)

    def holidays_passed(self, until: str) -> None:
        self._log.warning("the holidays that the model knows are over: train anew", until=until)

    def readiness(self, ready: bool, reason: str) -> None:
        log = self._log.warning if self._was_ready and not ready else self._log.info
        self._was_ready |= ready
        log("ready" if ready else "not ready", reason=_NAMED.sub(r"\1 …", reason))


class Bridge(logging.Handler):
    """Takes what libraries log, warnings and worse, into our log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info[1] if record.exc_info else None
        level = record.levelno
        if record.msg in _CLIENTS_FAULTS:
            level, fault = logging.INFO, None
        # The template and not the message: the arguments may hold a path with a session's name in it.
        self._log.log(level, "library", library=record.name, message=str(record.msg).strip(), exc_info=fault)


def adopt_libraries(log: Log) -> None:
    """Sends the logs of the server and of other libraries through `log`; called once, by the process that serves."""
    root = logging.getLogger()
    root.handlers[:] = [Bridge(log)]
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    logging.captureWarnings(True)
