"""The tables: each server's answers to the questions, beside Gatecast's to the same, and the single forecasts."""

from __future__ import annotations

from collections.abc import Sequence

from bench.peers.questions import Found
from bench.peers.singles import Single

BASE = "Gatecast, journal `process`"
_SERVERS = (
    "server", "asked by", "one client, p50 / p99", "32 clients, steps/s", "p50", "256 a request, readings/s",
    "left after kill -9", "generator, of a core",
)  # fmt: skip
_SINGLES = ("library", "what", "p50 / p99", "times ours")


def servers(rows: Sequence[Found]) -> list[str]:
    """In brackets how many times Gatecast is better, by the row of `BASE` in the same form; below 1 it is worse."""
    bases = {row.form: row for row in rows if row.title == BASE and row.failed is None}
    lines = head(_SERVERS)
    for row in rows:
        base = bases.get(row.form, row)
        if row.failed is not None:
            lines.append(line([row.title, row.words, f"could not be measured: {row.failed}", *["–"] * 5]))
            continue
        lines.append(
            line(
                [
                    row.title,
                    row.words,
                    f"{milliseconds(row.p50)} / {milliseconds(row.p99)} ms{times(row.p50, base.p50, row is base)}",
                    rate(row.rate) + times(base.rate, row.rate, row is base),
                    f"{milliseconds(row.rate_p50)} ms",
                    rate(row.batched) + times(base.batched, row.batched, row is base),
                    row.kept,
                    "–" if row.generator is None else f"{row.generator:.0%}",
                ]
            )
        )
    return lines


def singles(rows: Sequence[Single]) -> list[str]:
    """The first row is the one that the others are held against."""
    lines, base = head(_SINGLES), rows[0].p50 if rows else None
    for row in rows:
        if row.failed is not None:
            lines.append(line([row.title, row.what, f"could not be measured: {row.failed}", "–"]))
            continue
        spent = f"{milliseconds(row.p50)} / {milliseconds(row.p99)} ms"
        lines.append(line([row.title, row.what, spent, times(row.p50, base).strip(" ()") or "–"]))
    return lines


def head(names: Sequence[str]) -> list[str]:
    return [line(names), line(["---"] * len(names))]


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1e3:.{3 if seconds < 1e-4 else 2 if seconds < 1e-2 else 1}f}"


def rate(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def times(more: float | None, less: float | None, itself: bool = False) -> str:
    """How many times the one is the other, in brackets; nothing where one is missing, or both are the same row."""
    if not more or not less or itself:
        return ""
    factor = more / less
    return f" ({factor:,.{0 if factor >= 10 else 1 if factor >= 0.1 else 3}f} x)"
