"""The long fuzz: a million malformed frames against a real service, while a neighbour streams.

    python -m tests.fuzz [--frames N] [--seed N] [--write]

Prints its report and ends with 1 if anything was found; with --write the report is entered into bench/FUZZ.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from bench.machine import beside, taken
from tests.conftest import small_bundle, small_forecaster
from tests.fuzz.campaign import fuzz
from tests.fuzz.report import report

PAGE = Path(__file__).parents[2] / "bench" / "FUZZ.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000, help="malformed frames (1,000,000)")
    parser.add_argument("--seed", type=int, default=5, help="of all that is drawn (5)")
    parser.add_argument("--write", action="store_true", help="enter the report into bench/FUZZ.md")
    chosen = parser.parse_args()
    where = taken() + beside()
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("fuzz", total=chosen.frames)

        def told(frames: int, found: int) -> None:
            bar.update(task, completed=frames, description=f"fuzz: {frames:,} frames, found: {found}")

        bundle = small_bundle(small_forecaster(), Path(folder) / "small.bundle")
        fuzzed = fuzz(bundle, Path(folder), chosen.frames, chosen.seed, told)
    lines = report(f"python -m tests.fuzz --frames {chosen.frames} --seed {chosen.seed}", where, fuzzed)
    print("\n".join(lines))
    if chosen.write:
        PAGE.write_text("\n".join([*lines, ""]), encoding="utf-8")
    sys.exit(1 if fuzzed.found else 0)


if __name__ == "__main__":
    main()
