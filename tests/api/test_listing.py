"""GET /v1/sessions: pages by name, filters, and what is told of each session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.journal.memory import MemoryJournal
from tests.api.conftest import Inside
from tests.service.retaining import Wall

START = "2015-01-10T00:00:00"


async def names(running: Inside, query: str = "") -> tuple[list[str], str | None]:
    answer = await running.http.get(f"/v1/sessions{query}")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return [each["session"] for each in page["sessions"]], page["next"]


async def test_nobody_is_listed_where_there_is_nobody(open_inside) -> None:
    async with open_inside() as running:
        assert await names(running) == ([], None)


async def test_pages_follow_each_other_by_name_until_there_is_no_next(open_inside) -> None:
    async with open_inside() as running:
        made = sorted(f"{kind}-{at:03}" for kind in ("bus", "ü", "Taxi") for at in range(110))
        for name in made:
            await running.http.put(f"/v1/sessions/{name}")
        assert (await names(running))[0] == made[:100]
        for limit in (1, 7, 100, 165, 330, 1000):
            found: list[str] = []
            after: str | None = ""
            while after is not None and len(found) < 330:
                some, after = await names(running, f"?limit={limit}&after={after}")
                assert len(some) == min(limit, 330 - len(found))
                found += some
            if limit > 1:
                assert after is None
            assert found == made
        assert await names(running, "?prefix=bus&limit=200") == (made[110:220], None)
        assert await names(running, "?prefix=bus&after=bus-107") == (["bus-108", "bus-109"], None)


async def test_a_session_is_listed_as_it_stands(open_inside) -> None:
    wall = Wall()
    async with open_inside(journal=MemoryJournal(1, wall), wall=wall) as running:
        history = {"start": START, "y": [1, 2]}
        made = (await running.http.put("/v1/sessions/a", json={"history": history, "ttl_seconds": 60})).json()
        (listed,) = (await running.http.get("/v1/sessions")).json()["sessions"]
        assert listed == {**made, "created": False, "ttl_seconds": 60, "seen": "2023-11-14T22:13:20Z"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_value"),
        ("limit=1001", "invalid_value"),
        ("limit=x", "wrong_type"),
        ("idle_seconds=-1", "invalid_value"),
        ("idle_seconds=nan", "invalid_value"),
        ("expired=2", "wrong_type"),
        ("prefixx=a", "wrong_type"),
    ],
)
async def test_what_cannot_be_asked_is_refused(open_inside, query: str, code: str) -> None:
    async with open_inside() as running:
        answer = await running.http.get(f"/v1/sessions?{query}")
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_forks_and_silent_and_expired_sessions_are_listed_alone(open_inside) -> None:
    wall = Wall()
    journal = MemoryJournal(1, wall)
    async with open_inside(journal=journal, wall=wall) as running:
        for name in ("a", "b"):
            await running.http.put(f"/v1/sessions/{name}", json={"start": START})
        wall.now += 100
        await running.http.put("/v1/sessions/c", json={"start": START, "ttl_seconds": 50})
        kept = journal.kept(1)
        journal.put("fork", replace(kept, parent="a"))
        assert await names(running, "?idle_seconds=99") == (["a", "b"], None)
        assert await names(running, "?parent=a") == (["fork"], None)
        assert (await running.http.get("/v1/sessions?parent=a")).json()["sessions"][0]["parent"] == "a"
        journal.expire(wall.now + 51, 9)
        assert await names(running, "?expired=true") == (["c"], None)
        assert await names(running, "?expired=false&limit=2") == (["a", "b"], "b")
        (gone,) = (await running.http.get("/v1/sessions?expired=true")).json()["sessions"]
        assert gone["expired"]


async def test_a_model_without_sessions_lists_none(open_inside) -> None:
    async with open_inside(streams=False) as running:
        assert (await running.http.get("/v1/sessions")).json()["code"] == "cannot_stream"
