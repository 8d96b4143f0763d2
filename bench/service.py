"""The running service against its goals: every row, one after the other, and the plots.

    python -m bench.service [--rows NAME ...] [--write] [--million]

Each row has a command of its own too, `python -m bench.NAME`. With --write all of them are entered into RESULTS.md and
the plots into plots/; where other work is running on the machine, it says so there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bench import (
    cores,
    curves,
    durability,
    frames,
    growth,
    histories,
    idle_sessions,
    many_sessions,
    replay,
    round_trip,
    single,
    start,
)
from bench.load.row import HEAD, Row, as_markdown, as_text
from bench.load.setting import Setting, options, setting
from bench.machine import taken

RESULTS = Path(__file__).parent / "RESULTS.md"
BEGIN, END = "<!-- written by bench.service -->", "<!-- until here -->"
QUIET = 0.5  # processes that want the processor beside us
ROWS: dict[str, Callable[[Setting], list[Row]]] = {
    "replay": replay.measure,
    "frames": frames.measure,
    "single": single.measure,
    "round_trip": round_trip.measure,
    "histories": histories.measure,
    "many_sessions": many_sessions.measure,
    "idle_sessions": idle_sessions.measure,
    "durability": durability.measure,
    "start": start.measure,
    "cores": cores.measure,
}


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), help="some of them")
    parser.add_argument("--write", action="store_true", help="enter all into RESULTS.md")
    chosen = parser.parse_args()
    if chosen.write and chosen.rows:
        parser.error("--write enters one run of all rows; leave out --rows")
    where = taken() + beside()
    print(where)
    found: list[Row] = []
    with setting(chosen) as made:
        for name in chosen.rows or ROWS:
            rows = ROWS[name](made)
            print(as_text(rows, head=name == next(iter(chosen.rows or ROWS))), flush=True)
            found += rows
        if not chosen.rows:
            found += curves.measure(made, curves.FOLDER, where)
            found += growth.measure(made, curves.FOLDER, where)
    if chosen.write:
        RESULTS.write_text(entered(RESULTS.read_text(encoding="utf-8"), where, found), encoding="utf-8")


def beside() -> str:
    """Says so where the machine has been busy in the last minute."""
    load = os.getloadavg()[0]
    return f"; provisional, taken beside other work (load {load:.1f})" if load > QUIET else ""


def entered(page: str, where: str, rows: list[Row]) -> str:
    """The page with these rows between its two marks; `ValueError` if they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{RESULTS} was expected to have the marks {BEGIN!r} and {END!r}")
    head = [f"| {' | '.join(HEAD)} |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([before + BEGIN, where, "", *head, *as_markdown(rows), END]) + after


if __name__ == "__main__":
    main()
