"""The client with a key: by request and by stream, and what it says when the key is refused or ends."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from gatecast_client import GatecastClient, GatecastError, Reading, SyncGatecastClient
from typer.testing import CliRunner

from commands.main import app
from tests.api.keyring import locked

START = "2015-01-10T00:00:00"


async def test_a_key_goes_with_requests_and_streams(tmp_path: Path) -> None:
    with locked(tmp_path) as (running, ring):
        url = f"http://{running.address}"
        async with (
            GatecastClient(url, key=ring.add("acme")) as client,
            GatecastClient(url, key=ring.add("beta")) as other,
        ):
            await client.open_session("meter", start=START)
            async with client.stream() as stream:
                first = await stream.observe("meter", 1.0, step=0)
                many = await stream.observe_many([Reading("meter", 2.0, step=1)])
                await stream.observe_columns(["meter"], [3.0], steps=[2])
            assert (first.session, many[0].session) == ("meter", "meter")
            assert (await client.session("meter")).next_step == 3
            with pytest.raises(GatecastError) as refused:
                await other.session("meter")
            assert refused.value.code == "unknown_session"


async def test_a_refused_key_is_an_error_by_name(tmp_path: Path) -> None:
    with locked(tmp_path) as (running, ring):
        for key, code in (
            (None, "unauthenticated"),
            ("wrong", "unauthenticated"),
            (ring.add("a", "admin"), "forbidden"),
        ):
            async with GatecastClient(f"http://{running.address}", key=key) as client:
                with pytest.raises(GatecastError) as refused:
                    await client.model()
                assert refused.value.code == code
                with pytest.raises(GatecastError) as refused:
                    async with client.stream():
                        pytest.fail("it was let in")
                assert refused.value.code == code


async def test_a_key_that_was_read_with_its_line_break_is_the_key(tmp_path: Path) -> None:
    with locked(tmp_path) as (running, ring):
        url = f"http://{running.address}"
        async with GatecastClient(url, key=f" {ring.add('acme')}\n") as client:
            await client.open_session("meter", start=START)
            async with client.stream() as stream:
                assert (await stream.observe("meter", 1.0, step=0)).step == 0


@pytest.mark.parametrize("key", ["gc_secret\nword", "gc_secret word", "gc_sécret", "gc_secret\x00"])
def test_what_can_be_no_key_is_refused_at_once_and_not_shown(key: str) -> None:
    for client in (GatecastClient, SyncGatecastClient):
        with pytest.raises(ValueError, match=r"^key: one word") as refused:
            client(key=key)
        assert "cret" not in str(refused.value)


def test_the_demo_takes_a_key_and_says_when_it_is_none(tmp_path: Path) -> None:
    with locked(tmp_path) as (running, ring):
        typed = ["demo", "--url", f"http://{running.address}", "--limit", "1"]

        def said(**variables: str) -> str:
            result = CliRunner().invoke(app, typed, env={"COLUMNS": "300", **variables})
            return f"{result.exit_code} {result.output}"

        assert said().startswith("1 ✗ a key was expected, got none")
        assert "is none of this service's" in said(GATECAST_KEY="wrong")
        assert "key" not in said(GATECAST_KEY=ring.add("acme"))


async def test_a_stream_whose_key_ends_says_so_and_does_not_try_again(tmp_path: Path) -> None:
    with locked(tmp_path) as (running, ring):
        key = ring.add()
        async with GatecastClient(f"http://{running.address}", key=key) as client:
            await client.open_session("meter", start=START)

            async def talk() -> None:
                async with client.stream() as stream:
                    ring.revoke(key)
                    for step in itertools.count():
                        await stream.observe("meter", 1.0, step=step)

            with pytest.raises(GatecastError, match="this key was revoked") as refused:
                await talk()
            assert refused.value.code == "unauthenticated"
