"""The regime flag as clients see it: asked for with a session, told with its answers and by itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from websockets.sync.client import connect

from service.api import schemas

START = "2015-01-10T00:00:00"
CALM = np.sin(np.arange(300)).round(3).tolist()


async def test_a_session_is_watched_where_it_asks_for_it(http) -> None:
    made = await http.put("/v1/sessions/s", json={"history": {"start": START, "y": CALM[:260]}, "regime": True})
    assert (made.status_code, made.json()["regime"]) == (201, True)
    assert (await http.get("/v1/sessions/s")).json()["regime"] is True
    told = schemas.RegimeAnswer.model_validate((await http.get("/v1/sessions/s/regime")).json())
    assert (told.session, told.step, told.ds) == ("s", 259, "2015-01-20T19:00:00")
    assert (told.regime.flag, told.regime.since) == (False, None)
    assert told.regime.score is not None
    answers = [
        (await http.post("/v1/sessions/s/observations", json={"y": value, "step": 260 + at})).json()
        for at, value in enumerate([*CALM[260:265], *(90.0, -90.0) * 5])
    ]
    for answer in answers:
        schemas.Acknowledgement.model_validate(answer)
    flags = [answer["regime"]["flag"] for answer in answers]
    assert not any(flags[:5])
    assert any(flags[5:])
    first = flags.index(True)
    assert answers[first]["regime"]["since"] == answers[first]["step"]
    assert (await http.get("/v1/sessions/s/regime")).json()["regime"] == answers[-1]["regime"]


async def test_other_sessions_are_told_nothing_of_it(http) -> None:
    await http.put("/v1/sessions/s", json={"start": START})
    answer = (await http.post("/v1/sessions/s/observations", json={"y": 1})).json()
    assert "regime" not in answer
    assert "regime" not in (await http.get("/v1/sessions/s")).json()
    refused = await http.get("/v1/sessions/s/regime")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_regime")
    again = await http.put("/v1/sessions/s", json={"start": START, "regime": True})
    assert again.json()["code"] == "session_exists"
    assert (await http.put("/v1/sessions/w", json={"regime": 1})).json()["code"] == "wrong_type"


async def test_as_long_as_the_baseline_is_learned_there_is_no_score(http) -> None:
    await http.put("/v1/sessions/s", json={"start": START, "regime": True})
    assert (await http.get("/v1/sessions/s/regime")).json()["code"] == "no_readings"
    older, newest = (await http.post("/v1/sessions/s/observations", json=[{"y": 1}, {"y": 2}])).json()
    assert "regime" not in older
    assert newest["regime"] == {"flag": False, "score": None, "since": None}


def test_a_stream_tells_it_with_the_newest_reading_of_each_watched_session(live) -> None:
    live.http.put("/v1/sessions/watched", json={"start": START, "regime": True})
    live.http.put("/v1/sessions/plain", json={"start": START})
    with connect(live.stream()) as stream:
        names = ["watched", "plain", "watched"]
        stream.send(json.dumps([{"session": name, "y": 1} for name in names]))
        assert ["regime" in item for item in json.loads(stream.recv(timeout=10))] == [False, False, True]


@pytest.mark.parametrize("gates", [("1.z", "1.n"), ("1.n",), ()], ids=["min-gru", "rnn", "none"])
async def test_a_model_without_reset_gates_refuses_to_watch(open_inside, gates: tuple[str, ...]) -> None:
    async with open_inside(gates=gates) as running:
        refused = await running.http.put("/v1/sessions/s", json={"regime": True})
        assert (refused.status_code, refused.json()["code"]) == (409, "no_regime")
        assert (await running.http.put("/v1/sessions/s", json={"regime": False})).status_code == 201


async def test_no_session_is_named_in_the_metrics(http) -> None:
    await http.put("/v1/sessions/secret-name", json={"start": START, "regime": True})
    await http.post("/v1/sessions/secret-name/observations?gates=true", json={"y": 1})
    await http.get("/v1/sessions/secret-name/regime")
    assert "secret-name" not in (await http.get("/metrics")).text
