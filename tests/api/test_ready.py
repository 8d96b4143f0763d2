"""Whenever the service is not ready it says why, in words that tell what to do, and which part has failed."""

from __future__ import annotations

import httpx

from service.journal import open_journal
from service.loop import STOPPED
from tests.api.conftest import build, inside
from tests.api.test_ops import until_ready

START = "2015-01-10T00:00:00"


async def why(http: httpx.AsyncClient) -> tuple[str, list[str] | None]:
    answer = await http.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert int(answer.headers["retry-after"]) > 0
    return answer.json()["detail"], answer.json().get("failed")


async def test_while_it_warms_up() -> None:
    running = build({}, {})
    running.runtime.gate.clear()
    app = running.service.app
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http,
    ):
        assert await why(http) == ("warming up", [])
        running.runtime.gate.set()
        await until_ready(http)


async def test_where_the_model_fails() -> None:
    async with inside() as running:
        await until_ready(running.http)
        running.runtime.broken = True
        await running.http.post("/v1/predict", json={"series": [{"unique_id": "a", "start": START, "y": [1]}]})
        said, failed = await why(running.http)
        running.runtime.broken = False
    assert "model" in said
    assert failed == ["model"]


async def test_where_the_journal_cannot_be_written() -> None:
    journal = open_journal("memory", 1, "1h")

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    journal.append = full  # type: ignore[method-assign]
    async with inside(journal=journal) as running:
        await until_ready(running.http)
        await running.http.put("/v1/sessions/s", json={"start": START})
        refused = await running.http.post("/v1/sessions/s/observations", json={"y": 1, "step": 0})
        assert refused.json()["code"] == "journal"
        said, failed = await why(running.http)
        metrics = (await running.http.get("/metrics")).text
    assert "journal" in said
    assert "No space left on device" in said
    assert failed == ["journal"]
    assert 'gatecast_failed{part="journal"} 1.0' in metrics
    assert 'gatecast_failed{part="model"} 0.0' in metrics


async def test_while_it_ends() -> None:
    async with inside() as running:
        await until_ready(running.http)
        await running.service.drain()
        said, _ = await why(running.http)
    assert "ending" in said


async def test_where_its_engine_has_stopped_it_does_not_pretend_to_be_ending() -> None:
    async with inside() as running:
        await until_ready(running.http)
        running.service.edge.engine._room.close(STOPPED)
        said, _ = await why(running.http)
    assert said == STOPPED
