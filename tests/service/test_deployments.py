"""Versions on their way while others are at hand: what is given up, what can still be taken back, and when."""

from __future__ import annotations

import asyncio
import io
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from service.bundle import Bundle
from service.deployments import Deployments
from service.engine import Engine
from service.errors import GatecastError, RuntimeUnavailable
from service.logs import open_log
from service.model_changes import Models
from service.refusals import BrokenVersion, NoCandidate, NoRollback
from service.runtimes import Runtime
from service.runtimes.fake import FakeRuntime
from service.succession import Gate
from service.versions import Versions
from tests.api.test_serve import written
from tests.service.engines import START, column, running


class Late(Models):
    """A promotion holds the engine's thread, just before it takes effect, until it is let through."""

    def __init__(self, models: Models) -> None:
        super().__init__(models._call, models._succession)
        self.reached, self.let = threading.Event(), threading.Event()

    async def promote(
        self,
        gate: Gate | None = None,
        record: Callable[[], None] = lambda: None,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        def held() -> None:
            self.reached.set()
            self.let.wait(30)
            record()

        await super().promote(gate, held, done)


class Opened:
    """Opens runtimes, but those of `broken`."""

    def __init__(self) -> None:
        self.broken: set[str] = set()

    def __call__(self, bundle: Bundle) -> Runtime:
        if bundle.manifest.name in self.broken:
            raise RuntimeUnavailable("its graph cannot be run")
        return FakeRuntime(bundle)


@asynccontextmanager
async def serving(folder: Path, opened: Opened) -> AsyncIterator[tuple[Engine, Deployments, Versions]]:
    """v1 serves one session; v2 and v3 could."""
    models = folder / "models"
    models.mkdir()
    for name in ("v1", "v2", "v3"):
        written(models / name, name=name)
    versions = Versions(models)
    async with running(FakeRuntime(Bundle.open(models / "v1"))) as engine:
        await engine.create("a", START, column(1.0, 2.0))
        log = open_log("error", "json", io.StringIO())
        deployments = Deployments(engine, versions, "v1", "fake", opened, lambda _: 100, lambda _: None, log)
        yield engine, deployments, versions
        await deployments.close()


async def until(settled: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if settled():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to be so")


async def promoted(deployments: Deployments, version: str) -> None:
    await deployments.deploy(version, shadow=False)
    await until(lambda: deployments.version == version)


@pytest.mark.parametrize("dismissed", [False, True])
async def test_a_deploy_that_fails_before_it_follows_does_not_take_the_way_back(
    tmp_path: Path, dismissed: bool
) -> None:
    opened = Opened()
    opened.broken = {"v3"}
    async with serving(tmp_path, opened) as (engine, deployments, versions):
        await promoted(deployments, "v2")
        await deployments.deploy("v3", shadow=False)
        await until(lambda: deployments.state == "failed")
        if dismissed:
            await deployments.dismiss()
            assert deployments.candidate is None
        await deployments.rollback()
        assert (deployments.version, versions.current()) == ("v1", "v1")
        assert engine.runtime.bundle.manifest.name == "v1"


async def test_a_candidate_that_is_given_up_while_it_loads_does_not_take_the_way_back(tmp_path: Path) -> None:
    async with serving(tmp_path, Opened()) as (engine, deployments, _):
        await promoted(deployments, "v2")
        await deployments.deploy("v3", shadow=False)
        with pytest.raises(NoRollback, match="'v3' is being deployed: give it up first"):
            await deployments.rollback()
        await deployments.dismiss()
        await deployments.rollback()
        assert (deployments.version, engine.runtime.bundle.manifest.name) == ("v1", "v1")
        with pytest.raises(GatecastError):  # now there is nothing any more
            await deployments.dismiss()


async def test_without_a_candidate_the_version_before_is_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path, Opened()) as (_, deployments, _):
        await promoted(deployments, "v2")
        await deployments.dismiss()
        with pytest.raises(NoRollback):
            await deployments.rollback()


async def test_a_candidate_that_is_given_up_just_as_it_is_promoted_is_known_to_serve(tmp_path: Path) -> None:
    async with serving(tmp_path, Opened()) as (engine, deployments, versions):
        engine.models = late = Late(engine.models)
        await deployments.deploy("v2", shadow=False)
        await until(late.reached.is_set)
        giving_up = asyncio.create_task(deployments.dismiss())
        for _ in range(3):  # so that it waits behind the promotion
            await asyncio.sleep(0)
        late.let.set()
        with pytest.raises(NoCandidate, match="'v2' serves already: roll it back"):
            await giving_up
        assert engine.runtime.bundle.manifest.name == "v2"
        assert (deployments.version, deployments.previous, versions.current()) == ("v2", "v1", "v2")
        await deployments.rollback()
        assert (deployments.version, versions.current()) == ("v1", "v1")


async def test_back_and_forth_each_version_before_can_be_taken_back(tmp_path: Path) -> None:
    async with serving(tmp_path, Opened()) as (engine, deployments, versions):
        for there, back in (("v2", "v1"), ("v3", "v1"), ("v2", "v1")):
            await promoted(deployments, there)
            assert versions.current() == there
            await deployments.rollback()
            assert (deployments.version, versions.current()) == (back, back)
            assert engine.runtime.bundle.manifest.name == back
            with pytest.raises(NoRollback):
                await deployments.rollback()


async def test_of_two_deploys_at_once_one_goes_on_and_the_other_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, Opened()) as (_, deployments, _):
        results = await asyncio.gather(
            deployments.deploy("v2", shadow=False), deployments.deploy("v3", shadow=False), return_exceptions=True
        )
        codes = [each.code if isinstance(each, GatecastError) else None for each in results]
        assert sorted(codes, key=str) == [None, "deploy_under_way"]
        await until(lambda: deployments.candidate is None)
        assert deployments.version == ("v2" if codes[0] is None else "v3")


def test_workers_that_record_a_version_at_once_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    workers = [Versions(tmp_path) for _ in range(4)]

    def record(worker: int) -> None:
        for _ in range(50):
            workers[worker].record(f"v{worker}")

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(record, range(len(workers))))
    assert workers[0].current() in {f"v{worker}" for worker in range(len(workers))}
    assert [each.name for each in tmp_path.iterdir()] == ["current.json"]


def test_a_version_that_leads_in_a_circle_or_a_directory_that_is_gone_is_told_by_name(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    written(tmp_path / "v1")
    (tmp_path / "v1" / "a").symlink_to("b")
    (tmp_path / "v1" / "b").symlink_to("a")
    with pytest.raises(BrokenVersion, match="'v1' cannot be read"):
        versions.open("v1", "fake")
    assert versions.names() == ["v1"]
    shutil.rmtree(tmp_path)
    with pytest.raises(BrokenVersion, match="directory of models cannot be read"):
        versions.names()
