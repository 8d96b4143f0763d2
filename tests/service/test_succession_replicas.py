"""Several engines over one shared journal, each with models of its own that come and go: an answer is always that of
the model that serves where it was asked, fed with all readings of its session, wherever those came.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.engine import Engine
from service.runtimes.fake import FakeRuntime
from tests.service.engines import START, codes, column
from tests.service.shared import replicas
from tests.service.succession import expected, new, old
from tests.service.test_engine_corrections import fixed
from tests.service.test_engine_replicas import kept, send_again

SESSIONS = tuple("abcd")
Act = Callable[["Replicas"], Coroutine[Any, Any, None]]


@dataclass(eq=False)
class Replica:
    """One of them, and which models it has."""

    engine: Engine
    serves: FakeRuntime
    before: FakeRuntime | None = None
    candidate: FakeRuntime | None = None


class Replicas:
    """All of them, and the sessions as their clients know them."""

    def __init__(self, engines: list[Engine], seed: int) -> None:
        self.chance = random.Random(seed)
        self.all = [Replica(each, old()) for each in engines]
        self.recorded: dict[str, list[float]] = {}

    @property
    def one(self) -> Replica:
        return self.chance.choice(self.all)

    async def begin(self) -> None:
        name, history = self.chance.choice(SESSIONS), self._values(self.chance.choice((0, 3, 40)))
        await self.one.engine.create(name, START, column(*history), replace=True, regime=self.chance.random() < 0.3)
        self.recorded[name] = history

    async def end(self) -> None:
        if self.recorded:
            name = self.chance.choice(sorted(self.recorded))
            await self.one.engine.delete(name)
            del self.recorded[name]

    async def send(self) -> None:
        """A few readings to one of them, one session perhaps several times."""
        if not self.recorded:
            return
        replica, sent = self.one, []
        for name in self.chance.choices(sorted(self.recorded), k=self.chance.randint(1, 4)):
            (value,) = self._values(1)
            sent.append((name, value, len(self.recorded[name])))
            self.recorded[name].append(value)
        sent, answers = await send_again(replica.engine, *sent)
        assert codes(answers) == [None] * len(sent)
        for at, (name, _, step) in enumerate(sent):
            assert answers.steps[at] == step
            if answers.rows[at] >= 0:
                self._hold(replica, name, answers.quantiles[answers.rows[at]])

    async def look(self) -> None:
        some = sorted(name for name, values in self.recorded.items() if values)
        if some:
            replica, name = self.one, self.chance.choice(some)
            view, forecast = await replica.engine.peek(name)
            assert view.last_step == len(self.recorded[name]) - 1
            self._hold(replica, name, forecast)

    async def correct(self) -> None:
        some = sorted(name for name, values in self.recorded.items() if values)
        if some:
            name, (value,) = self.chance.choice(some), self._values(1)
            step = self.chance.randrange(len(self.recorded[name]))
            await self.one.engine.changes.correct(name, fixed((step, value)))
            self.recorded[name][step] = value

    async def rewind(self) -> None:
        some = sorted(name for name, values in self.recorded.items() if values)
        if some:
            name = self.chance.choice(some)
            step = self.chance.randrange(-1, len(self.recorded[name]))
            await self.one.engine.changes.rewind(name, step)
            del self.recorded[name][step + 1 :]

    async def deploy(self) -> None:
        replica = self.one
        if replica.candidate is None:
            replica.candidate = new() if type(replica.serves) is FakeRuntime else old()
            await replica.engine.models.follow(replica.candidate)
            replica.before = None

    async def promote(self) -> None:
        for replica in self.all:
            if replica.candidate is not None and self.chance.random() < 0.7:
                await asyncio.wait_for(replica.engine.models.level(), 30)
                await replica.engine.models.promote()
                replica.serves, replica.before, replica.candidate = replica.candidate, replica.serves, None

    async def roll_back(self) -> None:
        for replica in self.all:
            if replica.before is not None and self.chance.random() < 0.7:
                await replica.engine.models.rollback()
                replica.serves, replica.before = replica.before, None

    def _values(self, count: int) -> list[float]:
        return [round(self.chance.gauss(10, 3), 3) for _ in range(count)]

    def _hold(self, replica: Replica, name: str, forecast: np.ndarray) -> None:
        np.testing.assert_allclose(forecast, expected(replica.serves, self.recorded[name])[-1], rtol=1e-5, atol=1e-5)


ACTS: dict[str, Act] = {
    each.__name__: each
    for each in (
        Replicas.begin, Replicas.end, Replicas.send, Replicas.look, Replicas.correct, Replicas.rewind, Replicas.deploy,
        Replicas.promote, Replicas.roll_back,
    )
}  # fmt: skip
OFTEN = ["send"] * 10 + ["look"] * 3 + ["begin"] * 2 + ["deploy"] * 2 + ["promote"] * 2


@settings(max_examples=40, deadline=None)
@given(
    acts=st.lists(st.sampled_from([*OFTEN, *ACTS]), min_size=10, max_size=60),
    seed=st.integers(0, 2**32),
    resident=st.sampled_from((2, 3, 64)),
    chunk=st.sampled_from((2, 64)),
)
def test_whatever_comes_where_each_answer_is_that_of_the_model_that_serves_there(
    acts: list[str], seed: int, resident: int, chunk: int
) -> None:
    async def run() -> None:
        async with replicas(2, max_resident=resident, chunk=chunk, checkpoint_every=3) as (engines, journal):
            world = Replicas(engines, seed)
            await world.begin()
            for act in acts:
                await ACTS[act](world)
            assert all(engine.ready for engine in engines)
            for name, values in world.recorded.items():
                assert kept(journal, name) == values

    asyncio.run(run())
