"""Traces, where they are asked for, arrive at a collector; where they are not, nothing of them is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.sync.client import connect

from service.errors import SettingsError
from service.settings import Settings
from service.traces import Traces
from tests.api.conftest import behind
from tests.observe.collector import Collector, attributes, collecting
from tests.served import free_port

START = "2024-01-01T00:00:00"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PART = {"traceparent": f"00-{TRACE}-{CALLER}-01"}  # W3C's own example


@pytest.fixture(scope="module")
def told() -> tuple[Collector, str]:
    """What a collector was sent of a service that has ended, and the service's log."""
    with collecting() as collector, behind({"traces": collector.url}) as running:
        http = running.http
        http.put("/v1/sessions/secret-name", json={"start": START}, headers=PART).raise_for_status()
        series = [{"unique_id": "secret-id", "start": START, "y": [1.0, 2.0]}]
        http.post("/v1/predict", json={"series": series}).raise_for_status()
        assert http.get("/v1/sessions/secret-nobody").status_code == 404
        http.get("/ready")
        with connect(running.stream(), additional_headers=PART) as stream:
            for step in range(3):
                stream.send(json.dumps([{"session": "secret-name", "step": step, "y": 424242}]))
                stream.recv(timeout=20)
            stream.send("no frame")
            stream.recv(timeout=20)
    return collector, running.log.getvalue()


def test_a_request_is_a_span_by_its_route_and_part_of_its_callers_trace(told: tuple[Collector, str]) -> None:
    collector, log = told
    (made,) = collector.named("PUT /v1/sessions/{session}")
    assert (made.trace_id.hex(), made.parent_span_id.hex()) == (TRACE, CALLER)
    assert attributes(made)["http.response.status_code"] == 201
    assert made.start_time_unix_nano < made.end_time_unix_nano
    (own,) = collector.named("POST /v1/predict")
    assert own.parent_span_id == b""
    assert own.trace_id.hex() != TRACE
    (missing,) = collector.named("GET /v1/sessions/{session}")
    assert attributes(missing)["http.response.status_code"] == 404
    assert not collector.named("GET /ready")
    requests = [json.loads(line) for line in log.splitlines() if '"request"' in line and '"PUT"' in line]
    assert [line["trace"] for line in requests] == [TRACE]


def test_a_frame_is_a_span_of_the_trace_that_opened_its_stream(told: tuple[Collector, str]) -> None:
    frames = told[0].named("frame")
    assert [attributes(each).get("gatecast.readings") for each in frames] == [1, 1, 1, None]
    assert {(each.trace_id.hex(), each.parent_span_id.hex()) for each in frames} == {(TRACE, CALLER)}
    assert attributes(frames[-1])["error.type"] == "malformed_json"


def test_a_batch_is_a_span_and_within_it_what_the_journal_took(told: tuple[Collector, str]) -> None:
    batches = told[0].named("batch")
    appends = {each.parent_span_id: each for each in told[0].named("journal append")}
    assert [attributes(each)["gatecast.readings"] for each in batches] == [1, 1, 1]
    for batch in batches:
        append = appends[batch.span_id]
        assert append.trace_id == batch.trace_id
        assert batch.start_time_unix_nano - 1000 <= append.start_time_unix_nano
        assert append.end_time_unix_nano <= batch.end_time_unix_nano
    assert [attributes(each)["gatecast.steps"] for each in told[0].named("histories")] == [2]


def test_no_span_holds_a_name_or_a_value(told: tuple[Collector, str]) -> None:
    collector, _ = told
    assert collector.services == {"gatecast"}
    assert collector.spans
    assert b"secret" not in collector.raw
    assert b"424242" not in collector.raw


def test_a_collector_that_is_away_holds_up_nobody() -> None:
    with behind({"traces": f"http://127.0.0.1:{free_port()}/v1/traces"}) as running:
        assert running.http.put("/v1/sessions/a", json={"start": START}).status_code == 201


def test_without_them_nothing_is_sent_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework has traces of its own, with paths in them, and paths hold names of sessions."""
    with collecting() as collector:
        monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.removesuffix("/v1/traces"))
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
        with behind() as running:
            running.http.put("/v1/sessions/secret-name", json={"start": START}).raise_for_status()
    assert collector.raw == b""


def test_without_them_nothing_of_them_is_imported() -> None:
    asked = "import sys, service.app; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


def test_without_the_packages_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"gatecast\[otel\]"):
        Traces("http://127.0.0.1:4318/v1/traces")


@pytest.mark.parametrize("wrong", ["localhost:4318", "http://localhost:4318", "grpc://a/b"])
def test_what_is_no_address_of_a_collector_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match="v1/traces"):
        Settings.read(bundle=Path(), traces=wrong)
