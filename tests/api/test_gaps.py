"""Steps that were left out enter as missing where the address asks for it, the frame, or the request."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from websockets.sync.client import connect

from tests.api.test_columns import ask, new
from tests.api.test_stream_limits import refused


def outcome(answer: Any) -> Any:
    """Steps that entered as missing before the first reading, or the code of its error."""
    item = answer[0] if isinstance(answer, list) else answer
    error = item.get("error") or next(iter(item.get("errors", [])), {}).get("error")
    if error is not None:
        return error["code"]
    filled = item.get("filled")
    return filled[0] if isinstance(filled, list) else filled


@pytest.mark.parametrize("by_columns", [False, True])
@pytest.mark.parametrize(
    ("query", "gaps", "wanted"),
    [
        ("", None, "gap"),
        ("?gaps=error", None, "gap"),
        ("?gaps=missing", None, 3),
        ("", "missing", 3),
        ("?gaps=missing", "error", "gap"),
    ],
)
def test_a_frame_says_otherwise_than_its_connection(live, query: str, gaps: Any, wanted: Any, by_columns: bool) -> None:
    name = new(live.http)
    chosen = {} if gaps is None else {"gaps": gaps}
    sent: Any = (
        {"sessions": [name], "y": [5], "steps": [3]}
        if by_columns
        else {"observations": [{"session": name, "y": 5, "step": 3}]}
    )
    with connect(live.stream(query)) as socket:
        assert outcome(ask(socket, {**sent, **chosen})) == wanted
        again = ask(socket, {**sent, **chosen})
    if wanted == 3:
        assert outcome(again) is None  # a reading that is repeated says nothing of it
    assert live.http.get(f"/v1/sessions/{name}").json()["last_step"] == (3 if wanted == 3 else None)


@pytest.mark.parametrize("packed", [False, True])
def test_a_single_reading_is_as_its_connection(live, packed: bool) -> None:
    name = new(live.http)
    with connect(live.stream("?gaps=missing")) as socket:
        assert "filled" not in ask(socket, {"session": name, "y": 1, "step": 0}, packed)
        answer = ask(socket, {"session": name, "y": 1, "ds": "2015-01-10T05:00:00"}, packed)
        assert (answer["step"], answer["filled"]) == (5, 4)
        conflict = ask(socket, {"session": name, "y": 1, "step": 2}, packed)["error"]
    assert conflict["code"] == "conflict"
    assert "/corrections" in conflict["message"]


def test_raw_columns_tell_how_many_as_raw_numbers(live) -> None:
    one, two = new(live.http), new(live.http)
    with connect(live.stream("?gaps=missing")) as socket:
        sent = {"sessions": [one, two, one, "nobody"], "y": [1.0] * 4, "steps": [0, 2, 3, 9]}
        answer = ask(socket, sent, packed=True)
        assert np.frombuffer(answer["filled"], "<i8").tolist() == [0, 2, 2, 0]
        assert "filled" not in ask(socket, {"sessions": [one], "y": [1.0], "steps": [4]}, packed=True)


def test_a_request_may_ask_for_it(live) -> None:
    name = new(live.http)
    path = f"/v1/sessions/{name}/observations"
    assert live.http.post(path, json={"y": 1, "step": 2}).json()["code"] == "gap"
    recorded = live.http.post(f"{path}?gaps=missing", json={"y": 1, "step": 2})
    assert recorded.json()["filled"] == 2
    many = live.http.post(f"{path}?gaps=missing", json=[{"y": 1, "step": 3}, {"y": 1, "step": 5}]).json()
    assert [item.get("filled") for item in many] == [None, 1]


@pytest.mark.parametrize("gaps", ["", "x", "0", "none", "true"])
def test_an_address_that_asks_for_something_else_is_refused_by_name(live, gaps: str) -> None:
    status, problem = refused(live.stream(f"?gaps={gaps}"))
    assert (status, problem["code"]) == (422, "wrong_type")
    assert "gaps" in problem["detail"]
    answered = live.http.post(f"/v1/sessions/{new(live.http)}/observations?gaps={gaps}", json={"y": 1, "step": 0})
    assert (answered.status_code, answered.json()["code"]) == (422, "wrong_type")


@pytest.mark.parametrize("gaps", ["x", 1, True, []])
@pytest.mark.parametrize("packed", [False, True])
def test_a_frame_that_asks_for_something_else_is_refused_by_name(live, gaps: object, packed: bool) -> None:
    with connect(live.stream()) as socket:
        for frame in ({"observations": []}, {"sessions": [], "y": []}):
            error = ask(socket, {**frame, "gaps": gaps}, packed)["error"]
            assert error["code"] == "wrong_type"
            assert "gaps" in error["message"]


def test_how_many_may_enter_is_set_and_told(open_behind) -> None:
    with open_behind({"gap_steps": 3}) as running:
        name = new(running.http)
        assert running.http.get("/v1/model").json()["limits"]["gap_steps"] == 3
        path = f"/v1/sessions/{name}/observations?gaps=missing"
        problem = running.http.post(path, json={"y": 1, "step": 4}).json()
        assert (problem["code"], problem["limit"], problem["expected_step"]) == ("gap", 3, 0)
        assert running.http.post(path, json={"y": 1, "step": 3}).json()["filled"] == 3


def test_a_frame_full_of_the_longest_gaps_enters_in_part_and_the_service_goes_on(open_behind) -> None:
    with open_behind({"waiting_readings": 4096, "gap_steps": 512}) as running:
        names, other = [new(running.http) for _ in range(64)], new(running.http)
        frame = [{"session": name, "y": 1, "step": 512} for name in names]
        with connect(running.stream("?gaps=missing")) as socket, connect(running.stream()) as neighbour:
            answered = ask(socket, frame)
            codes = [item.get("error", {}).get("code") for item in answered]
            assert set(codes) == {None, "gap"}
            assert codes.count(None) == 4096 // 2 // 512
            assert {item["error"]["limit"] for item in answered if "error" in item} == {4096 // 2}
            assert ask(neighbour, {"session": other, "y": 1, "step": 0})["step"] == 0
