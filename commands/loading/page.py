"""The report of a load test: one HTML file without a script, that asks for nothing from outside."""

from __future__ import annotations

from html import escape

from commands.loading.charts import Picture, duration, even, powers
from commands.loading.result import Result
from models.pages.document import document
from models.pages.table import table


def page(result: Result) -> str:
    """The whole file."""
    plan = result.plan
    warned = "".join(f"<p class='said'>{escape(each)}</p>" for each in result.warnings)
    said = (
        f"<p class='said'><b>{result.rate_reached:,.0f} readings/s</b> recorded of {result.rate_asked:,.0f} asked for, "
        f"<b>p50 {duration(result.latency.percentiles['50'])}</b>, "
        f"<b>p99 {duration(result.latency.percentiles['99'])}</b>, {result.share_refused:.2%} refused.</p>"
    )
    shape = "by columns" if plan.columns else "an object each"
    what = (
        f"{escape(result.model)} ({escape(result.digest[:12])}) at {escape(', '.join(result.urls))}, "
        f"{escape(result.when)}. "
        f"{plan.rate:,g} readings/s in frames of {plan.frame}, {plan.form}, {shape}; arrivals "
        f"{'by chance' if plan.arrivals == 'chance' else 'at equal distances'}; {plan.sessions:,} sessions over "
        f"{plan.connections} connections; {result.seconds:g} s behind {plan.warm_up:g} s of warm-up. "
        f"An acknowledged reading survives: {escape(result.durable)}."
    )
    honest = (
        "Frames are sent on a schedule that does not wait for answers, and a latency counts from when its frame was "
        "<i>due</i>, not from when it could be sent: what had to wait because the service was busy counts as waiting. "
        f"The generator itself was late by {duration(result.late)} at p99 and took {result.generator_load:.0%} of "
        "a core."
    )
    parts = [
        "<h1>Gatecast load test</h1>",
        said,
        warned,
        f"<p>{what}</p>",
        "<h2>Latency</h2>",
        f"<p class='soft'>{honest}</p>",
        table(["percentile", "latency"], _percentiles(result)),
        f"<figure>{_over_time(result)}<figcaption>by the second in which frames were due</figcaption></figure>",
        f"<figure>{_histogram(result)}<figcaption>how many frames took so long, in milliseconds</figcaption></figure>",
        "<h2>Rate</h2>",
        f"<figure>{_rates(result)}<figcaption>readings a second: due, and acknowledged</figcaption></figure>",
        "<h2>Errors</h2>",
        *_errors(result),
    ]
    return document("Gatecast load test", parts)


def _percentiles(result: Result) -> list[list[str]]:
    latency = result.latency
    rows = [[f"p{share}", duration(seconds)] for share, seconds in latency.percentiles.items()]
    largest = "never" if result.lost_frames else duration(latency.largest)
    return [*rows, ["largest", largest], ["mean of those answered", duration(latency.mean) if latency.mean else "–"]]


def _over_time(result: Result) -> str:
    seconds = result.by_second
    known = [each for second in seconds for each in (second.median, second.high) if each is not None]
    picture = Picture("latency over time", even([len(seconds)]), powers(known), "seconds", seconds=True)
    picture.line("p50", [(at + 0.5, second.median) for at, second in enumerate(seconds)])
    picture.line("p99", [(at + 0.5, second.high) for at, second in enumerate(seconds)])
    return picture.svg()


def _histogram(result: Result) -> str:
    edges = [1e3 * each.up_to for each in result.histogram]
    picture = Picture("histogram of latencies", powers(edges), even([each.frames for each in result.histogram]), "ms")
    lefts = [edges[0] / (edges[1] / edges[0]), *edges] if len(edges) > 1 else edges
    spans = [(left, right, 0.0, each.frames) for left, right, each in zip(lefts, edges, result.histogram, strict=False)]
    picture.bars("frames", spans)
    return picture.svg()


def _rates(result: Result) -> str:
    seconds = result.by_second
    highest = even([max(second.asked, second.recorded) for second in seconds])
    picture = Picture("rate asked for and reached", even([len(seconds)]), highest, "seconds")
    picture.line("due", [(at + 0.5, second.asked) for at, second in enumerate(seconds)])
    picture.line("acknowledged", [(at + 0.5, second.recorded) for at, second in enumerate(seconds)])
    if any(second.refused for second in seconds):
        picture.line("refused", [(at + 0.5, second.refused) for at, second in enumerate(seconds)])
    return picture.svg()


def _errors(result: Result) -> list[str]:
    if not result.refused:
        return ["<p>None.</p>"]
    rows = [[code, f"{count:,}", f"{count / result.asked:.2%}"] for code, count in result.refused.items()]
    widest = even([*result.refused.values()])
    picture = Picture("errors by code", even([len(rows)]), widest, "")
    for at, (code, count) in enumerate(result.refused.items()):
        picture.bars(code, [(at + 0.2, at + 0.8, 0.0, count)])
    return [
        table(["code", "readings", "share"], rows),
        f"<figure>{picture.svg()}<figcaption>readings refused or lost, by code</figcaption></figure>",
        "<p class='soft'>docs/protocol.md says what each code means. Readings that were on their way behind one "
        "that was turned away are refused as <code>gap</code>.</p>",
    ]
