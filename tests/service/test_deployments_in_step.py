"""A version takes another's place and all that tells of it says so in the same step."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine
from typing import Any, cast

from service.bundle import Bundle
from service.deployments import Deployments
from service.engine import Engine
from service.logs import open_log
from service.runtimes import Runtime
from service.versions import Versions
from tests.service.engines import memory
from tests.service.succession import NEW, OLD, new, old


class TwoVersions:
    """A directory of models that holds v1, which serves, and v2."""

    def __init__(self) -> None:
        self.recorded: list[str | None] = []

    def names(self) -> list[str]:
        return ["v1", "v2"]

    def open(self, version: str, runtime: str) -> Bundle:  # noqa: ARG002 (as of `Versions`)
        return {"v1": OLD, "v2": NEW}[version]

    def record(self, version: str | None) -> None:
        self.recorded.append(version)


class Standing:
    """An engine whose turns the test takes itself, and what is deployed to it."""

    def __init__(self) -> None:
        self.engine = Engine(old(), memory())
        self.versions = TwoVersions()
        self.deployments = Deployments(
            self.engine,
            cast("Versions", self.versions),
            "v1",
            "fake",
            self.ready,
            lambda _: 64,
            lambda _: None,
            open_log("error", "json", io.StringIO()),
        )

    def ready(self, bundle: Bundle) -> Runtime:  # noqa: ARG002 (as of `Deployments`)
        return new()

    async def shadowed(self) -> None:
        """v2 is ready."""
        await self.deployments.deploy("v2", shadow=True)
        while self.deployments.state != "ready":
            self.engine._loop._turn()
            await asyncio.sleep(0)

    async def asked(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """The engine has done it, and whoever asked has not been told yet."""
        task = asyncio.ensure_future(call)
        for _ in range(3):  # until it waits for the engine
            await asyncio.sleep(0)
        self.engine._loop._turn()
        assert not task.done()
        return task

    def told(self) -> tuple[str, str | None, str | None, str | None]:
        with self.engine.steady:
            model, deployments = self.engine.runtime.bundle.manifest.name, self.deployments
            candidate = None if deployments.candidate is None else deployments.candidate.version
            return model, deployments.version, candidate, deployments.previous


async def test_a_version_that_serves_is_no_candidate_any_more_and_may_be_taken_back_at_once() -> None:
    standing = Standing()
    await standing.shadowed()
    assert standing.told() == ("old", "v1", "v2", None)
    promoted = await standing.asked(standing.deployments.promote("v2"))
    assert standing.told() == ("new", "v2", None, "v1")
    taken_back = await standing.asked(standing.deployments.rollback())
    assert standing.told() == ("old", "v1", None, None)
    await asyncio.gather(promoted, taken_back)
    assert standing.told() == ("old", "v1", None, None)
    assert standing.versions.recorded == ["v2", "v1"]


async def test_who_promotes_and_does_not_wait_for_the_answer_is_still_believed() -> None:
    standing = Standing()
    await standing.shadowed()
    promoted = await standing.asked(standing.deployments.promote("v2"))
    promoted.cancel()
    await asyncio.wait([promoted])
    assert standing.told() == ("new", "v2", None, "v1")
