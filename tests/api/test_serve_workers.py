"""`gatecast serve --workers`: real processes behind one client; one is killed, and it takes its own share along."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from gatecast_client import Acknowledgement, GatecastClient, GatecastError, History, Reading, Retry, Series
from gatecast_client.dealing import dealt_to

from service.journal import open_journal
from service.share import Share
from tests.api.test_serve import START, bundle_folder, start

__all__ = ["bundle_folder", "start"]  # fixtures

Start = Callable[..., "subprocess.Popen[str]"]
NAMES = [f"meter {number}" for number in range(12)]
SHARES = [[name for name in NAMES if dealt_to(name, 2) == worker] for worker in range(2)]
HASTY = Retry(first_seconds=0.02, most_seconds=0.1)


def arguments(folder: Path, *further: str) -> tuple[str, ...]:
    return ("serve", str(folder), "--runtime", "fake", "--port", "0", "--log-format", "json", *further)


def addresses(process: subprocess.Popen[str]) -> list[str]:
    """Those of all workers, when they are ready."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.fullmatch(r"GatecastClient\((.*)\)\n", line):
            told: list[str] = json.loads(found[1])
            return told
    raise AssertionError(process.stderr.read() if process.stderr else "")


def process_of(folder: Path, worker: int) -> int:
    """The worker's number as a process, which stands in the lock of its journal."""
    return int((folder / "var" / f"journal.{worker}-of-2.sqlite.lock").read_text())


def taken_after_a_free_one() -> socket.socket:
    """Listens on a port of which the one before is free."""
    while True:
        taken = socket.create_server(("127.0.0.1", 0))
        with suppress(OSError), socket.create_server(("127.0.0.1", taken.getsockname()[1] - 1)):
            return taken
        taken.close()


async def gone(process: int) -> None:
    while Path(f"/proc/{process}").exists():
        await asyncio.sleep(0.01)


async def test_one_worker_is_killed_while_the_other_goes_on_and_comes_back_with_its_sessions(
    start: Start, bundle_folder: Path, tmp_path: Path
) -> None:
    process = start(*arguments(bundle_folder, "--workers", "2"))
    urls = await asyncio.to_thread(addresses, process)
    assert all(SHARES)
    async with GatecastClient(urls, retry=HASTY) as client:
        assert [(await client.model()).worker for _ in range(2)] == [0, 1]
        assert len(await client.predict(Series([1.0, 2.0], start=START), Series([3.0], start=START))) == 2
        for name in NAMES:
            await client.open_session(name, history=History([1.0], start=START))
        async with client.stream() as stream:
            told = await stream.observe_many([Reading(name, 2.0, 1) for name in NAMES])
            assert [each.session for each in told if isinstance(each, Acknowledgement)] == NAMES
            observed = await stream.observe_columns(NAMES * 2, [*range(24)], [2] * 12 + [3] * 12)
            assert observed.steps.tolist() == [2] * 12 + [3] * 12
            newest = observed.forecast(12 + NAMES.index(SHARES[1][0]))
            assert newest is not None
            assert newest.median == pytest.approx((await client.forecast(SHARES[1][0])).forecast.median)

            killed = process_of(tmp_path, 1)
            os.kill(killed, signal.SIGKILL)
            waiting = asyncio.ensure_future(stream.observe(SHARES[1][0], 7.0, step=4))
            for step in range(4, 8):  # the others do not notice
                await stream.observe(SHARES[0][0], step, step=step)
            assert (await waiting).step == 4
            both = await asyncio.gather(
                *(stream.observe(share[0], 9.0, step=at) for share, at in zip(SHARES, (8, 5), strict=True))
            )
            assert [each.step for each in both] == [8, 5]
        assert process_of(tmp_path, 1) != killed
        assert (await client.session(SHARES[1][1])).next_step == 4
        await client.delete_session(SHARES[1][1])
        with pytest.raises(GatecastError, match="unknown_session"):
            await client.session(SHARES[1][1])
        await elsewhere(urls)
    process.send_signal(signal.SIGTERM)
    _, log = await asyncio.to_thread(process.communicate, timeout=20)
    assert process.returncode == 0, log
    events = [json.loads(line) for line in log.splitlines()]
    assert [event["worker"] for event in events if event["event"] == "worker died"] == [1]
    assert {event.get("worker") for event in events if event["event"] == "ended"} == {0, 1, None}
    assert not any(name in log for name in NAMES)
    for worker, share in enumerate(SHARES):
        place = f"sqlite:{tmp_path}/var/journal.{worker}-of-2.sqlite"
        journal = open_journal(place, 1, "1h", share=Share(worker, 2))
        assert set(journal.names()) == set(share) - {SHARES[1][1]}
        for name, head in zip(journal.names(), journal.heads(journal.names()), strict=True):
            assert head is not None
            further = {SHARES[0][0]: [4, 5, 6, 7, 9], SHARES[1][0]: [7, 9]}.get(name, [])
            sent = [1, 2, NAMES.index(name), NAMES.index(name) + 12, *further]
            assert journal.readings(head.key, 0, 99)[:, 0].tolist() == sent  # each once, in order
        journal.close()


async def elsewhere(urls: list[str]) -> None:
    """Whoever asks the wrong worker is told which one has the session, and nothing is made there."""
    name = SHARES[1][0]
    async with httpx.AsyncClient(base_url=urls[0], timeout=30) as http:
        for told in (await http.put(f"/v1/sessions/{name}", json={}), await http.get(f"/v1/sessions/{name}")):
            assert (told.status_code, told.json()["code"], told.json()["worker"]) == (421, "misdirected", 1)
    async with GatecastClient(urls[0]) as client, client.stream() as stream:
        with pytest.raises(GatecastError, match="misdirected"):
            await stream.observe(name, 1.0, step=5)


def test_another_number_of_workers_over_these_journals_is_refused(start: Start, bundle_folder: Path) -> None:
    alone = start(*arguments(bundle_folder))
    assert alone.stdout is not None
    assert any(line.startswith("curl") for line in alone.stdout)
    many = start(*arguments(bundle_folder, "--workers", "2"))
    _, said = many.communicate(timeout=20)
    assert many.returncode == 1
    assert "--workers 1" in said
    assert "Traceback" not in said


def test_a_worker_that_cannot_start_ends_all_and_says_why(start: Start, bundle_folder: Path) -> None:
    with taken_after_a_free_one() as taken:
        port = taken.getsockname()[1]
        process = start(*arguments(bundle_folder, "--workers", "2", "--port", str(port - 1)))
        _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"port {port}" in said
    assert "Traceback" not in said


async def test_workers_whose_parent_was_killed_end_too(start: Start, bundle_folder: Path, tmp_path: Path) -> None:
    process = start(*arguments(bundle_folder, "--workers", "2"))
    await asyncio.to_thread(addresses, process)
    workers = [process_of(tmp_path, worker) for worker in range(2)]
    process.kill()
    await asyncio.wait_for(asyncio.gather(*map(gone, workers)), 20)
