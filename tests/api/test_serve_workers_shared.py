"""`gatecast serve --workers` over a journal in Redis: every worker serves every session, at any time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from gatecast_client import GatecastClient, History

from service.journal import open_journal
from tests.api.test_serve import START, bundle_folder, start
from tests.api.test_serve_workers import HASTY, Start, addresses, arguments
from tests.redis_shared import redis_url

__all__ = ["bundle_folder", "start"]  # fixtures

NAMES = [f"meter {number}" for number in range(6)]


async def test_each_reading_of_a_session_may_go_to_another_worker(
    start: Start, bundle_folder: Path, tmp_path: Path
) -> None:
    url = redis_url(tmp_path)
    process = start(*arguments(bundle_folder, "--workers", "2", "--journal", url))
    urls = await asyncio.to_thread(addresses, process)
    async with GatecastClient(urls[0], retry=HASTY) as one, GatecastClient(urls[1], retry=HASTY) as other:
        models = [await client.model() for client in (one, other)]
        assert [(model.worker, model.workers) for model in models] == [(0, 1), (0, 1)]  # none is dealt
        for name in NAMES:
            await one.open_session(name, history=History([1.0], start=START))
        async with one.stream() as here, other.stream() as there:
            for step in range(1, 7):
                stream = (here, there)[step % 2]
                observed = await stream.observe_columns(NAMES, [float(step)] * len(NAMES), [step] * len(NAMES))
                assert not observed.errors
        async with GatecastClient(urls[::-1], retry=HASTY) as whichever, whichever.stream() as dealt:
            for name in NAMES:  # their order says nothing either
                assert (await dealt.observe(name, 7.0, step=7)).step == 7
    process.terminate()
    _, log = await asyncio.to_thread(process.communicate, timeout=20)
    assert process.returncode == 0, log
    assert {json.loads(line).get("worker") for line in log.splitlines() if '"ended"' in line} == {0, 1, None}
    journal = open_journal(url, 1, "1h")
    try:
        for head in journal.heads(NAMES):
            assert head is not None
            assert journal.readings(head.key, 0, 99)[:, 0].tolist() == [1.0, *map(float, range(1, 8))]
    finally:
        journal.close()
