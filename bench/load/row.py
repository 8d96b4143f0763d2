"""A row of the table of goals: what was to be reached, what was found, and whether that is it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line; `met` is None where it only stands beside another one."""

    command: str  # by which it is taken again: python -m bench.{command}
    what: str
    goal: str
    found: str
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return "" if self.met is None else "yes" if self.met else "no"


HEAD = ("what", "goal", "found", "reached", "`python -m …`")


def as_text(rows: Sequence[Row], head: bool = True) -> str:
    """A table for a terminal."""
    lines = [(row.what, row.goal, row.found, row.verdict) for row in rows]
    lines = [HEAD[:4], *lines] if head else lines
    widths = [max(len(line[at]) for line in lines) for at in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def as_markdown(rows: Sequence[Row]) -> list[str]:
    """Lines of a table in a page, without its head."""
    return [f"| {row.what} | {row.goal} | {row.found} | {row.verdict} | `bench.{row.command}` |" for row in rows]


def met(values: Sequence[float], goals: Sequence[float], most: bool = False) -> bool:
    """Whether each value is at least its goal; with `most`, at most."""
    pairs = zip(values, goals, strict=True)
    return all(value <= goal if most else value >= goal for value, goal in pairs)
