"""What operators ask: /live, /ready, /metrics and /v1/model."""

from __future__ import annotations

import asyncio

from service.api import model_schemas

START = "2015-01-10T00:00:00"


async def until_ready(http) -> None:
    for _ in range(500):
        if (await http.get("/ready")).status_code == 200:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the service did not become ready")


async def test_a_started_service_is_alive_and_becomes_ready(http) -> None:
    assert (await http.get("/live")).json() == {"live": True}
    await until_ready(http)
    assert (await http.get("/ready")).json() == {"ready": True}


async def test_a_service_whose_model_fails_says_why_it_is_not_ready(open_inside) -> None:
    async with open_inside() as running:
        await until_ready(running.http)
        running.runtime.broken = True
        await running.http.post("/v1/predict", json={"series": [{"unique_id": "a", "start": START, "y": [1]}]})
        answer = await running.http.get("/ready")
        running.runtime.broken = False
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.json()["detail"]
    assert answer.headers["retry-after"]


async def test_the_model_is_described_with_its_limits(open_inside) -> None:
    async with open_inside(
        {"frame_bytes": 2048}, covariates=("temp",), longest_history=99, frequency="30min"
    ) as running:
        model = (await running.http.get("/v1/model")).json()
    model_schemas.ModelAnswer.model_validate(model)
    assert model["digest"] == running.runtime.bundle.digest
    assert (model["frequency"], model["horizon"], model["covariates"]) == ("30min", 3, ["temp"])
    assert (model["runtime"], model["device"], model["durable"]) == ("fake", "cpu", "none")
    assert model["state_bytes"] == 4 * running.runtime.bundle.manifest.state.size
    assert model["longest_history"] == 99
    assert model["limits"]["frame_bytes"] == 2048
    assert model["protocol"] == 1


async def test_metrics_count_requests_readings_and_refusals(open_inside) -> None:
    async with open_inside() as running:
        http = running.http
        await http.put("/v1/sessions/s", json={"start": START})
        await http.post("/v1/sessions/s/observations", json=[{"y": 1, "step": 0}, {"y": 2, "step": 1}])
        await http.post("/v1/sessions/s/observations", json={"y": 2, "step": 9})
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    route = "/v1/sessions/{session}/observations"
    assert lines[f'gatecast_requests_total{{method="POST",route="{route}",status="200"}}'] == "1.0"
    assert lines["gatecast_appended_total"] == "2.0"
    assert lines['gatecast_refused_total{code="gap"}'] == "1.0"
    assert lines['gatecast_problems_total{code="gap"}'] == "1.0"
    assert 'runtime="fake"' in answer.text
