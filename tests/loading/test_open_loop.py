"""The load is an open loop: the schedule holds whatever the service does, and a latency counts from when it was due."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from gatecast_client import GatecastClient

from commands.loading.arrivals import arrivals
from commands.loading.block import Block, reading
from commands.loading.metronome import Metronome
from commands.loading.plan import Plan
from commands.loading.result import percentile, result
from commands.loading.run import run
from commands.loading.tally import Tally


@pytest.mark.parametrize("kind", ["chance", "even"])
def test_arrivals_come_at_the_rate_that_was_asked_for(kind: str) -> None:
    due = list(arrivals(Plan(rate=2000, frame=2, sessions=2, seconds=10, warm_up=0, arrivals=kind)))  # type: ignore[arg-type]
    assert due == sorted(due)
    assert len(due) == pytest.approx(10_000, rel=0.05)
    gaps = [later - sooner for sooner, later in itertools.pairwise(due)]
    spread = sum((gap - 0.001) ** 2 for gap in gaps) / len(gaps)
    assert spread == pytest.approx(
        1e-6 if kind == "chance" else 0.0, rel=0.15, abs=1e-9
    )  # exponential: its mean squared
    assert due == list(arrivals(Plan(rate=2000, frame=2, sessions=2, seconds=10, warm_up=0, arrivals=kind)))  # type: ignore[arg-type]


async def test_the_metronome_calls_for_every_moment_in_order_and_none_too_early() -> None:
    begin, came, over = time.perf_counter(), list[tuple[float, float]](), asyncio.Event()
    moments = [begin + 0.01 * number for number in range(20)]

    def tick(due: list[float]) -> None:
        came.extend((each, time.perf_counter()) for each in due)

    metronome = Metronome(iter(moments), tick, over.set)
    metronome.start()
    await over.wait()
    await metronome.stop()
    assert [due for due, _ in came] == moments
    assert all(now >= due for due, now in came)


async def test_a_service_that_stands_still_shows_in_every_latency_that_was_due_meanwhile(open_behind) -> None:
    """Coordinated omission: a generator that waited for answers sees one slow frame; here all have waited."""
    with open_behind() as running:
        plan = Plan(rate=100, sessions=8, connections=1, seconds=1.5, warm_up=0, arrivals="even")
        async with (
            GatecastClient(f"http://{running.address}") as client,
            run(client, None, plan, lambda _: None) as ready,
        ):
            going = asyncio.create_task(ready.go())
            while len(ready.tally.latencies) < 20:
                await asyncio.sleep(0.005)
            running.runtime.gate.clear()
            stood = time.perf_counter()
            before = ready.tally.sent
            while ready.tally.sent < before + 60:  # it goes on sending, or is about to where the socket is full
                await asyncio.sleep(0.005)
            running.runtime.gate.set()
            stood = time.perf_counter() - stood
            await going
        tally = ready.tally
    assert tally.lost == 0
    slow = [latency for latency in tally.latencies if latency > stood / 4]
    assert len(slow) >= 30  # of the sixty that were due meanwhile, three quarters waited longer than that
    assert max(tally.latencies) >= 0.9 * stood


async def test_what_is_never_answered_counts_as_slowest_and_is_waited_for_no_longer_than_planned(open_behind) -> None:
    with open_behind() as running:
        plan = Plan(rate=100, sessions=4, connections=1, seconds=0.5, warm_up=0, grace=0.3, arrivals="even")
        async with (
            GatecastClient(f"http://{running.address}") as client,
            run(client, None, plan, lambda _: None) as ready,
        ):
            running.runtime.gate.clear()
            await ready.go()
            running.runtime.gate.set()
        found = result(ready.tally, ["u"], ("m", "d", "none"), 0.5, 0.1)
    assert found.lost_frames > 40
    assert found.refused["unanswered"] == found.lost_frames
    assert found.latency.percentiles["99"] is None
    assert "never answered" in " ".join(found.warnings)


def test_percentiles_are_latencies_that_occurred_and_what_never_came_is_above_them_all() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5, never=4) == 4.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.51, never=4) is None
    assert percentile([], 0.5) is None


def test_the_warm_up_is_left_out() -> None:
    tally = Tally(Plan(warm_up=1.0, seconds=2.0, frame=2, sessions=2))
    for due, seconds in ((0.5, 9.0), (1.5, 0.1), (2.5, 0.2)):
        tally.is_due(due)
        tally.was_sent(due, due)
        tally.answered(due, due + seconds, {})
    found = result(tally, ["u"], ("m", "d", "none"), 2.0, 0.0)
    assert (found.asked, found.recorded, found.frames) == (4, 4, 2)
    assert found.latency.largest == pytest.approx(0.2)
    assert [(each.asked, each.recorded) for each in found.by_second] == [(2, 2), (2, 2)]


def test_a_session_goes_on_from_where_the_service_has_it() -> None:
    block = Block(["a", "b"])
    assert block.items() == [{"session": name, "step": 0, "y": reading(0)} for name in ("a", "b")]
    block.items()
    from gatecast_client.wire import Item

    taken = block.take_items([Item(session="a", step=1), Item(session="b", error={"code": "gap", "last_step": 7})])
    assert taken == {"gap": 1}
    assert [each["step"] for each in block.items()] == [2, 8]  # type: ignore[index,union-attr]
    assert block.take_items(Item(error={"code": "overloaded"})) == {"overloaded": 2}
    assert [each["step"] for each in block.items()] == [2, 8]  # type: ignore[index,union-attr]
