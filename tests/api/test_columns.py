"""Frames by columns: what they are answered with, what is refused of them alone or as a whole, and handles."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.api.test_stream_limits import closed_with, frames

START = "2015-01-10T00:00:00"


def new(http: httpx.Client, **more: object) -> str:
    name = f"s-{uuid.uuid4()}"
    assert http.put(f"/v1/sessions/{name}", json={"start": START, **more}).status_code == 201
    return name


def ask(socket: ClientConnection, sent: object, packed: bool = False) -> Any:
    module: Any = msgspec.msgpack if packed else msgspec.json
    data = module.encode(sent)
    socket.send(data if packed else data.decode())
    return module.decode(socket.recv(timeout=10))


def raw(kind: str, *numbers: float) -> bytes:
    return np.array(numbers, kind).tobytes()


def test_readings_by_columns_are_answered_by_columns(live) -> None:
    one, two = new(live.http), new(live.http)
    with connect(live.stream()) as socket:
        assert ask(socket, {"handles": [one, two]}) == {"handles": {"first": 0, "count": 2}}
        answer = ask(socket, {"sessions": [0, 1], "y": [1.5, None], "steps": [0, 0]})
        itemised = ask(socket, [{"session": one, "step": 0, "y": 1.5}, {"session": two, "step": 0, "y": None}])
    assert answer["steps"] == [0, 0]
    assert answer["ds"] == [START, START]
    assert answer["durable"] == "none"
    assert sorted(answer) == ["ds", "durable", "forecast", "steps"]  # all have a forecast, and nothing is out of order
    for name, rows in answer["forecast"]["quantiles"].items():
        assert rows == [item["forecast"]["quantiles"][name] for item in itemised]


def test_raw_numbers_are_taken_and_answered(live) -> None:
    one, two = new(live.http), new(live.http)
    with connect(live.stream("?quantiles=0.1,0.5&horizon=2")) as socket:
        ask(socket, {"handles": [one, two]}, packed=True)
        columns = {"sessions": raw("<u4", 0, 1), "y": raw("<f8", 2.0, np.nan), "steps": raw("<i8", 0, -1)}
        answer = ask(socket, columns, packed=True)
        again = ask(socket, {"sessions": [0, 1], "y": [2.0, None], "steps": [0, 0]})
    forecast = answer["forecast"]
    assert (forecast["levels"], forecast["shape"]) == ([0.1, 0.5], [2, 2, 2])
    assert np.frombuffer(answer["steps"], "<i8").tolist() == [0, 0]
    assert np.frombuffer(answer["times"], "<i8").tolist() == [1_420_848_000] * 2
    assert answer["at_most_once"] == [1]
    origin = np.frombuffer(forecast["origin"], "<f8")
    values = np.frombuffer(forecast["values"], "<f4").reshape(forecast["shape"])
    whole = np.stack([again["forecast"]["quantiles"][name] for name in ("0.1", "0.5")], axis=2)  # rows, horizon, levels
    np.testing.assert_array_equal(origin, whole[:, 0, 1])
    np.testing.assert_array_equal(values, (whole - origin[:, None, None]).astype(np.float32))
    assert again["repeated"] == [0, 1]


def test_the_median_is_told_apart_where_its_level_is_not_asked_for(live) -> None:
    name = new(live.http)
    with connect(live.stream("?quantiles=0.1,0.9&horizon=2")) as socket:
        nested = ask(socket, {"sessions": [name], "y": [4.0], "steps": [0]})["forecast"]
        packed = ask(socket, {"sessions": [name], "y": [4.0], "steps": [0]}, packed=True)["forecast"]
        bare = ask(socket, {"sessions": [name], "y": [4.0], "steps": [0], "quantiles": []}, packed=True)["forecast"]
    assert sorted(nested["quantiles"]) == ["0.1", "0.9"]
    (origin,) = np.frombuffer(packed["origin"], "<f8")
    assert origin == nested["median"][0][0]
    for forecast in (packed, bare):
        np.testing.assert_allclose(origin + np.frombuffer(forecast["median"], "<f4"), nested["median"][0], rtol=1e-7)
    assert (bare["levels"], bare["shape"], bare["values"]) == ([], [1, 2, 0], b"")


@pytest.mark.parametrize("packed", [False, True])
def test_one_wrong_reading_spoils_no_other(live, packed: bool) -> None:
    good, other = new(live.http), new(live.http)
    with connect(live.stream()) as socket:
        ask(socket, {"handles": [good, other]}, packed)
        answer = ask(
            socket,
            {
                "sessions": [0, 1, 1, 1, 1, 9, "nobody", True, 1],
                "y": [1, 1, "x", 1e300, 2, 1, 1, 1, 3],
                "steps": [0, 5, 0, 0, -4, 0, 0, 0, 0],
            },
            packed,
        )
    wrong = [
        (1, "gap"), (2, "wrong_type"), (3, "invalid_value"), (4, "invalid_value"), (5, "unknown_handle"),
        (6, "unknown_session"), (7, "wrong_type"),
    ]  # fmt: skip
    assert [(each["at"], each["error"]["code"]) for each in answer["errors"]] == wrong
    assert [each["step"] for each in answer["errors"]] == [5, 0, 0, -4, 0, 0, 0]
    assert [each["error"]["message"].partition(":")[0] for each in answer["errors"][1:5]] == [
        "y[2]", "y[3]", "steps[4]", "sessions[5]",
    ]  # fmt: skip
    assert answer["errors"][0]["error"]["expected_step"] == 0
    steps = np.frombuffer(answer["steps"], "<i8").tolist() if packed else answer["steps"]
    assert steps == [0, *[-1 if packed else None] * 7, 0]
    rows = np.frombuffer(answer["rows"], "<u4").tolist() if packed else answer["rows"]
    assert rows == [0, 8]


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        ({"sessions": ["a"]}, "wrong_type", "`y` is missing"),
        ({"sessions": ["a", "b"], "y": [1]}, "wrong_type", "sessions has 2, y has 1"),
        ({"sessions": ["a"], "y": [1], "steps": [1, 2]}, "wrong_type", "steps has 2, y has 1"),
        ({"sessions": ["a"], "y": [1], "ds": []}, "wrong_type", "ds has 0, y has 1"),
        ({"sessions": ["a"], "y": [1], "steps": "0"}, "wrong_type", "steps: expected"),
        ({"sessions": "a", "y": [1]}, "wrong_type", "sessions: expected"),
        ({"sessions": ["a"], "y": [1], "step": [0]}, "wrong_type", "unknown field `step`"),
        ({"sessions": ["a"], "y": [1], "horizon": "x"}, "wrong_type", "horizon"),
        ({"sessions": ["a"], "y": [1], "covariates": [1]}, "wrong_type", "covariates: expected"),
        ({"sessions": ["a"], "y": [1], "covariates": {"t": 1}}, "wrong_type", "covariates.t: expected"),
        ({"sessions": ["a"], "y": [1], "covariates": {"t": [1]}}, "unknown_covariate", "leave out 't'"),
        ({"sessions": ["a"], "y": [1], "future": {}}, "wrong_type", "send those readings itemised"),
        ({"sessions": ["a"], "y": [1], "observations": []}, "wrong_type", "columns or observations"),
        ({"sessions": ["a"], "y": [1], "gates": "summary"}, "wrong_type", "send those readings itemised"),
        ({"sessions": ["a"], "y": [1], "quantiles": [0.42]}, "unknown_quantile", "0.42"),
        ({"sessions": ["a"], "y": [1], "every": 0}, "invalid_value", "every"),
        ({"sessions": ["a"], "y": [1], "every": "some"}, "wrong_type", "every"),
        ({"handles": "a"}, "wrong_type", "handles"),
        ({"handles": ["a"], "y": [1]}, "wrong_type", "unknown field `y`"),
        ({"handles": ["a", ""]}, "invalid_session", "handles[1]"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_a_frame_that_is_wrong_as_a_whole_is_refused_as_a_whole(live, sent, code: str, said: str, packed: bool) -> None:
    with connect(live.stream()) as socket:
        answer = ask(socket, sent, packed)
        assert answer["error"]["code"] == code
        assert said in answer["error"]["message"]
        assert ask(socket, {"handles": ["a"]}, packed)["handles"]["first"] == 0  # nothing of it was taken


@pytest.mark.parametrize(("column", "size"), [("sessions", 4), ("y", 8), ("steps", 8)])
def test_raw_numbers_that_are_no_whole_ones_are_refused_by_column(live, column: str, size: int) -> None:
    sent = {"sessions": raw("<u4", 0), "y": raw("<f8", 1), "steps": raw("<i8", 0)}
    with connect(live.stream()) as socket:
        answer = ask(socket, {**sent, column: sent[column] + b"\0"}, packed=True)
    assert (answer["error"]["code"], answer["error"]["column"]) == ("wrong_type", column)
    assert f"{size} bytes each" in answer["error"]["message"]


def test_numbers_that_no_reading_has_are_refused_at_their_places(live) -> None:
    name = new(live.http)
    with connect(live.stream()) as socket:
        for y in ([1.0, float("nan"), 2.0], raw("<f8", 1.0, np.inf, 2.0)):
            answer = ask(socket, {"sessions": [name] * 3, "y": y, "every": "none"}, packed=True)
            assert [(each["at"], each["error"]["code"]) for each in answer["errors"]] == [(1, "invalid_value")]
        for steps in (raw("<i8", 4, -2, 10**12 + 1, 5, -(2**63)), [4, -1, 10**12 + 1, 5, 2**63]):
            answer = ask(socket, {"sessions": [name] * 5, "y": [1.0] * 5, "steps": steps}, packed=True)
            assert [each["at"] for each in answer["errors"] if each["error"]["code"] == "invalid_value"] == [1, 2, 4]


def test_an_empty_frame_is_answered_with_empty_columns(live) -> None:
    with connect(live.stream()) as socket:
        assert ask(socket, {"sessions": [], "y": []}) == {"steps": [], "durable": "none", "ds": []}


def test_handles_go_on_and_a_name_may_have_two(live) -> None:
    name, other = new(live.http), new(live.http)
    with connect(live.stream()) as socket:
        assert ask(socket, {"handles": [name]})["handles"] == {"first": 0, "count": 1}
        assert ask(socket, {"handles": [other, name]})["handles"] == {"first": 1, "count": 2}
        answer = ask(socket, {"sessions": [0, 2, 1], "y": [1, 2, 3], "steps": [0, 1, 0]})
    assert answer["steps"] == [0, 1, 0]
    assert answer["rows"] == [1, 2]


def test_a_handle_of_another_connection_is_refused(live) -> None:
    name = new(live.http)
    with connect(live.stream()) as socket, connect(live.stream()) as other:
        ask(socket, {"handles": [name]})
        for sent in ([0], [-1], [2**70], [2**40]):
            answer = ask(other, {"sessions": sent, "y": [1], "steps": [0]})
            assert answer["errors"][0]["error"]["code"] == "unknown_handle"
            assert "anew on each connection" in answer["errors"][0]["error"]["message"]
        assert "rows" not in ask(socket, {"sessions": [0], "y": [1], "steps": [0]})


def test_handles_of_one_connection_are_bounded(open_behind) -> None:
    with open_behind({"handles_per_stream": 3}) as running, connect(running.stream()) as socket:
        ask(socket, {"handles": ["a", "b"]})
        refused = ask(socket, {"handles": ["c", "d"]})["error"]
        assert (refused["code"], refused["limit"]) == ("too_many_handles", 3)
        assert ask(socket, {"handles": ["c"]})["handles"] == {"first": 2, "count": 1}


@pytest.mark.parametrize("packed", [False, True])
def test_a_frame_of_too_many_readings_is_refused_as_a_whole(open_behind, packed: bool) -> None:
    with open_behind({"readings_per_frame": 3}) as running, connect(running.stream()) as socket:
        columns = {"sessions": raw("<u4", *range(4)), "y": raw("<f8", *range(4))}
        answer = ask(socket, columns if packed else {"sessions": [*range(4)], "y": [*range(4)]}, packed)
    assert (answer["error"]["code"], answer["error"]["limit"]) == ("too_many_readings", 3)


def test_times_are_taken_and_some_may_be_missing(live) -> None:
    name, other = new(live.http), new(live.http)
    with connect(live.stream()) as socket:
        sent = {"sessions": [name, other], "y": [1, 1], "ds": [START, "2015-01-10T00:00:00"]}
        assert ask(socket, sent)["steps"] == [0, 0]
        sent = {"sessions": [name, other, name], "y": [1, 1, 1], "ds": ["2015-01-10 01:00", None, "noon"]}
        answer = ask(socket, sent)
    assert answer["steps"] == [1, 1, None]
    assert answer["ds"] == ["2015-01-10T01:00:00", "2015-01-10T01:00:00", None]
    assert answer["at_most_once"] == [1]
    assert answer["errors"][0]["error"]["message"].startswith("ds[2]: ")


def test_covariates_are_columns_of_their_own(open_behind) -> None:
    with open_behind(covariates=("rain", "temp")) as running:
        one, two = new(running.http), new(running.http)
        with connect(running.stream()) as socket:
            whole = {"rain": [0, None], "temp": [20.5, 1e300]}
            answer = ask(socket, {"sessions": [one, two], "y": [1, 2], "steps": [0, 0], "covariates": whole})
            lacking = ask(socket, {"sessions": [one], "y": [1], "covariates": {"temp": [1]}})
            rain = {"rain": raw("<f8", 1.0), "temp": raw("<f8", np.nan)}
            packed = ask(socket, {"sessions": [two], "y": [2], "steps": [0], "covariates": rain}, packed=True)
    assert answer["steps"] == [0, None]
    assert answer["errors"][0]["error"]["message"].startswith("covariates.temp[1]: ")
    assert lacking["error"]["missing"] == ["rain"]
    assert "errors" not in packed


def test_what_is_known_ahead_has_no_column_but_pure_ingest_needs_none(open_behind) -> None:
    with open_behind(covariates=("price",), future=("price",)) as running:
        name = new(running.http)
        sent = {"sessions": [name], "y": [1], "steps": [0], "covariates": {"price": [7]}}
        with connect(running.stream()) as socket:
            refused = ask(socket, sent)["error"]
            taken = ask(socket, {**sent, "every": "none"})
    assert (refused["code"], refused["missing"]) == ("missing_future", ["price"])
    assert "itemised" in refused["message"]
    assert (taken["steps"], taken["rows"]) == ([0], [])


def test_gates_of_a_connection_are_turned_off_for_columns(live) -> None:
    name = new(live.http)
    with connect(live.stream("?gates=summary")) as socket:
        sent = {"sessions": [name], "y": [1], "steps": [0]}
        assert '"gates": false' in ask(socket, sent)["error"]["message"]
        assert ask(socket, {**sent, "gates": False})["steps"] == [0]


def test_a_watched_session_is_told_its_regime(live) -> None:
    name, watched = new(live.http), new(live.http, regime=True)
    with connect(live.stream()) as socket:
        answer = ask(socket, {"sessions": [name, "nobody", watched], "y": [1, 1, 1], "steps": [0, 0, 0]})
    assert answer["regime"] == [{"at": 2, "regime": {"flag": False, "score": None, "since": None}}]


def test_an_ending_service_answers_the_columns_it_took(open_behind) -> None:
    with open_behind() as running:
        running.http.put("/v1/sessions/s", json={"start": START})
        with connect(running.stream()) as socket:
            ask(socket, {"handles": ["s"]})
            running.runtime.gate.clear()
            for step in range(3):
                socket.send(json.dumps({"sessions": [0], "y": [step], "steps": [step]}))
            assert frames(running, 4) == 4
            running.server.should_exit = True
            running.runtime.gate.set()
            assert [json.loads(socket.recv(timeout=10))["steps"] for _ in range(3)] == [[0], [1], [2]]
            assert closed_with(socket) == 1012
        running.thread.join(20)
        assert running.server.clean


def test_overload_is_about_the_frame(open_behind) -> None:
    with open_behind({"waiting_readings": 2}) as running, connect(running.stream()) as socket:
        answer = ask(socket, {"sessions": ["a"] * 3, "y": [1, 2, 3]})
    assert answer["error"]["code"] in ("overloaded", "too_many_readings")
