"""A program as users of the client write it: mypy --strict holds its types, and test_program.py runs it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from gatecast_client import (
    Acknowledgement,
    GatecastClient,
    GatecastError,
    History,
    Outcome,
    Reading,
    Retry,
    Series,
    Session,
    Stream,
    SyncGatecastClient,
)

BEGINNING = History([10.0, None, float("nan"), 13], start="2014-07-01T00:00:00")


async def a_day(url: str) -> list[str]:
    """Everything that the client can do, once; what came of it in words."""
    said = []
    async with GatecastClient(url, retry=Retry(patience_seconds=20)) as client:
        session = await client.open_session("meter", history=BEGINNING)
        async with client.stream(quantiles=[0.1, 0.9]) as stream:
            said.append(await produce(stream, session))
        said.append(f"{(await client.correct(session, {1: 11.0, 2: 12.0})).changed} corrected")
        fork = await client.fork(session, "what if", step=3)
        file = await client.export_session(fork)
        said.append(f"{(await client.import_session('copy', file)).next_step} imported")
        said.append(f"{(await client.rewind('copy', 1)).changed} taken back")
        said.append(", ".join([each.name async for each in client.sessions()]))
        current = await client.forecast(fork, horizon=1)
        (alone,) = await client.predict(Series(np.array([10.0, 11.0, 12.0, 13.0]), start=BEGINNING.start), horizon=1)
        said.append(f"{current.forecast.median[0] - alone.median[0]:.3f} apart")
        said.append(", ".join((await client.erase(session)).erased))
        await client.delete_session("copy")
    return said


async def produce(stream: Stream, session: Session) -> str:
    """Readings one by one, together and by columns."""
    first: Acknowledgement = await stream.observe(session, np.float64(14.0), step=session.next_step)
    if first.forecast is not None:
        first.forecast.quantile(0.9)
    await stream.observe("meter", None, ds=datetime(2014, 7, 1, 5))
    outcomes: list[Outcome] = await stream.observe_many([Reading("meter", 16.0, 6), Reading("meter", 18.0, 8)])
    refused = [each.code for each in outcomes if isinstance(each, GatecastError)]
    observed = await stream.observe_columns(["meter"] * 3, np.array([17.0, 18.0, np.nan]), np.arange(7, 10))
    rows = sum(len(np.asarray(some.origin)) for some in observed.forecasts)
    return f"{max(observed.steps)} is the last step, {rows} forecast, {refused}"


def without_a_loop(url: str) -> int:
    """The same by calls that block."""
    with SyncGatecastClient(url) as client, client.stream(every="none") as stream:
        session = client.open_session("blocking", start=datetime(2014, 7, 1))
        stream.observe(session, 1.0, step=0)
        stream.observe_columns([session], [2.0], steps=[1])
        return stream.resume(session).next_step
