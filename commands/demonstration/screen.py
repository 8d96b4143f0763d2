"""What the terminal shows while readings come in; where there is no terminal, a line now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from commands.demonstration import wording
from commands.demonstration.axes import shown, spoken
from commands.demonstration.chart import BAND, EARLIER, MEDIAN, READINGS, Chart
from commands.demonstration.progress import Progress
from commands.drawing import drawn

_FRAME_SECONDS = 1 / 8
_PANEL_ROWS = 8
_CHART_ROWS = 14  # of what stays
_READINGS_PER_LINE = 50


@asynccontextmanager
async def shown_live(console: Console, progress: Progress, connected: Callable[[], bool]) -> AsyncIterator[None]:
    """Draws anew eight times a second as long as the block runs."""
    with Live(console=console, screen=True, auto_refresh=False) as live:

        async def draw() -> None:
            while True:
                live.update(picture(progress, connected()), refresh=True)
                await asyncio.sleep(_FRAME_SECONDS)

        async with drawn(draw()):
            yield


def print_line(console: Console, progress: Progress) -> None:
    """Every fiftieth reading, and the last."""
    if progress.sent % _READINGS_PER_LINE == 0 or progress.step + 1 == progress.end:
        console.print(wording.line(progress), soft_wrap=True, highlight=False, markup=False)


def picture(progress: Progress, connected: bool) -> Layout:
    """The whole screen."""
    layout = Layout()
    layout.split_column(
        Layout(_header(progress, connected), size=1),
        Layout(_legend(progress), size=1),
        Layout(Chart(progress.view()), ratio=1),
        Layout(name="panels", size=_PANEL_ROWS),
        Layout(_footer(progress), size=1),
    )
    layout["panels"].split_row(
        Layout(Panel(_now(progress), title="now", title_align="left", border_style="dim")),
        Layout(Panel(_scores(progress), title="mean absolute error", title_align="left", border_style="dim")),
    )
    return layout


def print_picture(console: Console, progress: Progress) -> None:
    """What stays in the terminal above the summary."""
    console.print(_legend(progress))
    console.print(Chart(progress.view()), height=_CHART_ROWS)


def _header(progress: Progress, connected: bool) -> Table:
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    state = Text("● live", "green") if connected else Text("○ reconnecting …", "bold red")
    name = Text.assemble(("Gatecast ", "bold"), f"{progress.model.name} · {progress.session.name}")
    grid.add_row(name, state)
    return grid


def _legend(progress: Progress) -> Text:
    day = wording.length(progress.day, progress.feed.frequency)
    parts = [("━ readings  ", READINGS), ("━ forecast  ", MEDIAN)]
    if progress.band is not None:
        parts.append((f"⣿ {wording.percent(progress.band.share, 0)} band  ", BAND))
    parts.append((f"━ forecast {day} before", EARLIER))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _now(progress: Progress) -> Table:
    feed, step, forecast = progress.feed, max(0, progress.step), progress.forecast
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(no_wrap=True, ratio=1)
    grid.add_row("clock", spoken(feed.seconds(step), feed.frequency.has_calendar))
    grid.add_row("reading", Text(shown(float(feed.values[step, 0])), READINGS))
    for ahead in (1, progress.day) if progress.day > 1 else (1,):
        label = "next" if ahead == 1 else f"in {wording.length(ahead, feed.frequency)}"
        median = "–" if forecast is None else shown(forecast.median[ahead - 1])
        grid.add_row(label, Text.assemble((median, MEDIAN), wording.bounds(progress, ahead - 1)))
    grid.add_row("speed", wording.rate(progress))
    grid.add_row("answer", f"p50 {wording.milliseconds(progress.round_trip)}, durable: {progress.durable}")
    return grid


def _scores(progress: Progress) -> Group:
    frequency, scores = progress.feed.frequency, progress.scores
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(style="dim", no_wrap=True)
    rows: list[list[str | Text]] = [["ahead by", "Gatecast", "seasonal naive", "  which says", "better by"]]
    for ahead in scores.aheads:
        table.add_column(justify="right", no_wrap=True)
        error, label = scores.error(ahead), Text(wording.length(ahead, frequency), "dim")
        if error is None:
            rows.append([label, "–", "–", "–", "–"])
            continue
        ours, gain = Text(shown(error.ours), MEDIAN), Text(wording.percent(error.gain), _gain_style(error.gain))
        rows.append([label, ours, shown(error.naive), wording.naive_name(error, frequency), gain])
    for row in zip(*rows, strict=True):
        table.add_row(*row)
    if progress.band is None:
        return Group(table)
    inside = f"in the {wording.percent(progress.band.share, 0)} band  "
    return Group(table, Text.assemble((inside, "dim"), wording.percent(scores.inside)))


def _gain_style(gain: float) -> str:
    return "bold green" if gain > 0 else "bold red"


def _footer(progress: Progress) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    total = max(1, progress.end - progress.first)
    grid.add_row(
        ProgressBar(total=total, completed=progress.sent), f"{progress.sent:,} of {total:,} readings · Ctrl-C ends"
    )
    return grid
