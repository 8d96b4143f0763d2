"""Gates as clients see them: of a session's last reading, and with the answers of requests and streams."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from pydantic import TypeAdapter
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from service.api import schemas
from service.api.told_schemas import Gate
from service.runtimes.fake import FakeRuntime, fake_bundle

START = "2015-01-10T00:00:00"
HISTORY = {"history": {"start": START, "y": [1, 2, None, 4]}}
GATES: TypeAdapter[dict[str, Gate]] = TypeAdapter(dict[str, Gate])


def expected(*values: float) -> np.ndarray:
    """The fake's gates at the last of these readings."""
    runtime = FakeRuntime(fake_bundle())
    state = runtime.bundle.initial[None]
    for value in values:
        _, state, gates = runtime.step_with_gates(np.array([[value]]), np.zeros(1, np.int64), state)
    return gates[0]


async def test_the_gates_of_the_last_reading_are_summed_up_by_layer_and_gate(http) -> None:
    await http.put("/v1/sessions/taxi", json=HISTORY)
    r, z = np.split(expected(1, 2, np.nan, 4), 2)
    answer = await http.get("/v1/sessions/taxi/gates")
    assert answer.status_code == 200
    found = schemas.GatesAnswer.model_validate(answer.json())
    assert (found.session, found.step, found.ds) == ("taxi", 3, "2015-01-10T03:00:00")
    assert list(found.gates) == ["1.r", "1.z"]
    assert found.gates["1.r"].mean == pytest.approx(r.mean())
    assert found.gates["1.r"].quartiles == pytest.approx(np.percentile(r, [25, 50, 75]).tolist())
    assert found.gates["1.z"].quartiles == pytest.approx([0.75] * 3)
    assert {name: gate.saturated for name, gate in found.gates.items()} == {"1.r": 0.0, "1.z": 0.0}
    assert "units" not in answer.json()["gates"]["1.r"]
    units = (await http.get("/v1/sessions/taxi/gates?units=true")).json()["gates"]
    assert units["1.r"]["units"] == pytest.approx(r.tolist())
    assert units["1.z"]["units"] == z.tolist()
    assert (await http.get("/v1/sessions/taxi")).json()["last_step"] == 3


async def test_a_first_reading_keeps_the_past_with_every_update_gate(http) -> None:
    await http.put("/v1/sessions/taxi", json={"history": {"start": START, "y": [7]}})
    gates = (await http.get("/v1/sessions/taxi/gates")).json()["gates"]
    assert (gates["1.z"]["mean"], gates["1.z"]["saturated"], gates["1.r"]["saturated"]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("path", "code"), [("nobody", "unknown_session"), ("empty", "no_readings"), ("taxi?units=3", "wrong_type")]
)
async def test_gates_that_cannot_be_had_are_refused_by_name(http, path: str, code: str) -> None:
    await http.put("/v1/sessions/empty", json={})
    name, _, query = path.partition("?")
    answer = await http.get(f"/v1/sessions/{name}/gates?{query}")
    assert answer.json()["code"] == code


async def test_a_request_may_ask_for_gates_with_its_answer(http) -> None:
    await http.put("/v1/sessions/taxi", json=HISTORY)
    path = "/v1/sessions/taxi/observations"
    for step, (query, units) in enumerate((("true", False), ("summary", False), ("units", True)), start=4):
        answer = (await http.post(f"{path}?gates={query}", json={"y": 9, "step": step})).json()
        assert list(answer["gates"]) == ["1.r", "1.z"]
        assert ("units" in answer["gates"]["1.r"]) == units
        there = (await http.get(f"/v1/sessions/taxi/gates?units={str(units).lower()}")).json()
        assert answer["gates"] == there["gates"]
        schemas.Acknowledgement.model_validate(answer)
    for query in ("?gates=false", ""):
        step += 1
        assert "gates" not in (await http.post(f"{path}{query}", json={"y": 9, "step": step})).json()
    wrong = await http.post(f"{path}?gates=all", json={"y": 9, "step": step + 1})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_type")
    older, newest = (await http.post(f"{path}?gates=true", json=[{"y": 1}, {"y": 2}])).json()
    assert ("gates" in older, "gates" in newest) == (False, True)


@pytest.mark.parametrize("form", [json, msgspec.msgpack])
def test_a_stream_asks_for_gates_once_for_all_or_frame_by_frame(live, form) -> None:
    encode, decode = (json.dumps, json.loads) if form is json else (form.encode, form.decode)
    name = f"gates-{form.__name__}"
    live.http.put(f"/v1/sessions/{name}", json=HISTORY)
    reading = {"session": name, "y": 5}

    def sent(stream, frame):
        stream.send(encode(frame))
        return decode(stream.recv(timeout=10))

    with connect(live.stream("?gates=summary")) as stream:
        gates = sent(stream, reading)["gates"]
        GATES.validate_python(gates)
        assert "gates" not in sent(stream, {"observations": [reading], "gates": False})[0]
        with_units = sent(stream, {"observations": [reading, reading], "gates": "units"})
        assert ["gates" in item for item in with_units] == [False, True]
        assert len(with_units[1]["gates"]["1.r"]["units"]) == 4
    with connect(live.stream()) as stream:
        assert "gates" not in sent(stream, reading)
        assert "gates" in sent(stream, {"observations": [reading], "gates": True})[0]
        wrong = sent(stream, {"observations": [reading], "gates": "all"})
        assert wrong["error"]["code"] == "wrong_type"


def test_a_model_without_gates_refuses_to_show_them(open_behind) -> None:
    with open_behind(gates=()) as running:
        running.http.put("/v1/sessions/s", json=HISTORY)
        assert running.http.get("/v1/sessions/s/gates").json()["code"] == "no_gates"
        answer = running.http.post("/v1/sessions/s/observations?gates=true", json={"y": 1})
        assert (answer.status_code, answer.json()["code"]) == (409, "no_gates")
        with pytest.raises(InvalidStatus) as refused:
            connect(running.stream("?gates=units"))
        assert json.loads(refused.value.response.body)["code"] == "no_gates"
        with connect(running.stream()) as stream:
            stream.send(json.dumps({"observations": [{"session": "s", "y": 1}], "gates": True}))
            assert json.loads(stream.recv(timeout=10))["error"]["code"] == "no_gates"
        assert running.http.get("/v1/sessions/s").json()["last_step"] == 3
        assert running.http.get("/v1/model").json()["gates"] == {}
