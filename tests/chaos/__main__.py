"""The long campaign: 200 kills under load for each journal, and the planted faults that prove the harness.

    python -m tests.chaos [--cycles N] [--journals NAME ...] [--seed N] [--write]

Prints its report and ends with 1 if anything was found; with --write the report is entered into bench/CHAOS.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.machine import beside, taken
from service.bundle import Bundle
from tests.chaos.harness.campaign import Campaign, Plan
from tests.chaos.harness.findings import Finding
from tests.chaos.harness.report import report
from tests.chaos.harness.stores import STORES
from tests.chaos.harness.tally import Tally
from tests.chaos.planted import FAULTS
from tests.conftest import small_bundle, small_forecaster

PAGE = Path(__file__).parents[2] / "bench" / "CHAOS.md"
PLANTED_CYCLES = 4
ENOUGH = 0.9  # of the kills land with readings in flight


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=200, help="kills of each journal's service (200)")
    parser.add_argument("--journals", nargs="+", choices=list(STORES), default=list(STORES), help="some of them")
    parser.add_argument("--seed", type=int, default=5, help="of moments, frames and values (5)")
    parser.add_argument("--write", action="store_true", help="enter the report into bench/CHAOS.md")
    chosen = parser.parse_args()
    where = taken() + beside()
    with tempfile.TemporaryDirectory() as folder:
        bundle = small_bundle(small_forecaster(), Path(folder) / "small.bundle")
        caught = planted(bundle, Path(folder), chosen.journals[0], chosen.seed)
        tallies = [killed(bundle, Path(folder), name, Plan(chosen.cycles, chosen.seed)) for name in chosen.journals]
    some = "" if chosen.journals == list(STORES) else f" --journals {' '.join(chosen.journals)}"
    command = f"python -m tests.chaos --cycles {chosen.cycles}{some} --seed {chosen.seed}"
    lines = report(command, where, tallies, caught)
    print("\n".join(lines))
    if chosen.write:
        PAGE.write_text("\n".join([*lines, ""]), encoding="utf-8")
    good = all(tally.share >= ENOUGH and not tally.findings for tally in tallies) and all(caught.values())
    sys.exit(0 if good else 1)


def planted(bundle: Bundle, folder: Path, journal: str, seed: int) -> dict[str, Finding | None]:
    """What is found first of each planted fault."""
    caught: dict[str, Finding | None] = {}
    with _bar() as bar:
        task = bar.add_task("planted faults", total=len(FAULTS), said="")
        for number, fault in enumerate(FAULTS):
            place = folder / f"planted {number}"
            place.mkdir()
            program = ("tests.chaos.planted", fault)
            found = (
                Campaign(bundle, journal, STORES[journal](place), Plan(PLANTED_CYCLES, seed), program).run().findings
            )
            caught[fault] = found.all[0] if found else None
            bar.update(task, advance=1, said=f"{fault}: {'caught' if found else 'NOT caught'}")
    return caught


def killed(bundle: Bundle, folder: Path, journal: str, plan: Plan) -> Tally:
    """One campaign, with a bar that says how it stands."""
    place = folder / journal
    place.mkdir()
    with _bar() as bar:
        task = bar.add_task(journal, total=plan.cycles, said="")

        def told(tally: Tally) -> None:
            found = f"found: {len(tally.findings.all)}"
            said = f"{tally.acknowledged:,} readings, {tally.share:.0%} of kills in flight, {found}"
            bar.update(task, completed=tally.cycles, said=said)

        return Campaign(bundle, journal, STORES[journal](place), plan).run(told)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[said]}"), console=Console(stderr=True))


if __name__ == "__main__":
    main()
