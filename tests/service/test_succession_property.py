"""Whatever the traffic, and whenever a model is deployed, promoted and taken back: each answer is that of the model
that served, fed with all readings of its session from the first one on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Answers, Engine
from service.refusals import CandidateFailed
from service.runtimes.fake import FakeRuntime
from tests.service.engines import START, codes, column, frame, memory, running, turn
from tests.service.succession import expected, new, old

SESSIONS = tuple("abcdef")
Sent = tuple[dict[str, int], dict[str, int], Awaitable[Answers]]  # newest readings, readings so far, the answer
Act = Callable[["Traffic"], Coroutine[Any, Any, None]]


class Traffic:
    """Sessions as their clients know them, and the model that must answer."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine = engine
        self.chance = random.Random(seed)
        self.recorded: dict[str, list[float]] = {}
        self.serves: FakeRuntime = old()
        self.before: FakeRuntime | None = None
        self.candidate: FakeRuntime | None = None

    async def begin(self) -> None:
        """A session that is new, or made anew, with a history or without, watched or not."""
        name, history = self.chance.choice(SESSIONS), self._values(self.chance.choice((0, 3, 40, 400)))
        watched = self.chance.random() < 0.3
        await self.engine.create(name, START, column(*history), replace=True, regime=watched)
        self.recorded[name] = history

    async def end(self) -> None:
        if self.recorded:
            name = self.chance.choice(sorted(self.recorded))
            await self.engine.delete(name)
            del self.recorded[name]

    async def send(self) -> None:
        """Frames of several readings at once, some sessions several times in one of them, handed in together."""
        await self._take(self._submit(), [self.serves])

    async def promote_amid(self) -> None:
        """Readings that wait are answered by the one model or by the other."""
        if self.candidate is not None:
            await self.engine.models.level()
            either, waiting = [self.serves, self.candidate], self._submit()
            await self.promote()
            await self._take([*waiting, *self._submit()], either)

    def _submit(self) -> list[Sent]:
        waiting: list[Sent] = []
        if not self.recorded:
            return waiting
        for _ in range(self.chance.randint(1, 3)):
            names = [self.chance.choice(sorted(self.recorded)) for _ in range(self.chance.randint(1, 6))]
            values = self._values(len(names))
            for name, value in zip(names, values, strict=True):
                self.recorded[name].append(value)
            newest = {name: at for at, name in enumerate(names)}
            ends = {name: len(self.recorded[name]) for name in names}
            waiting.append((newest, ends, self.engine.submit(frame(*zip(names, values, strict=True)))))
        return waiting

    async def _take(self, waiting: list[Sent], models: list[FakeRuntime]) -> None:
        for newest, ends, answer in waiting:
            answers = await answer
            assert codes(answers) == [None] * len(answers.errors)
            for name, at in newest.items():
                assert answers.steps[at] == ends[name] - 1
                if answers.rows[at] >= 0:  # else a later frame of the same batch has the newest one
                    self._hold(answers.quantiles[answers.rows[at]], self.recorded[name][: ends[name]], models)

    async def look(self) -> None:
        some = sorted(name for name, values in self.recorded.items() if values)
        if some:
            name = self.chance.choice(some)
            view, forecast = await self.engine.peek(name)
            assert view.last_step == len(self.recorded[name]) - 1
            self._hold(forecast, self.recorded[name], [self.serves])

    async def deploy(self) -> None:
        if self.candidate is None:
            self.candidate = new() if type(self.serves) is FakeRuntime else old()
            await self.engine.models.follow(self.candidate)
            self.before = None

    async def promote(self) -> None:
        if self.candidate is not None:
            await self.engine.models.level()
            await self.engine.models.promote()
            self.serves, self.before, self.candidate = self.candidate, self.serves, None

    async def roll_back(self) -> None:
        if self.before is not None:
            await self.engine.models.rollback()
            self.serves, self.before = self.before, None

    async def give_up(self) -> None:
        if self.candidate is not None:
            await self.engine.models.dismiss()
            self.candidate = None

    async def spoil(self) -> None:
        """The candidate fails at its next run; the one that serves does not notice."""
        if self.candidate is not None:
            self.candidate.broken = True
            await self.send()
            with suppress(CandidateFailed):
                await self.engine.models.dismiss()
            self.candidate = None

    async def rest(self) -> None:
        await turn(self.engine)

    def _values(self, count: int) -> list[float]:
        return [round(self.chance.gauss(10, 3), 3) for _ in range(count)]

    def _hold(self, forecast: np.ndarray, values: list[float], models: list[FakeRuntime]) -> None:
        assert any(np.array_equal(forecast, expected(model, values)[-1]) for model in models)


ACTS: dict[str, Act] = {
    each.__name__: each
    for each in (
        Traffic.begin, Traffic.end, Traffic.send, Traffic.look, Traffic.deploy, Traffic.promote, Traffic.roll_back,
        Traffic.give_up, Traffic.promote_amid, Traffic.spoil, Traffic.rest,
    )
}  # fmt: skip
OFTEN = ["send"] * 8 + ["look"] * 2 + ["begin"] * 2 + ["deploy"] * 2 + ["promote"] * 2


@settings(max_examples=60, deadline=None)
@given(
    acts=st.lists(st.sampled_from([*OFTEN, *ACTS]), min_size=10, max_size=60),
    seed=st.integers(0, 2**32),
    resident=st.sampled_from((1, 2, 3, 64)),
    chunk=st.sampled_from((2, 256)),
)
def test_each_answer_is_that_of_the_model_that_served_fed_from_the_first_reading(
    acts: list[str], seed: int, resident: int, chunk: int
) -> None:
    async def run() -> None:
        bounds = {"max_resident": resident, "chunk": chunk, "history_batch": 2, "checkpoint_every": 3}
        journal = memory()
        async with running(old(), journal, checkpoint_group=1, **bounds) as engine:
            traffic = Traffic(engine, seed)
            await traffic.begin()
            for act in acts:
                await ACTS[act](traffic)
            assert engine.ready
        for name, values in traffic.recorded.items():
            head = journal.head(name)
            assert head is not None
            assert journal.readings(head.key, 0, 10**9)[:, 0].tolist() == values

    asyncio.run(run())
