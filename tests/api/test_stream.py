"""The websocket: frames of one or many readings of any sessions, in JSON or MessagePack, answered in order."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import httpx
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

START = "2015-01-10T00:00:00"


def new(http: httpx.Client, *values: float | None) -> str:
    """A session of its own, with a history if values are given."""
    name = f"s-{uuid.uuid4()}"
    body = {"history": {"start": START, "y": list(values)}} if values else {"start": START}
    assert http.put(f"/v1/sessions/{name}", json=body).status_code == 201
    return name


def ask(socket: ClientConnection, sent: object) -> Any:
    socket.send(json.dumps(sent))
    return json.loads(socket.recv(timeout=10))


def test_a_reading_is_acknowledged_with_its_forecast(live) -> None:
    name = new(live.http, 1, 2)
    with connect(live.stream()) as socket:
        answer = ask(socket, {"session": name, "step": 2, "y": 3.5})
    assert (answer["session"], answer["step"], answer["ds"], answer["durable"]) == (
        name,
        2,
        "2015-01-10T02:00:00",
        "none",
    )
    assert answer["forecast"]["start"] == "2015-01-10T03:00:00"
    assert list(answer["forecast"]["quantiles"]) == ["0.1", "0.5", "0.9"]
    peek = live.http.get(f"/v1/sessions/{name}/forecast").json()["forecast"]
    assert peek["median"] == answer["forecast"]["median"]
    assert peek["ds"][0] == answer["forecast"]["start"]


def test_the_handshake_says_protocol_and_model(live) -> None:
    with connect(live.stream("?protocol=1")) as socket:
        assert socket.response is not None
        assert socket.response.headers["gatecast-protocol"] == "1"
        assert socket.response.headers["gatecast-model"] == live.runtime.bundle.digest


def test_one_frame_carries_many_readings_of_many_sessions(live) -> None:
    first, second = new(live.http), new(live.http)
    sent = [
        {"session": first, "step": 0, "y": 1},
        {"session": second, "ds": START, "y": None},
        {"session": first, "step": 1, "y": 2},
        {"session": second, "y": 4},
    ]
    with connect(live.stream()) as socket:
        answers = ask(socket, sent)
    assert [(each["session"], each["step"]) for each in answers] == [(first, 0), (second, 0), (first, 1), (second, 1)]
    assert ["forecast" in each for each in answers] == [False, False, True, True]
    assert ["delivery" in each for each in answers] == [False, False, False, True]


def test_one_wrong_reading_spoils_no_other(live) -> None:
    good, other = new(live.http), new(live.http, 1)
    sent = [
        {"session": good, "step": 0, "y": 1},
        {"session": "nobody", "step": 0, "y": 1},
        {"session": other, "step": 5, "y": 1},
        {"session": other, "step": 1, "y": "x"},
        {"session": other, "step": 1, "y": 1e300},
        {"session": other, "step": 1, "y": 2},
    ]
    with connect(live.stream()) as socket:
        answers = ask(socket, sent)
    codes = [each["error"]["code"] if "error" in each else None for each in answers]
    assert codes == [None, "unknown_session", "gap", "wrong_type", "invalid_value", None]
    assert answers[2]["error"]["expected_step"] == 1
    assert [each["session"] for each in answers] == [each["session"] for each in sent]


def test_messagepack_is_answered_in_messagepack_with_the_same_numbers(live) -> None:
    one, two = new(live.http, 1, 2), new(live.http, 1, 2)
    with connect(live.stream()) as socket:
        text = ask(socket, [{"session": one, "step": 2, "y": 3.25}])
        socket.send(msgspec.msgpack.encode([{"session": two, "step": 2, "y": 3.25}]))
        packed = msgspec.msgpack.decode(socket.recv(timeout=10))
    assert packed == [{**text[0], "session": two}]


def test_quantiles_and_horizon_are_chosen_for_a_connection_or_for_a_frame(live) -> None:
    name = new(live.http)
    with connect(live.stream("?quantiles=0.9&horizon=2")) as socket:
        whole = ask(socket, {"session": name, "step": 0, "y": 1})
        frame = ask(socket, {"observations": [{"session": name, "step": 1, "y": 1}], "quantiles": [0.1], "horizon": 1})
        after = ask(socket, {"session": name, "step": 2, "y": 1})
    for answer, level, horizon in ((whole, "0.9", 2), (frame[0], "0.1", 1), (after, "0.9", 2)):
        assert list(answer["forecast"]["quantiles"]) == [level]
        assert len(answer["forecast"]["median"]) == horizon


@pytest.mark.parametrize(
    ("options", "horizon", "levels"),
    [({"quantiles": [0.1]}, 2, ["0.1"]), ({"horizon": 1}, 1, ["0.9"]), ({"gates": False}, 2, ["0.9"])],
    ids=["quantiles", "horizon", "gates"],
)
def test_what_a_frame_does_not_choose_is_as_on_its_connection(live, options, horizon: int, levels: list[str]) -> None:
    name = new(live.http)
    with connect(live.stream("?quantiles=0.9&horizon=2&gates=summary")) as socket:
        (item,) = ask(socket, {"observations": [{"session": name, "step": 0, "y": 1}], **options})
    assert list(item["forecast"]["quantiles"]) == levels
    assert len(item["forecast"]["median"]) == horizon
    assert ("gates" in item) == ("gates" not in options)


def test_frames_on_their_way_at_once_are_answered_in_their_order(live) -> None:
    names = [new(live.http) for _ in range(5)]
    with connect(live.stream()) as socket:
        for step in range(40):
            for name in names:
                socket.send(json.dumps({"session": name, "step": step, "y": step}))
        answers = [json.loads(socket.recv(timeout=10)) for _ in range(40 * len(names))]
    assert [(each["session"], each["step"]) for each in answers] == [
        (name, step) for step in range(40) for name in names
    ]


def test_sending_the_last_reading_again_repeats_its_answer(live) -> None:
    name = new(live.http)
    with connect(live.stream()) as socket:
        first = ask(socket, {"session": name, "step": 0, "y": 1})
    with connect(live.stream()) as socket:
        again = ask(socket, {"session": name, "step": 0, "y": 1})
    assert again == {**first, "repeated": True}


def test_readings_of_a_client_that_left_are_recorded(live) -> None:
    name = new(live.http)
    with connect(live.stream()) as socket:
        for step in range(5):
            socket.send(json.dumps({"session": name, "step": step, "y": 1}))
        socket.recv(timeout=10)
    for _ in range(100):
        place = live.http.get(f"/v1/sessions/{name}").json()
        if place["last_step"] == 4:
            break
    assert place["last_step"] == 4


def test_a_client_that_left_without_reading_an_answer_has_all_that_it_had_sent_recorded(live) -> None:
    name = new(live.http)
    with connect(live.stream()) as socket:
        for step in range(100):  # many more than are worked on at once
            socket.send(json.dumps({"session": name, "step": step, "y": step}))
    for _ in range(200):
        place = live.http.get(f"/v1/sessions/{name}").json()["next_step"]
        if place == 100:
            break
        time.sleep(0.01)
    assert place == 100


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", "malformed_json"),
        ("", "malformed_json"),
        ('{"session": "a", "y": NaN}', "malformed_json"),
        ('{"session": "a", "y": Infinity}', "malformed_json"),
        ("null", "wrong_type"),
        ('{"y": 1}', "wrong_type"),
        ('{"session": 7, "y": 1}', "wrong_type"),
        ('{"session": "a"}', "wrong_type"),
        ('{"session": "a", "y": true}', "wrong_type"),
        ('{"session": "a", "y": 1, "stepp": 1}', "wrong_type"),
        ('{"session": "a", "y": 1e400}', "invalid_value"),
        ('{"session": "a", "y": 1, "step": -1}', "invalid_value"),
        ('{"session": "a", "y": 1, "step": %s}' % ("9" * 50), "invalid_value"),
        ('{"session": "a", "y": 1, "step": %s}' % ("9" * 5000), "invalid_value"),
        ('{"session": "a", "y": 1, "ds": "noon"}', "invalid_time"),
        ('{"session": "a", "y": 1, "ds": "2015-01-10T00:00:00Z"}', "invalid_time"),
        ('{"session": "a", "y": 1, "ds": 7}', "invalid_time"),
        ('{"session": "a", "y": 1, "covariates": {"t": 1}}', "unknown_covariate"),
        ('{"session": "\\u0000", "y": 1}', "unknown_session"),
        ('{"observations": [], "quantiles": [0.42]}', "unknown_quantile"),
        ('{"observations": [], "horizon": 4}', "horizon_too_long"),
        ("[" * 50_000, "malformed_json"),
        (b"\xc1", "malformed_msgpack"),
        (b"", "malformed_msgpack"),
        (msgspec.msgpack.encode({"session": "a", "y": float("nan")}), "invalid_value"),
        (msgspec.msgpack.encode({"session": "a", "y": float("inf")}), "invalid_value"),
        (msgspec.msgpack.encode({"session": "a", "y": 1, "step": 2**64 - 1}), "invalid_value"),
    ],
)
def test_what_cannot_be_taken_is_an_error_item_and_the_connection_stays(live, sent: str | bytes, code: str) -> None:
    decode = json.loads if isinstance(sent, str) else msgspec.msgpack.decode
    name = new(live.http)
    with connect(live.stream()) as socket:
        socket.send(sent)
        refused = decode(socket.recv(timeout=10))  # type: ignore[operator]
        assert refused["error"]["code"] == code
        assert refused["error"]["message"]
        assert ask(socket, {"session": name, "step": 0, "y": 1})["step"] == 0


@pytest.mark.parametrize(
    ("reading", "code", "facts"),
    [
        ({"step": 9, "y": 1}, "gap", {"expected_step": 2}),
        ({"step": 1, "y": 7}, "conflict", {}),
        ({"step": 0, "y": 1}, "duplicate", {"last_step": 1}),
        ({"ds": "2015-01-10T02:20:00", "y": 1}, "off_grid", {}),
        ({"ds": "2015-01-10T03:00:00", "step": 2, "y": 1}, "step_mismatch", {}),
    ],
)
def test_a_reading_out_of_its_place_is_refused_by_name(live, reading, code, facts) -> None:
    name = new(live.http, 1, 2)
    with connect(live.stream()) as socket:
        answer = ask(socket, {"session": name, **reading})
    assert answer["error"]["code"] == code
    assert facts.items() <= answer["error"].items()
    assert answer["session"] == name
    assert answer.get("step") == reading.get("step")


def test_an_empty_list_is_answered_with_an_empty_list(live) -> None:
    with connect(live.stream()) as socket:
        assert ask(socket, []) == []


def test_text_that_is_no_utf8_closes_as_the_protocol_of_websockets_demands(live) -> None:
    with connect(live.stream()) as socket:
        socket.send(b"\xff\xfe", text=True)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007


def test_metrics_count_frames_and_streams(live) -> None:
    name = new(live.http)
    with connect(live.stream()) as socket:
        ask(socket, {"session": name, "step": 0, "y": 1})
        text = live.http.get("/metrics").text
    assert "gatecast_streams 1.0" in text
    assert 'gatecast_frames_total{form="json"}' in text
    assert "gatecast_streams 0.0" in until(live.http, "gatecast_streams 0.0")
    assert name not in text


def until(http: httpx.Client, wanted: str) -> str:
    for _ in range(200):
        text = http.get("/metrics").text
        if wanted in text:
            return text
    return text
