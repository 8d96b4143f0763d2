"""Forecast quality of the default configuration, by seed, beside goals, published figures and other libraries.

    GATECAST_DATA=folder python -m bench.accuracy [--sets m4_hourly ett1/15T …] [--seeds 0 1 2] [--steps N]
        [--threads 2] [--peers [NAME …]] [--keep FOLDER] [--report] [--write]

Each model is trained as `gatecast train` does it, with nothing chosen but what the frequency implies, and moved along
its series as a stream moves it, a step a reading. The seasonal naive must first come out as it is published. With
--keep every result is a line of JSON in a folder: a run that was cut off goes on, and seeds that were taken one by one
are put together. With --peers other libraries forecast from the same windows, each in an environment of its own (made
in .peers/ or the folder that GATECAST_PEERS names). --write enters a section for each set into bench/RESULTS.md;
--report runs nothing and takes what is kept.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from bench import section
from bench.accuracy import ours
from bench.accuracy.contender import Budget
from bench.accuracy.kept import OURS, Kept, Result
from bench.accuracy.measures import Figures
from bench.accuracy.naive import checked_naive, naive
from bench.accuracy.peers import PEERS
from bench.accuracy.protocol import Protocol
from bench.accuracy.registry import SETS
from bench.accuracy.report import section as lines_of

SECTION = "bench.accuracy"


def main() -> None:
    chosen = options().parse_args()
    if chosen.report and chosen.keep is None:
        sys.exit("--report takes what --keep has kept: name its folder")
    kept = Kept(chosen.keep)
    for name in chosen.sets:
        protocol = SETS[name]()
        protocol = protocol if chosen.excerpt is None else protocol.excerpt(chosen.excerpt)
        figures = naive(protocol) if chosen.excerpt is not None else checked(protocol)
        mine = taken_of_ours(protocol, chosen, kept)
        others = taken_of_peers(protocol, chosen, kept)
        if not mine and not others:
            print(f"{protocol.title}: nothing is kept of it in {chosen.keep}")
            continue
        thin = naive(protocol.thinned()) if protocol.every > 1 else None
        without = [peer.title for peer in PEERS if peer.title not in dict(others)]
        lines = lines_of(protocol, mine, others, figures, thin, without)
        print("\n".join(lines), flush=True)
        if chosen.write:
            section.write(f"{SECTION} {name}", lines)


def options() -> argparse.ArgumentParser:
    """What the command can be asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    names = [peer.name for peer in PEERS]
    sets = list(SETS)
    parser.add_argument("--sets", nargs="+", choices=sets, default=sets, metavar="SET", help=", ".join(sets))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="of our own models; may be none")
    parser.add_argument("--steps", type=int, default=None, help="of each training, else the default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--peers", nargs="*", choices=names, metavar="NAME", help=f"{', '.join(names)}; all if none is named"
    )
    parser.add_argument(
        "--peer-seconds",
        type=float,
        nargs="+",
        default=[600.0],
        help="that the training of a peer may take; of several the first runs, and what is kept of any is shown",
    )
    parser.add_argument("--peer-limit", type=float, default=3_600.0, help="seconds after which a peer is ended")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where results are kept, and found again")
    parser.add_argument("--report", action="store_true", help="run nothing: put together what is kept")
    parser.add_argument("--excerpt", type=int, metavar="N", help="the first N series alone, unchecked: to try it out")
    parser.add_argument("--write", action="store_true", help="enter the sections into bench/RESULTS.md")
    return parser


def checked(protocol: Protocol) -> Figures:
    """The seasonal naive's figures, once they are what is known of it."""
    figures = checked_naive(protocol)
    known = ", ".join(f"{measure} {value}" for measure, value in protocol.naive.items())
    print(
        f"{protocol.title}: the seasonal naive is {f'reproduced: {known}' if known else 'not published'}.", flush=True
    )
    return figures


def taken_of_ours(protocol: Protocol, chosen: argparse.Namespace, kept: Kept) -> list[Result]:
    """A result for each seed: kept, or taken now."""
    results = []
    for seed in chosen.seeds:
        settings = ours.settings_of(chosen.steps, seed)
        result = kept.find(protocol.name, OURS, seed, ours.digest(protocol, settings))
        if result is None and not chosen.report:
            print(f"{protocol.title}: seed {seed}, {settings.steps:,} steps …", flush=True)
            result = ours.measured(protocol, settings, chosen.threads, Console())
            kept.add(result)
        if result is not None:
            results.append(result)
    return results


def taken_of_peers(protocol: Protocol, chosen: argparse.Namespace, kept: Kept) -> list[tuple[str, Result]]:
    """The same for peers, with their titles; what failed before is tried again."""
    budgets = [Budget(seconds, chosen.peer_limit, chosen.threads) for seconds in chosen.peer_seconds]
    budget, results = budgets[0], []
    for peer in PEERS:
        found = (kept.find(protocol.name, peer.name, each.seed, peer.digest(protocol, each)) for each in budgets)
        result = next((each for each in found if each is not None), None)
        asked = chosen.peers is not None and (not chosen.peers or peer.name in chosen.peers)
        if asked and not chosen.report and (result is None or result.failed is not None):
            print(f"{protocol.title}: {peer.title} …", flush=True)
            result = peer.measured(protocol, budget)
            kept.add(result)
        if result is not None:
            results.append((peer.title, result))
    return results


if __name__ == "__main__":
    main()
