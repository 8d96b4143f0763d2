"""The client as its users have it: a typed program does its day's work."""

from __future__ import annotations

import asyncio
from pathlib import Path

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.client.program import a_day, without_a_loop


async def test_a_users_program_runs(tmp_path: Path) -> None:
    service = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await service.start()
    assert await a_day(service.url) == [
        "9 is the last step, 1 forecast, ['gap']",
        "2 corrected",
        "4 imported",
        "2 taken back",
        "copy, meter, what if",
        "0.000 apart",
        "meter, what if",
    ]
    assert await asyncio.to_thread(without_a_loop, service.url) == 2
    await service.stop()
