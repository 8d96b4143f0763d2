"""One load test as the command runs it: with a screen beside it, and a result also where it is broken off."""

from __future__ import annotations

import time

from gatecast_client import GatecastClient, Model
from rich.console import Console

from commands.loading.plan import Plan
from commands.loading.result import Result, result
from commands.loading.run import run
from commands.loading.screen import shown
from commands.loading.tally import Tally


class Trial:
    """`run` it once; `result` says what was found so far."""

    def __init__(self, client: GatecastClient, key: str | None, plan: Plan, console: Console) -> None:
        self._client = client
        self._key = key
        self._plan = plan
        self._console = console
        self._model: Model | None = None
        self._tally: Tally | None = None
        self._used = 0.0

    async def run(self) -> None:
        """Sessions are deleted when it returns or raises; `GatecastError`, `Nonsense`."""
        async with self._client, run(self._client, self._key, self._plan, self._say) as ready:
            self._model, self._tally = ready.model, ready.tally
            before = time.process_time()
            try:
                async with shown(self._console, ready.tally):
                    await ready.go()
            finally:
                self._used = time.process_time() - before

    def result(self) -> Result | None:
        """None where nothing was answered in the time that counts."""
        if self._tally is None or self._model is None or not self._tally.asked:
            return None
        model, tally = self._model, self._tally
        seconds = self._plan.seconds if tally.complete else max(tally.asked) + 1.0
        return result(tally, self._client.urls, (model.name, model.digest, model.durable), seconds, self._used)

    def _say(self, what: str) -> None:
        self._console.print(what, soft_wrap=True, highlight=False, style="dim")
