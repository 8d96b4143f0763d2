"""Names that a service may be called by, and pages of other sites: a visitor's browser is nobody's way in."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from service.api.hosts import Hosts
from service.errors import SettingsError
from service.settings import Settings
from tests.api.keyring import bearer, locked

OURS = [
    "127.0.0.1:8000",
    "127.9.9.9",
    "localhost",
    "LOCALHOST:1",
    "app.localhost",
    "localhost.",
    "[::1]:8000",
    "10.1.2.3",
]
OTHERS = [
    "rebound.example",
    "rebound.example:8000",
    "localhost.example",
    "127.0.0.1.example",
    "x@127.0.0.1",
    "[::1",
    "a b",
]


async def host_asked(http: Any, host: str, path: str = "/v1/model") -> tuple[int, dict[str, Any]]:
    answer = await http.get(path, headers={"Host": host})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("host", [*OURS, ""])
async def test_addresses_and_localhost_may_always_be_called(http, host: str) -> None:
    assert (await host_asked(http, host))[0] == 200


@pytest.mark.parametrize("path", ["/v1/model", "/live", "/docs", "/nothing"])
@pytest.mark.parametrize("host", OTHERS)
async def test_another_name_is_refused_at_every_path(http, host: str, path: str) -> None:
    status, problem = await host_asked(http, host, path)
    assert (status, problem["code"]) == (421, "host_refused")
    assert host not in problem["detail"]


async def test_names_that_were_given_may_be_called(open_inside) -> None:
    async with open_inside({"hosts": "Forecasts.example, other.example"}) as running:
        for host, status in (("forecasts.example:81", 200), ("OTHER.example", 200), ("third.example", 421)):
            assert (await host_asked(running.http, host))[0] == status
    async with open_inside({"hosts": "*"}) as running:
        assert (await host_asked(running.http, "anything.example"))[0] == 200


def test_the_name_it_listens_on_may_be_called() -> None:
    hosts = Hosts.of(Settings(bundle=Path("unused"), host="box.example", allow_anonymous=True))
    hosts.check({"headers": [(b"host", b"box.example:8000")]})


def test_where_all_need_a_key_any_name_will_do_unless_some_are_given(tmp_path: Path) -> None:
    with locked(tmp_path) as (running, ring):
        said = {"Host": "anything.example"}
        assert running.http.get("/v1/model", headers={**said, **bearer(ring.add())}).status_code == 200
    with locked(tmp_path, {"hosts": "ours.example"}) as (running, ring):
        assert running.http.get("/v1/model", headers={**said, **bearer(ring.add())}).status_code == 421
    with locked(tmp_path, {"allow_anonymous": True}) as (running, _):
        assert running.http.get("/v1/model", headers=said).status_code == 421


def test_a_stream_for_another_name_is_refused(open_behind) -> None:
    with open_behind() as running:
        host, port = running.address.split(":")
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(f"ws://rebound.example:{port}/v1/stream", sock=socket.create_connection((host, int(port)))),
        ):
            pytest.fail("it was let in")
        assert refused.value.response.status_code == 421
        assert json.loads(refused.value.response.body or b"")["code"] == "host_refused"


@pytest.mark.parametrize("hosts", ["https://a.example", "a.example:80", "a.example,,b", "a b"])
def test_what_is_no_name_is_refused_at_the_start(hosts: str) -> None:
    with pytest.raises(SettingsError, match="expected names"):
        Settings.read(bundle=Path("unused"), hosts=hosts)


@pytest.mark.parametrize(
    ("origin", "may"),
    [("https://evil.example", False), ("null", False), ("http://localhost", True), ("https://a.example", True)],
)
async def test_a_page_of_another_site_changes_nothing(open_inside, origin: str, may: bool) -> None:
    async with open_inside({"origins": "https://a.example"}) as running:
        said = {"Origin": origin}
        for method, path in (("PUT", "/v1/sessions/s"), ("POST", "/v1/models/rollback"), ("DELETE", "/v1/sessions/s")):
            answer = await running.http.request(method, path, headers=said)
            assert ("origin_refused" in answer.text) != may
        there = await running.http.get("/v1/sessions", headers=said)
        assert there.status_code == 200
        assert there.json()["sessions"] == []
