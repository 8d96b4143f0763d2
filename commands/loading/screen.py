"""What the terminal shows while a load test runs, and its table at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from commands.drawing import drawn
from commands.loading.charts import duration
from commands.loading.result import Result, percentile
from commands.loading.tally import Tally

_FRAME_SECONDS = 0.25
_LINE_SECONDS = 5.0  # between two lines where there is no terminal
_RECENT = 2000  # frames of which the live percentiles are


@asynccontextmanager
async def shown(console: Console, tally: Tally) -> AsyncIterator[None]:
    """Draws as long as the block runs."""

    async def draw() -> None:
        began = time.monotonic()
        if not console.is_terminal:
            while True:
                await asyncio.sleep(_LINE_SECONDS)
                console.print(line(tally, time.monotonic() - began), soft_wrap=True, highlight=False)
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(picture(tally, time.monotonic() - began), refresh=True)
                await asyncio.sleep(_FRAME_SECONDS)

    async with drawn(draw()):
        yield


def line(tally: Tally, elapsed: float) -> str:
    """All that counts in one line."""
    recent = sorted(tally.latencies[-_RECENT:])
    refused = sum(counts.total() for counts in tally.refused.values())
    return (
        f"{min(elapsed, tally.plan.whole):.0f} of {tally.plan.whole:g} s, {tally.recorded.total():,} readings "
        f"recorded, {refused:,} refused, {tally.in_flight:,} frames on their way, p50 {_shown(recent, 0.5)}, "
        f"p99 {_shown(recent, 0.99)}"
    )


def picture(tally: Tally, elapsed: float) -> Table:
    """The live table."""
    plan, recent = tally.plan, sorted(tally.latencies[-_RECENT:])
    counted = max(elapsed - plan.warm_up, 0.0)
    shown_table = Table(
        title=f"{min(elapsed, plan.whole):.0f} of {plan.whole:g} s", title_justify="left", show_header=False
    )
    rows = {
        "asked for": f"{plan.rate:,g} readings/s in {plan.frames_per_second:,.1f} frames/s",
        "recorded": f"{tally.recorded.total() / counted:,.0f} readings/s" if counted >= 1 else "warming up",
        "p50, p99": f"{_shown(recent, 0.5)}, {_shown(recent, 0.99)} (last {len(recent):,} frames)",
        "on their way": f"{tally.in_flight:,} frames",
        "refused": ", ".join(f"{code} {counts.total():,}" for code, counts in tally.refused.items()) or "none",
    }
    for name, value in rows.items():
        shown_table.add_row(name, value)
    return shown_table


def print_result(console: Console, result: Result) -> None:
    """What it came to."""
    latency = Table(show_header=True, header_style="")
    for name in result.latency.percentiles:
        latency.add_column(f"p{name}", justify="right")
    latency.add_column("largest", justify="right")
    largest = None if result.lost_frames else result.latency.largest
    latency.add_row(*map(duration, result.latency.percentiles.values()), duration(largest))
    console.print(
        f"{result.rate_reached:,.0f} readings/s recorded of {result.rate_asked:,.0f} asked for, "
        f"{result.frames:,} frames in {result.seconds:g} s, {result.share_refused:.2%} refused",
        highlight=False,
    )
    console.print(latency)
    console.print("from when each frame was due to its answer; those that were never answered count as slowest")
    for code, count in result.refused.items():
        console.print(f"[red]{code}[/] {count:,} readings", highlight=False)
    for warning in result.warnings:
        console.print(f"[yellow]![/] {warning}", soft_wrap=True, highlight=False)


def _shown(ascending: list[float], share: float) -> str:
    found = percentile(ascending, share)
    return "–" if found is None else duration(found)
