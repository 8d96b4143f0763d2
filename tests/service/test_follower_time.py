"""Between two batches a model that follows takes no longer than the batch before, and it gets there all the same.

Time is what the runs and the journal say that they cost: it does not pass by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from service.engine import Engine, EngineSettings
from service.journal import Checkpoint, Readings
from service.journal.memory import MemoryJournal
from service.runtimes.fake import FakeRuntime, Run
from tests.service.engines import START, Clock, codes, column, frame
from tests.service.succession import NEW, OLD, Leaning, expected

T = TypeVar("T")

FLOOR = 0.5e-3  # seconds, of `follower_seconds`
RUN, READING = 20e-6, 1e-6  # seconds that a run costs, and each reading in it
FETCH, FETCHED = 15e-6, 20e-9  # seconds that a look into the journal costs, and each reading that it finds


class Costly(FakeRuntime):
    """Runs that cost time by an injected clock."""

    any_size = True
    times = 1.0  # what the standard model costs

    def __init__(self, clock: Clock, times: float = 1.0) -> None:
        super().__init__(OLD)
        self.clock, self.times = clock, times

    def _begin(self, run: Run, values: NDArray[np.float64]) -> None:
        super()._begin(run, values)
        self.clock.now += self.times * (RUN + READING * run.batch * run.time)


class CostlyCandidate(Costly, Leaning):
    """The same of the model that is deployed."""

    def __init__(self, clock: Clock, times: float = 1.0, any_size: bool = True) -> None:
        Leaning.__init__(self, NEW)
        self.clock, self.times, self.any_size = clock, times, any_size


class CostlyJournal(MemoryJournal):
    """Looks that cost time by an injected clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(1)
        self.clock = clock
        self.longest = 0  # readings of one look

    def append(self, readings: Readings) -> NDArray[np.bool_]:
        self.clock.now += FETCH + READING * len(readings.keys)
        return super().append(readings)

    def load(
        self, key: int, digest: str | None = None, until: int | None = None, most: int | None = None
    ) -> tuple[Checkpoint | None, NDArray[np.float64]]:
        found = super().load(key, digest, until, most)
        self._look(len(found[1]))
        return found

    def readings(self, key: int, first: int, last: int) -> NDArray[np.float64]:
        found = super().readings(key, first, last)
        self._look(len(found))
        return found

    def _look(self, readings: int) -> None:
        self.longest = max(self.longest, readings)
        self.clock.now += FETCH + FETCHED * readings


class Driven:
    """An engine whose turns the test takes itself, one after the other; what the follower took in each is noted."""

    def __init__(self, clock: Clock) -> None:
        self.journal = CostlyJournal(clock)
        settings = EngineSettings(follower_seconds=FLOOR)
        self.engine = Engine(Costly(clock), self.journal, settings, clock=clock)
        self.held: list[tuple[float, float]] = []  # a turn's batch, 0.0 where there was none, and the follower after it
        follow = self.engine._serving.follow

        def timed(batch: float) -> bool:
            began = clock.now
            worked = follow(batch)
            self.held.append((batch, clock.now - began))
            return worked

        self.engine._serving.follow = timed  # type: ignore[method-assign]

    @property
    def worst(self) -> float:
        """Of the shares of its time that the follower took; 1.0: as long as the batch before, or as `FLOOR`."""
        return max(took / max(batch, FLOOR) for batch, took in self.held)

    async def deploy(self, candidate: Costly, sessions: int, history: int) -> asyncio.Future[None]:
        """A candidate, and sessions of some history; done when it is ready."""
        values = column(*np.arange(history, dtype=float))
        for at in range(sessions):
            await self._called(self.engine.create(f"s{at}", START, values))
        await self._called(self.engine.models.follow(candidate))
        self.held.clear()
        self.journal.longest = 0
        return asyncio.ensure_future(self.engine.models.level())

    async def promote(self) -> None:
        await self._called(self.engine.models.promote())

    async def forecast(self, name: str) -> NDArray[np.float64]:
        return (await self._called(self.engine.peek(name)))[1]

    async def batch(self, names: list[str], value: float) -> None:
        """A reading of each of these, and what follows it: the next batch waits already."""
        answered = self.engine.submit(frame(*((name, value) for name in names)))
        assert self.engine._loop._turn()
        assert codes(await answered) == [None] * len(names)

    async def pause(self) -> None:
        """A turn in which nobody waits."""
        self.engine._loop._turn()
        await asyncio.sleep(0)

    async def _called(self, call: Coroutine[Any, Any, T]) -> T:
        asked = asyncio.ensure_future(call)
        await asyncio.sleep(0)
        while not asked.done():
            await self.pause()
        return asked.result()


async def until_ready(driven: Driven, level: asyncio.Future[None], sessions: int, together: int, most: int) -> int:
    """Batches without a pause: so many sessions in each, in turn. Returns how many it took, `most` at most."""
    for sent in range(most):
        first = sent * together % sessions
        await driven.batch([f"s{at}" for at in range(first, first + together)], float(sent))
        if level.done():
            return sent + 1
    raise AssertionError(f"not ready after {most} batches: {driven.engine.follower}")


@pytest.mark.parametrize(("times", "together"), [(0.5, 128), (1.0, 128), (2.0, 128), (1.0, 16), (4.0, 32)])
async def test_no_reading_waits_for_more_than_one_batch_and_it_ends_under_full_load(
    times: float, together: int
) -> None:
    clock = Clock()
    driven = Driven(clock)
    level = await driven.deploy(CostlyCandidate(clock, times), sessions=128, history=30)
    batches = await until_ready(driven, level, 128, together, most=2_000)
    for sent in range(50):  # and in the shadow
        await driven.batch([f"s{at}" for at in range(together)], float(sent))
    assert driven.worst <= 1.0
    assert sum(batch > 0 for batch, _ in driven.held) == batches + 50


async def test_the_promoted_model_answers_as_if_it_had_served_from_the_first_reading_on() -> None:
    clock = Clock()
    driven = Driven(clock)
    level = await driven.deploy(CostlyCandidate(clock, times=2.0), sessions=64, history=30)
    sent = await until_ready(driven, level, 64, 64, most=2_000)
    await driven.promote()
    values = [*map(float, range(30)), *map(float, range(sent))]
    for name in ("s0", "s63"):
        np.testing.assert_array_equal(await driven.forecast(name), expected(Leaning(NEW), values)[-1])


async def test_a_past_of_any_length_is_fetched_and_run_in_pieces_while_nobody_waits() -> None:
    clock = Clock()
    driven = Driven(clock)
    level = await driven.deploy(CostlyCandidate(clock), sessions=2, history=5_000)
    while not level.done():
        await driven.pause()
    assert driven.journal.longest == 1024
    assert driven.worst <= 1.0


async def test_where_only_warmed_up_shapes_run_well_sequences_do_and_keep_to_the_same_time() -> None:
    clock = Clock()
    candidate = CostlyCandidate(clock, any_size=False)
    driven = Driven(clock)
    level = await driven.deploy(candidate, sessions=64, history=40)
    await until_ready(driven, level, 64, 64, most=2_000)
    assert driven.worst <= 1.0
    assert "sequence" in {run.kind for run in candidate.log}
    assert all(run.time & (run.time - 1) == 0 for run in candidate.log)
