"""Rates at the edge: what passes is recorded, what is too much is refused by name, and the connection goes on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from gatecast_client import GatecastClient, Reading
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.keyring import bearer, locked
from tests.api.test_columns import ask, new

START = "2015-01-10T00:00:00"
SLOW = 1e-3  # readings a second: the burst is all that passes in a test


def limited(most: int, **more: Any) -> dict[str, Any]:
    return {"readings_per_second": SLOW, "burst_seconds": most / SLOW, **more}


def frame(form: str, name: str, steps: list[int]) -> Any:
    if form == "one":
        return {"session": name, "step": steps[0], "y": 1}
    if form == "columns":
        return {"sessions": [name] * len(steps), "steps": steps, "y": [1] * len(steps)}
    return [{"session": name, "step": step, "y": 1} for step in steps]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("form", "most"), [("one", 1), ("list", 3), ("list", 20), ("columns", 3)])
def test_so_many_readings_pass_and_one_more_is_refused_by_name(open_behind, form: str, most: int, packed: bool) -> None:
    with open_behind(limited(most)) as running, connect(running.stream()) as socket:
        name = new(running.http)
        first = ask(socket, frame(form, name, list(range(most))), packed)
        assert "error" not in json.dumps(first, default=str)
        refused = ask(socket, frame(form, name, [most]), packed)
        error = refused["error"]
        assert error["code"] == "rate_limited"
        assert 990 < error["retry_after_seconds"] <= 1000
        assert ("session" in refused) == (form == "one"), "as overloaded: of a frame as a whole, or of its one reading"
        assert ask(socket, {"handles": [name]}, packed) == {"handles": {"first": 0, "count": 1}}, "the stream goes on"
        assert running.http.get(f"/v1/sessions/{name}").json()["last_step"] == most - 1
        told = running.http.get("/metrics").text
        kind = "refused" if form == "one" else "problems"
        assert f'gatecast_{kind}_total{{code="rate_limited"}} 1.0' in told


async def test_by_request_it_is_429_with_the_seconds_to_wait(open_inside) -> None:
    async with open_inside(limited(2)) as running:
        await running.http.put("/v1/sessions/s", json={"start": START})
        path = "/v1/sessions/s/observations"
        assert (await running.http.post(path, json=[{"step": 0, "y": 1}, {"step": 1, "y": 1}])).status_code == 200
        refused = await running.http.post(path, json={"step": 2, "y": 1})
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 990 < int(refused.headers["retry-after"]) <= 1000
        assert (await running.http.get("/v1/sessions/s")).json()["last_step"] == 1
        assert (await running.http.post(path, json=[])).status_code == 200


async def test_so_many_requests_pass_and_one_more_is_429(open_inside) -> None:
    async with open_inside({"requests_per_second": SLOW, "burst_seconds": 3 / SLOW}) as running:
        answers = [await running.http.get("/v1/model") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].json()["code"] == "rate_limited"
        assert 990 < int(answers[-1].headers["retry-after"]) <= 1000
        assert (await running.http.get("/live")).status_code == 200, "probes are not counted"
        assert (await running.http.get("/ready")).status_code in (200, 503)


def test_a_tenant_that_sends_too_much_is_no_other_ones_trouble(tmp_path: Path) -> None:
    with locked(tmp_path, limited(1, requests_per_second=3 * SLOW)) as (running, ring):
        ours, others = bearer(ring.add("acme")), bearer(ring.add("beta"))
        running.http.put("/v1/sessions/s", headers=ours, json={"start": START})
        assert running.http.get("/v1/sessions/s", headers=others).status_code == 404
        with (
            connect(running.stream(), additional_headers=ours) as one,
            connect(running.stream(), additional_headers=ours) as two,
            connect(running.stream(), additional_headers=others) as third,
        ):
            assert "step" in ask(one, frame("one", "s", [0]))
            assert ask(two, frame("one", "s", [1]))["error"]["code"] == "rate_limited", "of all its streams"
            assert ask(third, frame("one", "s", [0]))["error"]["code"] == "unknown_session"
        for path in ("/v1/stream", "/v1/nowhere"):
            with pytest.raises(InvalidStatus) as handshake:
                connect(f"ws://{running.address}{path}", additional_headers=ours)
            assert handshake.value.response.status_code == 429, "handshakes are requests too"
            assert 990 / 3 < int(handshake.value.response.headers["retry-after"]) <= 1000
        assert running.http.get("/v1/sessions/s", headers=ours).status_code == 429


@pytest.mark.parametrize("form", ["list", "columns", "request"])
def test_what_was_refused_is_not_filled_over(open_behind, form: str) -> None:
    with open_behind(limited(2)) as running, connect(running.stream("?gaps=missing")) as socket:
        name = new(running.http)
        assert "error" not in ask(socket, frame("one", name, [0]))
        if form == "request":
            path = f"/v1/sessions/{name}/observations?gaps=missing"
            sent = [{"step": 1, "y": 1}, {"step": 2, "y": 1}]
            assert running.http.post(path, json=sent).json()["code"] == "rate_limited"
        else:
            assert ask(socket, frame(form, name, [1, 2]))["error"]["code"] == "rate_limited"
        behind = ask(socket, frame("one", name, [3]))
        assert behind["error"]["code"] == "gap", "the refused ones may come again"
        assert running.http.get(f"/v1/sessions/{name}").json()["last_step"] == 0


async def test_the_client_library_waits_as_long_as_it_is_told_and_loses_nothing(open_behind) -> None:
    with open_behind({"readings_per_second": 200.0, "burst_seconds": 0.05}) as running:
        async with GatecastClient(f"http://{running.address}") as client, client.stream() as stream:
            await client.open_session("s", start=START)
            many = [[Reading("s", float(at), at) for at in range(first, first + 5)] for first in range(0, 40, 5)]
            outcomes = await asyncio.gather(*(stream.observe_many(some) for some in many))
            assert [each.step for some in outcomes for each in some] == list(range(40))
            assert (await client.session("s")).last_step == 39
