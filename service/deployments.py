"""Versions of a model, from their directory into a running engine: loaded and warmed up beside it, then promoted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from service.bundle import Bundle
from service.engine import Engine
from service.errors import Draining, GatecastError
from service.faults import again, faults_as
from service.fitting import check_fit
from service.follower import Standing
from service.logs import Log
from service.refusals import (
    BrokenVersion,
    CandidateFailed,
    CandidateNotReady,
    DeployUnderWay,
    NoCandidate,
    NoModels,
    NoRollback,
)
from service.runtimes import Runtime
from service.succession import Gate
from service.versions import Versions

State = Literal["loading", "rebuilding", "ready", "failed"]


@dataclass(eq=False)
class Candidate:
    """A version on its way."""

    version: str
    digest: str
    shadow: bool  # it waits to be promoted, and is not as soon as it is ready
    error: GatecastError | None = None
    follows: bool = False  # the engine has it


class Deployments:
    """Called from the event loop. One candidate at a time; what it does in the engine is told by `engine.follower`."""

    def __init__(
        self,
        engine: Engine,
        versions: Versions | None,
        version: str | None,
        runtime: str,
        ready: Callable[[Bundle], Runtime],  # opens a runtime and warms it up; takes seconds
        resident: Callable[[Bundle], int],  # sessions whose states are at hand
        served: Callable[[Runtime], None],  # told which one serves, after each change
        log: Log,
    ) -> None:
        self.version = version  # that serves; None for a bundle that is not of the directory
        self.previous: str | None = None
        self.candidate: Candidate | None = None
        self._engine = engine
        self._versions = versions
        self._runtime = runtime
        self._ready = ready
        self._resident = resident
        self._served = served
        self._log = log
        self._work: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None  # a change that may have been made, and is to be noted here

    @property
    def names(self) -> list[str]:
        """All versions that could be deployed; none without a directory."""
        return [] if self._versions is None else self._versions.names()

    @property
    def state(self) -> State | None:
        """How far the candidate is; None: there is none."""
        if self.candidate is None:
            return None
        if self.failure is not None:
            return "failed"
        standing = self.standing
        if standing is None:
            return "loading"
        return "ready" if standing.level else "rebuilding"

    @property
    def failure(self) -> GatecastError | None:
        """Why the candidate was given up."""
        if self.candidate is None:
            return None
        standing = self.standing
        return self.candidate.error or (None if standing is None else standing.error)

    @property
    def standing(self) -> Standing | None:
        """Of the candidate, once the engine has it."""
        found = self._engine.follower
        if found is None or self.candidate is None or not self.candidate.follows:
            return None
        return found if found.digest == self.candidate.digest else None

    async def deploy(self, version: str, shadow: bool) -> None:
        """Begins; what can be told at once is: `NoModels`, `UnknownVersion`, `BrokenVersion`, `UnsafeVersion`,
        `AlreadyServed`, `ModelMisfit`, `DeployUnderWay`. The rest is told by `state` and `failure`.
        """
        versions = self._checked()
        if self.candidate is not None and self.failure is None:
            raise self._under_way()
        bundle = await asyncio.to_thread(versions.open, version, self._runtime)
        check_fit(self._engine.runtime.bundle, bundle)
        if self.candidate is not None and self.failure is None:  # someone else was faster
            raise self._under_way()
        self.candidate = Candidate(version, bundle.digest, shadow)
        self._log.info("deploying", version=version, digest=bundle.digest, shadow=shadow)
        self._work = asyncio.create_task(self._bring(self.candidate, bundle))

    async def arrived(self) -> None:
        """Returns once the candidate serves, which was not deployed to wait; else what kept it from it is raised.

        Who gives up waiting leaves it on its way. `NoCandidate` where it was given up.
        """
        candidate, work = self.candidate, self._work
        if candidate is None or work is None:
            return
        await asyncio.wait({work})  # which, unlike awaiting it, ends it with none of those who wait
        if candidate.error is not None:
            raise again(candidate.error)
        if self.version != candidate.version:
            raise NoCandidate(f"version {candidate.version!r} was given up meanwhile; deploy it again")

    async def promote(self, version: str, gate: Gate | None = None) -> None:
        """The candidate serves, and after a restart too; as `Models.promote`, and `NotRecorded`."""
        versions, candidate = self._checked(), self.candidate
        if candidate is None or candidate.version != version:
            raise NoCandidate(f"version {version!r} is not the candidate; deploy it first, with shadow=true")
        if self.failure is not None:
            raise self.failure
        if self.standing is None:
            raise CandidateNotReady(f"version {version!r} is being loaded; wait until it is ready")
        self._settling = asyncio.create_task(self._promote(versions, version, gate))
        await asyncio.shield(self._settling)  # who no longer waits has not kept the engine from it

    async def _promote(self, versions: Versions, version: str, gate: Gate | None) -> None:
        def done() -> None:
            self.previous, self.version, self.candidate = self.version, version, None

        await self._engine.models.promote(gate, lambda: versions.record(version), done)
        self._tell("promoted")

    async def rollback(self) -> None:
        """The version before serves again; as `Models.rollback`, and `NotRecorded`."""
        versions = self._checked()
        with self._engine.steady:
            found, candidate, failure = self._engine.follower, self.candidate, self.failure
        if found is None or found.role != "previous":
            raise NoRollback(
                "the version before is not at hand: it was let go in time or for another candidate, or none was "
                "promoted since the start; deploy it"
            )
        if candidate is not None and failure is None:
            raise NoRollback(
                f"version {candidate.version!r} is being deployed: give it up first (DELETE "
                "/v1/models/candidate), then go back"
            )
        self._settling = asyncio.create_task(self._roll_back(versions))
        await asyncio.shield(self._settling)

    async def _roll_back(self, versions: Versions) -> None:
        before = self.previous

        def done() -> None:
            self.version, self.previous = before, None

        await self._engine.models.rollback(lambda: versions.record(before), done)
        self._tell("rolled back")

    async def dismiss(self) -> None:
        """Gives the candidate up, and the version before stays at hand if it is; without one, lets that go.

        `NoCandidate` where there is neither, or the candidate was promoted meanwhile.
        """
        candidate = self.candidate
        if candidate is None:
            await self._engine.models.dismiss()
            self.previous = None
            return
        if self._work is not None:
            self._work.cancel()
        with suppress(NoCandidate, CandidateFailed):  # it is not there yet, or not any more
            await self._engine.models.dismiss("candidate")
        if self.candidate is not candidate:
            raise NoCandidate(f"version {candidate.version!r} serves already: roll it back")
        failed = self.failure is not None
        self.candidate = None
        self._log.info("candidate given up", version=candidate.version, failed=failed)

    async def close(self) -> None:
        """The service ends."""
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work

    async def _bring(self, candidate: Candidate, bundle: Bundle) -> None:
        try:
            with faults_as(BrokenVersion, f"version {candidate.version!r} could not be loaded"):
                runtime = await asyncio.to_thread(self._ready, bundle)
                await self._engine.models.follow(runtime, self._resident(bundle))
                candidate.follows = True
                await self._engine.models.level()
                if not candidate.shadow:
                    await self.promote(candidate.version)
        except Draining:  # the service ends, and with it the candidate
            return
        except GatecastError as error:
            candidate.error = error
            self._log.error("candidate failed", version=candidate.version, code=error.code, why=error.message)

    def _checked(self) -> Versions:
        if self._versions is None:
            raise NoModels("this service was started without a directory of models: start it with --models DIR")
        return self._versions

    def _under_way(self) -> DeployUnderWay:
        assert self.candidate is not None
        return DeployUnderWay(
            f"version {self.candidate.version!r} is the candidate already, and there is one at a time: let it serve "
            f"(POST /v1/models/{self.candidate.version}/promote) or give it up (DELETE /v1/models/candidate) first",
            version=self.candidate.version,
        )

    def _tell(self, what: str) -> None:
        self._served(self._engine.runtime)
        self._log.info(what, version=self.version, digest=self._engine.runtime.bundle.digest)
