"""What the demo says in words and figures: durations, lags, one line for a log, and the table at its end."""

from __future__ import annotations

from rich.table import Table

from commands.demonstration.axes import DAY, HOUR, MINUTE, shown
from commands.demonstration.progress import Progress
from commands.demonstration.scores import Error
from datasets.frequency import Frequency

SURVIVES = {"none": "nothing: kept in memory", "process": "a killed service", "disk": "a power cut"}
_LENGTHS = ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))


def length(steps: int, frequency: Frequency) -> str:
    """So many steps as people say it: "1 day", "3 hours", "12 steps"."""
    if frequency.unit == "second" and steps > 1:
        for seconds, name in _LENGTHS:
            count, rest = divmod(steps * frequency.size, seconds)
            if count and not rest:
                return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{steps} step{'s' if steps > 1 else ''}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share; a dash where there is none."""
    return "–" if share is None or share != share else f"{share:.{digits}%}".replace("%", " %")


def milliseconds(seconds: float | None) -> str:
    """A duration; a dash where there is none."""
    return "–" if seconds is None else f"{1e3 * seconds:.1f} ms"


def rate(progress: Progress) -> str:
    """How fast it goes."""
    per_second = progress.readings_per_second
    return "– readings/s" if per_second is None else f"{per_second:,.1f} readings/s"


def line(progress: Progress) -> str:
    """The last reading and how it goes, for a log."""
    feed, step = progress.feed, progress.step
    parts = [f"{feed.time(step)}  reading {shown(float(feed.values[step, 0]))}"]
    if progress.forecast is not None:
        parts.append(f"next {shown(progress.forecast.median[0])}{bounds(progress, 0)}")
    for ahead in progress.scores.aheads:
        error = progress.scores.error(ahead)
        if error is not None:
            parts.append(
                f"error {length(ahead, feed.frequency)} ahead {shown(error.ours)} (naive {shown(error.naive)})"
            )
    if progress.scores.inside is not None:
        parts.append(f"in band {percent(progress.scores.inside)}")
    parts.append(f"{rate(progress)}, p50 {milliseconds(progress.round_trip)}")
    return "  ".join(parts)


def bounds(progress: Progress, ahead: int) -> str:
    """The band of one step of the forecast, with a space before it; empty where there is none."""
    forecast, band = progress.forecast, progress.band
    if forecast is None or band is None:
        return ""
    return f" [{shown(forecast.quantile(band.low)[ahead])} – {shown(forecast.quantile(band.high)[ahead])}]"


def naive_name(error: Error, frequency: Frequency) -> str:
    """Which reading the seasonal naive takes for its forecast."""
    return f"{length(error.lag, frequency)} ago"


def summary(progress: Progress) -> Table:
    """The table at the end of a run."""
    feed, scores = progress.feed, progress.scores
    title = f"{feed.name}: {progress.sent:,} readings, {feed.time(progress.first)} to {feed.time(progress.step)}"
    table = Table(title=f"{title}\nMean absolute error", title_justify="left")
    table.add_column("ahead by")
    for name in ("readings", "Gatecast", "seasonal naive", "which says", "better by"):
        table.add_column(name, justify="right")
    for ahead in scores.aheads:
        error, label = scores.error(ahead), length(ahead, feed.frequency)
        if error is None:
            table.add_row(label, "0", "–", "–", "–", "–")
            continue
        figures = (f"{error.count:,}", shown(error.ours), shown(error.naive))
        table.add_row(label, *figures, naive_name(error, feed.frequency), percent(error.gain))
    return table


def facts(progress: Progress) -> list[str]:
    """What stands below the table."""
    lines = []
    if progress.band is not None:
        lines.append(
            f"{percent(progress.scores.inside)} of the readings fell into the {percent(progress.band.share, 0)} band "
            "of one step ahead."
        )
    lines.append(
        f"{rate(progress)}, half of them answered within "
        f"{milliseconds(progress.round_trip)}; each was recorded before it was answered and survives "
        f"{SURVIVES.get(progress.durable, progress.durable)}."
    )
    return lines
