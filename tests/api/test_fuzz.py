"""Whatever is sent, no answer is a fault of the service, and no line of its log is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import ClientConnection, connect

from tests.api.leaks import assert_nothing_leaks

START = "2015-01-10T00:00:00"
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([START, "2015-01-10T01:00:00", "2015-13-01", 1e300, -1e300, "fuzz", "\x00", 0, 1, 2**63, "0.1"])
)
FIELDS = [
    "series", "unique_id", "start", "ds", "y", "covariates", "horizon", "quantiles", "history", "session", "step",
    "observations", "future", "static", "sessions", "steps", "handles", "every", "gates", "gaps",
]  # fmt: skip
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=15,
)
series = st.fixed_dictionaries(
    {"unique_id": st.text(max_size=3) | scalars, "y": st.lists(scalars, max_size=4)},
    optional={
        "start": scalars,
        "ds": st.lists(scalars, max_size=4),
        "covariates": documents,
        "future": documents,
        "static": documents,
    },
)
requests = documents | st.fixed_dictionaries(
    {"series": st.lists(series, max_size=3)}, optional={"horizon": scalars, "quantiles": st.lists(scalars, max_size=2)}
)
readings = st.fixed_dictionaries(
    {"session": st.just("fuzz") | scalars, "y": scalars},
    optional={"step": scalars, "ds": scalars, "covariates": documents, "future": documents},
)
columns = st.fixed_dictionaries(
    {"sessions": st.lists(st.just("fuzz") | scalars, max_size=3), "y": st.lists(scalars, max_size=3)},
    optional={
        "steps": st.lists(scalars, max_size=3),
        "ds": st.lists(scalars, max_size=3),
        "covariates": documents,
        "every": scalars,
        "gaps": scalars | st.sampled_from(["missing", "error"]),
        "horizon": scalars,
    },
)
raws = st.fixed_dictionaries(
    {"sessions": st.just(["fuzz"]) | st.binary(max_size=9), "y": st.binary(min_size=8, max_size=8)},
    optional={"steps": st.binary(min_size=8, max_size=8)},
)
frames = documents | readings | st.lists(readings, max_size=4) | columns


@pytest.fixture(scope="module")
def stream(live) -> Iterator[ClientConnection]:
    live.http.put("/v1/sessions/fuzz", json={"start": START})
    with connect(live.stream()) as socket:
        yield socket


@pytest.fixture(autouse=True)
def no_faults(live) -> Iterator[None]:
    yield
    assert '"fault"' not in live.log.getvalue()
    assert '"library"' not in live.log.getvalue()


def text_of(document: Any) -> bytes:
    return json.dumps(document).encode()  # NaN and Infinity as literals, like careless clients


def check(answer: httpx.Response) -> None:
    assert_nothing_leaks(answer.text.replace("\\u001f", "").replace("\x1f", ""))  # a name that was sent is quoted
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] != "internal"


@FUZZ
@given(document=requests)
def test_no_document_breaks_predict(live, document: Any) -> None:
    check(live.http.post("/v1/predict", content=text_of(document), headers={"content-type": "application/json"}))


@FUZZ
@given(body=st.binary(max_size=80))
def test_no_bytes_break_a_request(live, body: bytes) -> None:
    check(live.http.post("/v1/predict", content=body, headers={"content-type": "application/json"}))


@FUZZ
@given(
    document=documents | readings | st.lists(readings, max_size=4),
    name=st.sampled_from(["fuzz", "fuzz2", "a%2Fb", "%00"]),
)
def test_no_document_breaks_a_session(live, document: Any, name: str) -> None:
    headers = {"content-type": "application/json"}
    body = text_of(
        {key: value for key, value in document.items() if key != "session"} if isinstance(document, dict) else document
    )
    check(live.http.put(f"/v1/sessions/{name}", content=body, headers=headers))
    check(live.http.post(f"/v1/sessions/{name}/observations", content=body, headers=headers))


@FUZZ
@given(
    segment=st.text("abc%/.0123456789ABCDEF~+@:;,", max_size=12),
    query=st.text("horizonqtles=&,.0123456789%-", max_size=20),
)
def test_no_path_or_query_breaks_a_request(live, segment: str, query: str) -> None:
    url = httpx.URL(f"http://{live.address}").copy_with(raw_path=f"/v1/sessions/{segment}/forecast?{query}".encode())
    answer = live.http.get(url)
    assert answer.status_code < 500


@FUZZ
@given(document=frames)
def test_no_text_frame_breaks_a_stream(stream: ClientConnection, document: Any) -> None:
    stream.send(text_of(document).decode())
    check_items(json.loads(stream.recv(timeout=10)))


@FUZZ
@given(document=frames | raws)
def test_no_messagepack_frame_breaks_a_stream(stream: ClientConnection, document: Any) -> None:
    try:
        data = msgspec.msgpack.encode(document)
    except (OverflowError, ValueError):
        data = b"\xc1"
    stream.send(data)
    check_items(msgspec.msgpack.decode(stream.recv(timeout=10)))


@FUZZ
@given(data=st.binary(max_size=80) | st.text(max_size=80))
def test_no_noise_breaks_a_stream(stream: ClientConnection, data: bytes | str) -> None:
    stream.send(data)
    stream.recv(timeout=10)


def check_items(answer: Any) -> None:
    for item in answer if isinstance(answer, list) else [answer]:
        if "error" in item:
            assert item["error"]["code"] not in ("internal", "model_failed", "non_finite_forecast"), item
        else:
            assert "step" in item or "steps" in item or "handles" in item
        for refused in item.get("errors", []):
            assert refused["error"]["code"] not in ("internal", "model_failed", "non_finite_forecast"), item
