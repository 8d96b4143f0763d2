"""The running service against its goals: every row, one after the other, and the plots.

    python -m bench.service [--rows NAME ...] [--write] [--million]

Each row has a command of its own too, `python -m bench.NAME`. With --write all of them are entered into RESULTS.md and
the plots into plots/; where other work is running on the machine, it says so there.
"""

from __future__ import annotations

from collections.abc import Callable

from bench import (
    cores,
    curves,
    durability,
    frames,
    growth,
    histories,
    idle_sessions,
    kernel,
    many_sessions,
    replay,
    round_trip,
    section,
    single,
    start,
)
from bench.load.row import HEAD, Row, as_markdown, as_text
from bench.load.setting import Setting, options, setting
from bench.machine import beside, taken

ROWS: dict[str, Callable[[Setting], list[Row]]] = {
    "kernel": kernel.measure,
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
        section.write("bench.service", [where, "", *table(found)])


def table(rows: list[Row]) -> list[str]:
    return [f"| {' | '.join(HEAD)} |", "| --- | --- | --- | --- | --- |", *as_markdown(rows)]


if __name__ == "__main__":
    main()
