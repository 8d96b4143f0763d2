"""Logs: one event a line, for machines or people, and nothing of what clients sent."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from service.errors import ModelFailed
from service.logs import LogObserver, adopt_libraries, open_log


@pytest.fixture
def restored() -> Iterator[None]:
    """Leaves the libraries' loggers as they were."""
    names = ["", "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets", "asyncio", "py.warnings"]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    logging.captureWarnings(False)
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fault(message: str) -> ValueError:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_json_lines_carry_event_level_time_and_what_was_told() -> None:
    stream = io.StringIO()
    open_log("info", "json", stream).info("request", status=200)
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["status"]) == ("request", "info", 200)
    assert str(line["timestamp"]).endswith("Z")


def test_what_lies_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    log = open_log("warning", "json", stream)
    log.info("request")
    log.warning("draining")
    assert [line["event"] for line in lines(stream)] == ["draining"]


def test_auto_writes_json_where_there_is_no_terminal_and_console_writes_for_people() -> None:
    stream = io.StringIO()
    open_log("info", "auto", stream).info("request")
    assert lines(stream)
    people = io.StringIO()
    open_log("info", "console", people).info("request", status=200)
    assert "request" in people.getvalue()
    assert "status=200" in people.getvalue()
    assert not people.getvalue().startswith("{")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_fault_is_logged_by_its_type_and_places_without_its_words(form: str) -> None:
    stream = io.StringIO()
    open_log("info", form, stream).error("fault", exc_info=fault("taxi-17 is 42"))  # type: ignore[arg-type]
    assert "taxi-17" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "test_logs.py" in stream.getvalue()


def test_the_engines_faults_and_readiness_are_logged() -> None:
    stream = io.StringIO()
    observer = LogObserver(open_log("info", "json", stream))
    observer.readiness(True, "warmed up")
    error = ModelFailed("the model failed")
    error.__cause__ = fault("secret")
    observer.fault(error)
    observer.readiness(False, "the model failed")
    ready, failed, not_ready = lines(stream)
    assert (ready["event"], not_ready["event"], not_ready["level"]) == ("ready", "not ready", "warning")
    assert (failed["kind"], failed["fault"]) == ("ModelFailed", "ValueError")


@pytest.mark.usefixtures("restored")
def test_libraries_log_through_ours_but_neither_their_chatter_nor_their_arguments() -> None:
    stream = io.StringIO()
    adopt_libraries(open_log("debug", "json", stream))
    server = logging.getLogger("uvicorn.error")
    server.debug("< TEXT %s", '{"session": "taxi-17"}')
    server.info('%s - "WebSocket %s" [accepted]', "client", "/v1/sessions/taxi-17")
    server.warning("Invalid request for %s", "/v1/sessions/taxi-17")
    (line,) = lines(stream)
    assert (line["event"], line["library"]) == ("library", "uvicorn.error")
    assert "taxi-17" not in stream.getvalue()


@pytest.mark.usefixtures("restored")
def test_a_client_that_sends_no_utf8_is_no_fault_of_ours() -> None:
    stream = io.StringIO()
    adopt_libraries(open_log("info", "json", stream))
    try:
        b"\xff".decode()
    except UnicodeDecodeError:
        logging.getLogger("uvicorn.error").exception("Invalid UTF-8 sequence received from client.")
    (line,) = lines(stream)
    assert line["level"] == "info"
    assert "trace" not in line
