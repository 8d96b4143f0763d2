"""Errors leak nothing: whatever breaks inside, by request, by stream, or among what operators are told."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from websockets.sync.client import connect

import service
from service.api import openapi, problems
from service.errors import BundleError, GatecastError, JournalDamaged, JournalError, RuntimeUnavailable, SettingsError
from service.journal.memory import MemoryJournal
from service.refusals import BrokenVersion, NotRecorded
from tests.api.leaks import INSIDE, PLACE, SECRET, assert_nothing_leaks
from tests.api.test_columns import ask, new

START = "2015-01-10T00:00:00"
FAULTS = [
    ValueError(f"{SECRET} at {PLACE}"),
    OSError(2, "No such file or directory", PLACE),
    KeyError(INSIDE),
    RecursionError(SECRET),
    MemoryError(SECRET),
    JournalError(f"the journal {PLACE} is full"),
    JournalDamaged(f"the journal {PLACE} is damaged: {INSIDE!r}"),
]
BODIES = {"/v1/predict": {"series": [{"unique_id": "a", "start": START, "y": [1, 2]}]}}


def tree(kind: type[GatecastError] = GatecastError) -> Iterator[type[GatecastError]]:
    """All errors that there are."""
    yield kind
    for each in kind.__subclasses__():
        yield from tree(each)


for module in pkgutil.walk_packages(service.__path__, "service."):
    if "torch" not in module.name and "_kernel" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)


def chained(fault: Exception) -> Exception:
    """Raised while another one was handled, as real ones are."""
    try:
        raise RuntimeError(f"before it: {PLACE}")
    except RuntimeError as before:
        fault.__cause__ = before
    return fault


def break_engine(running: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """Every way into the engine ends in it."""

    def fail(*_: Any, **__: Any) -> Any:
        raise chained(fault)

    engine = running.service.edge.engine
    for name in ("forecast", "create", "session", "sessions", "delete", "peek", "regime", "gates", "submit", "at_hand"):
        monkeypatch.setattr(engine, name, fail)
    for name in ("correct", "rewind", "fork", "export", "take_in", "erase"):
        monkeypatch.setattr(engine.changes, name, fail)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_no_request_tells_what_broke(open_inside, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    async with open_inside() as running:
        await running.http.put("/v1/sessions/s", json={"start": START})
        break_engine(running, monkeypatch, fault)
        broken = 0
        for method, path, _ in openapi.endpoints(running.service.app):
            body = BODIES.get(path, {"readings": [{"step": 0, "y": 1}]} if "corrections" in path else None)
            body = {"step": 0, "y": 1} if path.endswith("observations") else body
            body = {"step": 0} if path.endswith("rewind") else {"session": "t"} if path.endswith("fork") else body
            answer = await running.http.request(method, path.replace("{session}", "s"), json=body)
            assert_nothing_leaks(f"{answer.headers}")
            if path != "/metrics":
                assert_nothing_leaks(answer.text)
            if answer.status_code >= 500 and path not in ("/ready",):
                broken += 1
                problem = answer.json()
                assert problem["code"] in ("internal", "journal", "journal_damaged")
                if problem["code"] == "internal":
                    assert problem["request"] == answer.headers["x-request-id"]
        assert broken >= 10
        assert SECRET not in running.log.getvalue()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_no_frame_tells_what_broke_and_the_stream_goes_on(
    open_behind, monkeypatch: pytest.MonkeyPatch, fault: Exception, packed: bool
) -> None:
    with open_behind() as running, connect(running.stream()) as socket:
        name = new(running.http)
        with monkeypatch.context() as patched:
            break_engine(running, patched, fault)
            one = {"session": name, "step": 0, "y": 1}
            for frame in (one, [one], {"observations": [one]}, {"sessions": [name], "steps": [0], "y": [1]}):
                answer = ask(socket, frame, packed)
                assert_nothing_leaks(json.dumps(answer, default=str))
                assert "error" in (answer[0] if isinstance(answer, list) else answer)
        assert ask(socket, one, packed)["step"] == 0
        assert SECRET not in running.log.getvalue()


class Broken(MemoryJournal):
    """Fails in its own words as soon as somebody reads or writes."""

    fault: Exception | None = None

    def heads(self, names: Any) -> Any:
        if self.fault is not None:
            raise self.fault
        return super().heads(names)

    def append(self, readings: Any) -> Any:
        if self.fault is not None:
            raise self.fault
        return super().append(readings)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_what_breaks_in_the_engines_own_thread_is_told_to_nobody(open_behind, fault: Exception) -> None:
    journal = Broken(1)
    with open_behind(journal=journal) as running, connect(running.stream()) as socket:
        name = new(running.http)
        journal.fault = chained(fault)
        for frame in ({"session": name, "step": 0, "y": 1}, [{"session": "other", "step": 0, "y": 1}]):
            socket.send(msgspec.json.encode(frame).decode())
            assert_nothing_leaks(str(socket.recv(timeout=20)))
        for path in (f"/v1/sessions/{name}", "/v1/sessions/other"):
            assert_nothing_leaks(running.http.get(path).text)
        journal.fault = None


@pytest.mark.parametrize("kind", sorted(set(tree()), key=lambda kind: kind.__name__))
def test_every_error_has_its_code_and_is_told_in_both_forms(kind: type[GatecastError]) -> None:
    error = kind("in words", limit=3)
    assert error.code == error.code.lower()
    assert 400 <= error.status < 600
    for shown in (problems.document(error), problems.fault(error)):
        assert shown["code"] == kind.code
    assert_nothing_leaks(json.dumps(problems.document(error)))


@pytest.mark.parametrize("kind", [BundleError, BrokenVersion, RuntimeUnavailable, SettingsError, NotRecorded])
@pytest.mark.parametrize("place", [PLACE, f"srv/{SECRET}/step.onnx", f"../{SECRET}/step.onnx"])
def test_errors_that_name_files_tell_clients_the_file_and_not_where_it_lies(
    kind: type[GatecastError], place: str
) -> None:
    shown = problems.fault(kind(f"{place} does not match its digest; see ({place}), {place}/", limit=3))
    message = str(shown["message"])
    assert SECRET not in message
    assert place.rpartition("/")[2] in message
    assert shown["limit"] == 3
