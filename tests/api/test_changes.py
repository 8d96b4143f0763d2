"""Corrections, going back, forks, files and erasure, by request."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.journal import open_journal
from service.portable import MEDIA_TYPE

HISTORY = {"history": {"start": "2015-01-10T00:00:00", "y": [1, 2, None, 4]}}
Levels = dict[str, list[float]]


async def begin(http: httpx.AsyncClient, name: str = "taxi", body: dict[str, Any] = HISTORY) -> None:
    (await http.put(f"/v1/sessions/{name}", json=body)).raise_for_status()


async def forecast(http: httpx.AsyncClient, name: str = "taxi") -> Levels:
    answer = (await http.get(f"/v1/sessions/{name}/forecast")).json()
    return answer["forecast"]["quantiles"]


async def predicted(http: httpx.AsyncClient, *values: float | None) -> Levels:
    """What a session with just these readings forecasts."""
    series = {"unique_id": "x", "start": "2015-01-10T00:00:00", "y": list(values)}
    answer = (await http.post("/v1/predict", json={"series": [series]})).json()
    return answer["series"][0]["quantiles"]


def same(some: Levels, others: Levels) -> None:
    for level, values in others.items():
        np.testing.assert_allclose(some[level], values, rtol=1e-5)


async def test_a_correction_answers_where_the_session_stands_and_the_forecast_is_another(http) -> None:
    await begin(http)
    sent = {"readings": [{"ds": "2015-01-10T02:00:00", "y": 3}, {"step": 4, "y": 5}, {"step": 0, "y": 10}]}
    answer = await http.post("/v1/sessions/taxi/corrections", json=sent)
    assert answer.status_code == 200
    assert answer.json() == {
        "session": "taxi", "start": "2015-01-10T00:00:00", "last_step": 4, "last_ds": "2015-01-10T04:00:00",
        "next_step": 5, "revision": 2, "durable": "none", "created": False, "changed": 2, "added": 1, "filled": 0,
    }  # fmt: skip
    same(await forecast(http), await predicted(http, 10, 2, 3, 4, 5))
    again = (await http.post("/v1/sessions/taxi/corrections", json=sent)).json()
    assert (again["revision"], again["changed"], again["added"]) == (2, 0, 0)
    filled = await http.post(
        "/v1/sessions/taxi/corrections", json={"readings": [{"step": 7, "y": 8}], "gaps": "missing"}
    )
    assert filled.json()["filled"] == 2
    same(await forecast(http), await predicted(http, 10, 2, 3, 4, 5, None, None, 8))


async def test_a_session_goes_back_and_a_fork_goes_its_own_way(http) -> None:
    await begin(http)
    back = (await http.post("/v1/sessions/taxi/rewind", json={"step": 1})).json()
    assert (back["last_step"], back["changed"]) == (1, 2)
    same(await forecast(http), await predicted(http, 1, 2))
    fork = await http.post("/v1/sessions/taxi/fork", json={"session": "what/if"})
    assert (fork.status_code, fork.json()["session"], fork.json()["last_step"]) == (201, "what/if", 1)
    assert (await http.post("/v1/sessions/what%2Fif/observations", json={"step": 2, "y": 99})).status_code == 200
    same(await forecast(http), await predicted(http, 1, 2))
    same(await forecast(http, "what%2Fif"), await predicted(http, 1, 2, 99))
    first = await http.post("/v1/sessions/taxi/fork", json={"session": "first", "step": 0})
    assert first.json()["last_step"] == 0
    assert (await http.post("/v1/sessions/taxi/fork", json={"session": "first", "step": 0})).status_code == 201
    taken = await http.post("/v1/sessions/taxi/fork", json={"session": "first", "step": 1})
    assert (taken.status_code, taken.json()["code"]) == (409, "session_exists")


async def test_a_session_leaves_as_a_file_and_comes_back_elsewhere(open_inside) -> None:
    async with open_inside() as here:
        await begin(here.http)
        file = await here.http.get("/v1/sessions/taxi/export")
        assert file.headers["content-type"] == MEDIA_TYPE
        expected = await forecast(here.http)
    headers = {"content-type": MEDIA_TYPE}
    async with open_inside() as there:
        http = there.http
        made = await http.put("/v1/sessions/copy/import", content=file.content, headers=headers)
        assert (made.status_code, made.json()["last_step"], made.json()["start"]) == (201, 3, "2015-01-10T00:00:00")
        same(await forecast(http, "copy"), expected)
        again = await http.put("/v1/sessions/copy/import", content=file.content, headers=headers)
        assert (again.status_code, again.json()) == (201, {**made.json(), "created": False}), "the answer may be lost"
        await http.post("/v1/sessions/copy/observations", json={"step": 4, "y": 5})
        same(await forecast(http, "copy"), await predicted(http, 1, 2, None, 4, 5))
        again = await http.put("/v1/sessions/copy/import", content=file.content, headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "session_exists")
        await http.post("/v1/sessions/copy/rewind", json={"step": 3})
        await http.post("/v1/sessions/copy/corrections", json={"readings": [{"step": 1, "y": 77}]})
        other = await http.put("/v1/sessions/copy/import", content=file.content, headers=headers)
        assert (other.status_code, other.json()["code"]) == (409, "session_exists")
        anew = await http.put("/v1/sessions/copy/import?replace=true", content=file.content, headers=headers)
        assert (anew.status_code, anew.json()["last_step"], anew.json()["revision"]) == (201, 3, 4)
        wrong = await http.put("/v1/sessions/copy/import", content=file.content)
        assert (wrong.status_code, wrong.json()["code"]) == (415, "unsupported_media_type")
        for at in range(0, len(file.content), 7):
            spoilt = bytearray(file.content)
            spoilt[at] ^= 1
            answer = await http.put("/v1/sessions/other/import", content=bytes(spoilt), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_export"), at
        for cut in (0, 3, 40, len(file.content) - 1):
            answer = await http.put("/v1/sessions/other/import", content=file.content[:cut], headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_export"), cut


async def test_a_file_of_another_model_is_refused_by_name(open_inside) -> None:
    async with open_inside() as here:
        await begin(here.http)
        file = await here.http.get("/v1/sessions/taxi/export")
    for bundle in ({"covariates": ("temp",)}, {"frequency": "1d"}):
        async with open_inside(**bundle) as there:
            answer = await there.http.put(
                "/v1/sessions/taxi/import", content=file.content, headers={"content-type": MEDIA_TYPE}
            )
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_export")


def resealed(file: bytes, **changes: Any) -> bytes:
    """The file with another header and a right checksum, as somebody with a purpose would send it."""
    line = file.index(b"\n") + 1
    length = int.from_bytes(file[line : line + 4], "little")
    header = json.loads(file[line + 4 : line + 4 + length]) | changes
    said = json.dumps(header).encode()
    body = file[:line] + len(said).to_bytes(4, "little") + said + file[line + 4 + length : -32]
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"readings": 10**12}, {"readings": -1}, {"width": 0}, {"width": -1}, {"start": 10**30}, {"start": 2**60},
        {"first_step": -5}, {"first_step": 2**62}, {"states": []}, {"states": [{"step": 0, "bundle": "x", "size": -1}]},
        {"static": {"a": "b"}}, {"ttl": -1}, {"session": 5}, {"readings": 0, "first_step": 7, "states": []},
        {"width": 2**62}, {"ttl": 10**30}, {"ttl": 10**11}, {"origin": "a" * 65}, {"static": {"a": 1e300}},
        {"start": -(10**11)}, {"first_step": 2**53 - 1},
        {"readings": 2**63}, {"readings": 10**30}, {"width": 10**30}, {"first_step": 2**53},
        {"ttl": 2**63 - 1}, {"origin": 10**6 * "x"},
        {"static": {10**6 * "a": 1.0}}, {"static": dict.fromkeys(map(str, range(5_000)))},
        {"states": [{"step": 0, "bundle": "x", "size": 10**30}]},
        {"states": [{"step": 2**63, "bundle": "x", "size": 0}]},
        {"readings": 0, "states": [], "start": 2**62}, {"readings": 0, "states": [], "start": -(2**62)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_file_that_was_made_up_is_refused_by_name_and_is_nobody_elses_trouble(
    open_inside, tmp_path: Path, changes: dict[str, Any], kind: str
) -> None:
    journal = open_journal("memory" if kind == "memory" else f"sqlite:{tmp_path / 'journal.sqlite'}", 1, "1h")
    async with open_inside({}, journal) as running:
        await begin(running.http)
        file = (await running.http.get("/v1/sessions/taxi/export")).content
        headers = {"content-type": MEDIA_TYPE}
        good = await running.http.put("/v1/sessions/good/import", content=resealed(file), headers=headers)
        assert good.status_code == 201
        made_up = resealed(file, **changes)
        if changes.get("readings") == 0:  # then there are no numbers either
            made_up = resealed(file[: file.index(b"}]}") + 3] + bytes(32), **changes)
        for query in ("", "?replace=true"):
            answer = await running.http.put(f"/v1/sessions/bad/import{query}", content=made_up, headers=headers)
            assert answer.status_code in (409, 413, 422), answer.text
            assert (await running.http.get("/ready")).status_code == 200, "others are served on"
        assert (await running.http.get("/v1/sessions/bad")).status_code == 404
        assert (await running.http.get("/ready")).status_code == 200, "a file of somebody's is no fault of the service"


async def test_a_made_up_step_that_nobody_ever_comes_to_is_refused_where_steps_are_only_counted(open_inside) -> None:
    async with open_inside(frequency="1") as running:
        await begin(running.http, body={"history": {"start": 0, "y": [1, 2]}})
        file = (await running.http.get("/v1/sessions/taxi/export")).content
        for step, status in ((2**35, 201), (2**35 + 1, 422), (1024 << 32, 422)):
            answer = await running.http.put(
                f"/v1/sessions/at {step}/import",
                content=resealed(file, first_step=step),
                headers={"content-type": MEDIA_TYPE},
            )
            assert answer.status_code == status, (step, answer.text)


async def test_erasure_reaches_forks_whatever_became_of_the_session_between(http) -> None:
    await begin(http)
    for name, before in (("a", "taxi"), ("b", "a"), ("c", "b"), ("d", "taxi"), ("e", "d"), ("f", "taxi")):
        assert (await http.post(f"/v1/sessions/{before}/fork", json={"session": name})).status_code == 201
    assert (await http.get("/v1/sessions/c")).json().get("parent") is None, "as ever, only a listing tells"
    listed = (await http.get("/v1/sessions?parent=b")).json()["sessions"]
    assert [(each["session"], each["parent"]) for each in listed] == [("c", "b")]
    for name in ("a", "b"):
        await http.delete(f"/v1/sessions/{name}")
    await http.put("/v1/sessions/d?replace=true", json=HISTORY)
    assert [each["session"] for each in (await http.get("/v1/sessions?parent=d")).json()["sessions"]] == ["e"]
    erased = (await http.post("/v1/sessions/a/erasure")).json()["erased"]
    assert erased == ["c"], "by the name of one that is no more"
    await http.post("/v1/sessions/f/fork", json={"session": "g"})
    await http.delete("/v1/sessions/taxi")
    erased = (await http.post("/v1/sessions/taxi/erasure")).json()["erased"]
    assert sorted(erased) == ["e", "f", "g"]
    assert [each["session"] for each in (await http.get("/v1/sessions")).json()["sessions"]] == ["d"], "begun anew"


async def test_a_fork_of_what_has_not_begun_stays_a_fork_when_it_begins(http) -> None:
    await begin(http, "taxi", {})
    await http.post("/v1/sessions/taxi/fork", json={"session": "fork"})
    sent = await http.post("/v1/sessions/fork/observations", json={"ds": "2015-01-10T00:00:00", "y": 1})
    assert sent.json()["step"] == 0
    assert [each["session"] for each in (await http.get("/v1/sessions?parent=taxi")).json()["sessions"]] == ["fork"]
    assert sorted((await http.post("/v1/sessions/taxi/erasure")).json()["erased"]) == ["fork", "taxi"]


async def test_the_log_tells_of_files_whose_session_was_erased(open_inside) -> None:
    async with open_inside() as running:
        await begin(running.http)
        file = await running.http.get("/v1/sessions/taxi/export")
        await running.http.post("/v1/sessions/taxi/erasure")
        (told,) = [json.loads(line) for line in running.log.getvalue().splitlines() if '"erased"' in line]
    assert (told["sessions"], told["exports"]) == (1, [hashlib.sha256(file.content).hexdigest()])
    assert "taxi" not in json.dumps(told), "names are not for the log"


async def test_erasure_reaches_forks_of_forks_and_tells_of_files(http) -> None:
    await begin(http)
    await begin(http, "bus")
    for parent, fork in (("taxi", "a"), ("a", "b"), ("b", "c"), ("bus", "d")):
        await http.post(f"/v1/sessions/{parent}/fork", json={"session": fork})
    file = await http.get("/v1/sessions/b/export")
    assert (await http.get("/v1/sessions/b/export")).content == file.content, "asked again it is the same copy"
    answer = (await http.post("/v1/sessions/taxi/erasure")).json()
    assert sorted(answer["erased"]) == ["a", "b", "c", "taxi"]
    (told,) = answer["exports"]
    assert (told["session"], told["last_step"]) == ("b", 3)
    assert told["sha256"] == hashlib.sha256(file.content).hexdigest()
    assert told["at"].endswith("Z")
    for name, status in (("taxi", 404), ("a", 404), ("b", 404), ("c", 404), ("bus", 200), ("d", 200)):
        assert (await http.get(f"/v1/sessions/{name}")).status_code == status
    assert (await http.post("/v1/sessions/taxi/erasure")).json()["code"] == "unknown_session"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("corrections", None, "empty_request"),
        ("corrections", {"readings": []}, "empty_request"),
        ("corrections", {"readings": [{"y": 1}]}, "time_required"),
        ("corrections", {"readings": [{"step": 1, "y": 1}, {"step": 1, "y": 2}]}, "duplicate_step"),
        ("corrections", {"readings": [{"step": 9, "y": 1}]}, "gap"),
        ("corrections", {"readings": [{"step": -1, "y": 1}]}, "invalid_value"),
        ("corrections", {"readings": [{"step": 1, "y": 1e300}]}, "invalid_value"),
        ("corrections", {"readings": [{"step": 1, "y": 1}], "gaps": "maybe"}, "wrong_type"),
        ("corrections", {"readings": [{"ds": "2015-01-10T00:30:00", "y": 1}]}, "off_grid"),
        ("corrections", {"readings": [{"ds": "2015-01-10T01:00:00", "step": 2, "y": 1}]}, "step_mismatch"),
        ("corrections", {"readings": [{"step": 10**7, "y": 1}], "gaps": "missing"}, "too_many_readings"),
        ("corrections", {"readings": [{"step": 2**62, "y": 1}], "gaps": "missing"}, "invalid_value"),
        ("rewind", None, "empty_request"),
        ("rewind", {"step": 4}, "gap"),
        ("rewind", {"step": -2}, "invalid_value"),
        ("rewind", {"step": True}, "wrong_type"),
        ("fork", None, "empty_request"),
        ("fork", {"session": ""}, "invalid_session"),
        ("fork", {"session": "taxi"}, "session_exists"),
        ("fork", {"session": "new", "step": 4}, "gap"),
        ("fork", {"session": "new", "step": -1}, "invalid_value"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(http, path: str, body: Any, code: str) -> None:
    await begin(http)
    answer = await http.post(f"/v1/sessions/taxi/{path}", **({} if body is None else {"json": body}))
    assert answer.json()["code"] == code, answer.text
    assert (await http.get("/v1/sessions/taxi")).json()["revision"] == 1
    if body is not None and code not in ("wrong_type", "invalid_value", "invalid_session", "empty_request"):
        answer = await http.post(f"/v1/sessions/nobody/{path}", json=body)
        assert answer.json()["code"] == "unknown_session"
