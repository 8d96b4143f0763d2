"""A part of RESULTS.md that a command writes, between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
END = "<!-- until here -->"


def begin_of(command: str) -> str:
    """The mark before what a command writes."""
    return f"<!-- written by {command} -->"


def entered(page: str, command: str, lines: Sequence[str]) -> str:
    """The page with these lines between the marks of a command; `ValueError` if they are not there."""
    begin = begin_of(command)
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise ValueError(f"{RESULTS} was expected to have the marks {begin!r} and {END!r}")
    return "\n".join([before + begin, *lines, END]) + after


def write(command: str, lines: Sequence[str]) -> None:
    """Enters them into RESULTS.md."""
    RESULTS.write_text(entered(RESULTS.read_text(encoding="utf-8"), command, lines), encoding="utf-8")
