"""A load test from its first session to its last: made, loaded, and deleted whatever happens."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from gatecast_client import GatecastClient, GatecastError, Model
from gatecast_client.bearer import bearer
from gatecast_client.connection import stream_url
from gatecast_client.dealing import Dealer
from gatecast_client.requests import given
from gatecast_client.wire import Wire

from commands.loading.arrivals import arrivals
from commands.loading.block import Block
from commands.loading.line import Line
from commands.loading.metronome import Metronome
from commands.loading.plan import PREFIX, Nonsense, Plan
from commands.loading.tally import Tally
from datasets.frequency import Frequency

_AT_ONCE = 16  # sessions that are made or deleted at the same time
_LAST = 1.0  # seconds for what is on its way when a test is broken off
_LEAD = 0.1  # seconds from the last connection to the first arrival
_FORGOTTEN = 3600  # seconds after which the service lets go of a session that a killed test left behind
START = "2024-01-01T00:00:00"


@dataclass(frozen=True)
class Ready:
    """Sessions are made and connections open: all that is left is to send."""

    model: Model
    tally: Tally
    plan: Plan
    lines: list[Line]

    async def go(self) -> None:
        """Sends every frame when it is due, and waits for the answers as long as the plan says."""
        await drive(self.lines, self.plan, self.tally)
        await asyncio.gather(*(line.close(self.plan.grace) for line in self.lines))
        self.tally.complete = True


@asynccontextmanager
async def run(client: GatecastClient, key: str | None, plan: Plan, said: Callable[[str], None]) -> AsyncIterator[Ready]:
    """A load test that is ready to go; what it made is deleted behind it. `GatecastError`, `Nonsense`.

    `said` is told of what takes time before and after.
    """
    model = await client.model()
    plan.check_with(model)
    tally = Tally(plan)
    async with (
        sessions(client, model, plan, said) as names,
        lines(client.urls, key, model, plan, names, tally) as open_,
    ):
        yield Ready(model, tally, plan, open_)


async def drive(open_: list[Line], plan: Plan, tally: Tally) -> None:
    """Every frame at its time, to the connections in turn, until all are sent."""
    zero, over, turn = time.perf_counter() + _LEAD, asyncio.Event(), 0
    for line in open_:
        line.begin(zero)

    def tick(moments: list[float]) -> None:
        nonlocal turn
        for moment in moments:
            due = moment - zero
            tally.is_due(due)
            open_[turn].send(due)
            turn = (turn + 1) % len(open_)

    metronome = Metronome((zero + due for due in arrivals(plan)), tick, over.set)
    metronome.start()
    try:
        await over.wait()
    finally:
        await metronome.stop()


@asynccontextmanager
async def sessions(
    client: GatecastClient, model: Model, plan: Plan, said: Callable[[str], None]
) -> AsyncIterator[list[str]]:
    """Names of new sessions, which are deleted at the end, also where it is broken off."""
    run_id = secrets.token_hex(4)
    names = [f"{PREFIX}-{run_id}-{number}" for number in range(plan.sessions)]
    start = START if Frequency.parse(model.frequency).has_calendar else 0
    static = dict.fromkeys(model.static, None)
    room, made = asyncio.Semaphore(_AT_ONCE), list[str]()

    async def make(name: str) -> None:
        async with room:
            made.append(name)  # before the answer: it may be there and its answer lost
            life = int(plan.whole + plan.grace) + _FORGOTTEN
            await client.open_session(name, start=start, static=static or None, ttl_seconds=life)

    async def forget(name: str) -> None:
        async with room:
            with suppress(GatecastError):  # it was not made, or the service is gone: then it expires
                await client.delete_session(name)

    try:
        said(f"making {plan.sessions} sessions, {names[0]} and on …")
        async with asyncio.TaskGroup() as making:
            for name in names:
                making.create_task(make(name))
        yield names
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    finally:
        said(f"deleting {len(made)} sessions …")
        await asyncio.gather(*(forget(name) for name in made))


@asynccontextmanager
async def lines(
    urls: list[str], key: str | None, model: Model, plan: Plan, names: list[str], tally: Tally
) -> AsyncIterator[list[Line]]:
    """Connections to each address, and the sessions that it has, in frames; they are closed at the end."""
    options = {"protocol": "1", **given(horizon=None if plan.horizon is None else str(plan.horizon))}
    headers, wire = bearer(key), Wire(plan.form)
    ahead = plan.horizon or model.horizon
    opened: list[Line] = []
    try:
        for worker, places in Dealer(len(urls)).places(names):
            own = [names[at] for at in places]
            blocks = [
                Block(own[at : at + plan.frame], model.covariates, model.future, ahead)
                for at in range(0, len(own) - plan.frame + 1, plan.frame)
            ]
            for number in range(min(plan.connections, len(blocks))):
                some = blocks[number :: plan.connections]
                opened.append(await Line.opened(stream_url(urls[worker], options), headers, wire, some, tally, 0.0))
        if not opened:
            raise Nonsense("--sessions: none of the addresses has enough of them for one frame; give more sessions")
        yield opened
    finally:
        await asyncio.gather(*(line.close(min(_LAST, plan.grace)) for line in opened))
