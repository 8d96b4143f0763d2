"""How many sessions a tenant may have: as many as were set, whichever way they come, and none of them for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.journal import Beginning, open_journal
from service.limit_errors import TooManySessions
from service.portable import MEDIA_TYPE
from service.quota import PATIENCE, Quota
from tests.api.conftest import Behind
from tests.api.keyring import Keyring, bearer, locked

START = "2015-01-10T00:00:00"
MOST = 3


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[Behind, Keyring]]:
    with locked(tmp_path, {"sessions_per_tenant": MOST}) as opened:
        yield opened


class Tenant:
    """Asks with a key of its own."""

    def __init__(self, door: tuple[Behind, Keyring], name: str) -> None:
        self.running, ring = door
        self.headers = bearer(ring.add(name))

    def ask(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        headers = {**self.headers, **more.pop("headers", {})}
        return self.running.http.request(method, f"/v1/sessions{path}", json=json, headers=headers, **more)

    def put(self, name: str, **more: Any) -> int:
        return int(self.ask("PUT", f"/{name}", {"start": START}, **more).status_code)

    def names(self) -> list[str]:
        return [each["session"] for each in self.ask("GET", "").json()["sessions"]]


@pytest.mark.parametrize("tenant", ["acme", "default"])
def test_the_last_one_is_made_and_one_more_is_refused_by_name(door, tenant: str) -> None:
    ours, others = Tenant(door, tenant), Tenant(door, "beta")
    assert [ours.put(f"s{at}") for at in range(MOST)] == [201] * MOST
    refused = ours.ask("PUT", "/more", {"history": {"start": START, "y": [1, 2]}})
    assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (409, "too_many_sessions", MOST)
    assert tenant not in refused.json()["detail"]
    assert ours.names() == ["s0", "s1", "s2"]
    assert [others.put(f"s{at}") for at in range(MOST)] == [201] * MOST, "of another tenant"
    metrics = ours.running.http.get("/metrics", headers=ours.headers).text
    assert 'gatecast_problems_total{code="too_many_sessions"} 1.0' in metrics
    assert tenant not in metrics.replace("by default", "")


def test_what_is_there_already_is_none_more(door) -> None:
    ours = Tenant(door, "acme")
    assert [ours.put(f"s{at}") for at in range(MOST)] == [201] * MOST
    assert ours.put("s0") == 200
    assert ours.put("s0", params={"replace": "true"}) == 201
    assert ours.put("new", params={"replace": "true"}) == 409
    assert ours.ask("POST", "/s0/observations", {"step": 0, "y": 1}).status_code == 200


def test_a_fork_and_an_import_are_one_more(door) -> None:
    ours = Tenant(door, "acme")
    assert ours.ask("PUT", "/s0", {"history": {"start": START, "y": [1, 2]}}).status_code == 201
    file = ours.ask("GET", "/s0/export").content
    as_file = {"content": file, "headers": {"Content-Type": MEDIA_TYPE}}
    assert ours.ask("POST", "/s0/fork", {"session": "fork"}).status_code == 201
    assert ours.ask("PUT", "/taken/import", **as_file).status_code == 201
    assert ours.ask("POST", "/s0/fork", {"session": "fork"}).status_code == 201, "the same again is none more"
    for answer in (ours.ask("POST", "/s0/fork", {"session": "f2"}), ours.ask("PUT", "/t2/import", **as_file)):
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_sessions")
    assert ours.ask("PUT", "/taken/import", params={"replace": "true"}, **as_file).status_code == 201
    assert ours.names() == ["fork", "s0", "taken"]


def test_what_is_deleted_or_erased_makes_room_at_once(door) -> None:
    ours = Tenant(door, "acme")
    assert [ours.put(f"s{at}") for at in range(MOST)] == [201] * MOST
    assert ours.ask("DELETE", "/s1").status_code == 204
    assert (ours.put("s3"), ours.put("s4")) == (201, 409)
    assert ours.ask("POST", "/s0/erasure").status_code == 200
    assert (ours.put("s5"), ours.put("s6")) == (201, 409)


def test_those_of_a_journal_that_was_there_count() -> None:
    journal = open_journal("memory", 1, "1h")
    for name in ("s0", "s1", "acme\x1fs0", "acme\x1fs1", "acme\x1fs2"):
        journal.create(Beginning(name, 0, "", np.empty((0, 1))))
    clock = [0.0]
    quota = Quota(journal, 3, lambda: clock[0])
    quota.check("mine")
    quota.add("mine", 1)
    for name in ("more", "acme\x1fs4"):
        with pytest.raises(TooManySessions):
            quota.check(name)
    quota.check("beta\x1fs0")
    journal.delete("s0")  # by somebody else
    with pytest.raises(TooManySessions):
        quota.check("more")
    clock[0] = PATIENCE
    quota.check("more")
    Quota(journal, None, lambda: 0.0).check("acme\x1fs4")
