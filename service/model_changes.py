"""What callers may do to the model that serves: let another one follow it, take its place, and give it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from service.changes import Call
from service.errors import JournalDamaged, Overloaded
from service.follower import Role
from service.kept import Short
from service.replies import Caller
from service.runtimes import Runtime
from service.succession import Gate, Succession

PAUSE = 0.1  # seconds, where there is no room for a look


class Models:
    """Each takes effect between two batches. Any call may end in `Overloaded` or `Draining` beside what it names."""

    def __init__(self, call: Call, succession: Succession) -> None:
        self._call = call
        self._succession = succession

    async def follow(self, runtime: Runtime, max_resident: int | None = None) -> None:
        """A candidate from now on, which answers nobody: each batch is run on it too, and live states are rebuilt.

        It must have been warmed up. `max_resident` sessions have their state at hand, as many as here if None.
        Of every session of the journal enough must be kept for it to warm up. `AlreadyServed`, `ModelMisfit`,
        `WarmUpNotKept`, `DeployUnderWay`.
        """
        await self._look_through(runtime)
        await self._call(lambda _: self._succession.follow(runtime, max_resident))

    async def level(self) -> None:
        """Returns when the candidate has all states that were live; `NoCandidate`, `CandidateFailed`."""
        await self._call(self._succession.level)

    async def promote(
        self,
        gate: Gate | None = None,
        record: Callable[[], None] = lambda: None,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """The candidate answers from the next batch on, and the model before keeps up with it for a rollback.

        `record` is called in between: if it raises, nothing has changed. `done` is called when it has, in the engine's
        thread: whoever looks with `Engine.steady` sees both or neither. `NoCandidate`, `CandidateFailed`,
        `CandidateNotReady`, `NotBetter`.
        """
        await self._call(lambda _: self._succession.promote(gate, record, done))

    async def rollback(
        self, record: Callable[[], None] = lambda: None, done: Callable[[], None] = lambda: None
    ) -> None:
        """The model before answers again from the next batch on, told of as by `promote`; `NoRollback`."""
        await self._call(lambda _: self._succession.rollback(record, done))

    async def dismiss(self, role: Role | None = None) -> None:
        """Lets go of the candidate, or of the model before, or of the one that is in this role; `NoCandidate`."""
        await self._call(lambda _: self._succession.dismiss(role))

    async def _look_through(self, runtime: Runtime) -> None:
        """All sessions, piece by piece: one that is silent now would be lost when it speaks, and nobody would know."""
        found = Short()
        while found.after is not None:
            try:
                found = await self._call(partial(self._piece, runtime, found))
            except Overloaded:  # this can wait, whoever else asks cannot
                await asyncio.sleep(PAUSE)
            except JournalDamaged:  # a session that cannot be read has no model; it must not keep the others from one
                break
        found.check(runtime.bundle.manifest.context)

    def _piece(self, runtime: Runtime, found: Short, _: Caller) -> Short:
        return self._succession.look_on(runtime, found)
