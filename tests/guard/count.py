"""The committed numbers of instructions, and the command that shows what they are now or writes them anew.

python -m tests.guard.count [--write]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.guard.frames import Counts, counted

FILE = Path(__file__).with_name("instructions.json")  # by version of Python: each has instructions of its own
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
WRITE = "python -m tests.guard.count --write"


def committed() -> dict[str, Counts]:
    """By version of Python."""
    found: dict[str, Counts] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"as the numbers of Python {VERSION} in {FILE.name}")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        from bench.step import untrained

        found = asyncio.run(
            counted(untrained(Path(folder) / "count.bundle", hidden=8, quantiles=(0.1, 0.5, 0.9)), Path(folder))
        )
    before = committed()
    for kind, stages in found.items():
        for stage, number in stages.items():
            old = before.get(VERSION, {}).get(kind, {}).get(stage)
            beside = "" if old is None else f"{number / old - 1:+8.1%} of {old:,}"
            print(f"{kind:34} {stage:10} {number:8,} {beside}")
    if chosen.write:
        FILE.write_text(json.dumps({**before, VERSION: found}, indent=2) + "\n")
        print(f"written to {FILE}")


if __name__ == "__main__":
    main()
