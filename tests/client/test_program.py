"""The client as its users have it: a typed program does its day's work."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from typing import Any

from gatecast_client import GatecastClient, History

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


async def test_what_the_readme_shows_of_changing_the_past_runs(tmp_path: Path) -> None:
    service = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await service.start()
    readme = (Path(__file__).parents[2] / "client" / "README.md").read_text()
    program = readme.partition("## Changing what was recorded")[2].partition("```python\n")[2].partition("```")[0]
    code = compile(program, "README.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    told: list[tuple[Any, ...]] = []
    async with GatecastClient(service.url) as client:
        await client.open_session("taxi", history=History([1.0] * 5, start="2014-07-01T00:00:00"))
        await eval(code, {"client": client, "print": lambda *words: told.append(words)})
        assert [each.name async for each in client.sessions()] == ["copy"]
        assert (await client.session("copy")).last_step == 4
    ((listed, *_), (erased,)) = told
    assert listed == "taxi"
    assert erased.erased == ["taxi", "what if"]
    assert [each.last_step for each in erased.exports] == [4]
    await service.stop()
