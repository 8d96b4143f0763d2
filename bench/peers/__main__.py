"""Gatecast beside its peers, each installed into an environment of its own, under the same load in one run.

    python -m bench.peers [--only NAME ...] [--seconds S] [--write] [--install]

Environments are made in .peers/ or the folder that GATECAST_PEERS names, once for each requirements file. With --write
all tables are entered into RESULTS.md; with --install nothing is measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import section
from bench.load.setting import Setting, options, setting
from bench.machine import beside, taken
from bench.peers import echoes, table
from bench.peers.environment import Environment, InstallError
from bench.peers.expected import Expected
from bench.peers.peer import Peer
from bench.peers.questions import Found, asked
from bench.peers.registry import LIBRARIES, OURS, OURS_ALONE, SERVERS
from bench.peers.singles import Library, Single

NAMES = [peer.name for peer in SERVERS] + [library.name for library in LIBRARIES]


def main() -> None:
    parser = options(__doc__)
    parser.set_defaults(seconds=3.0)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--write", action="store_true", help="enter all into RESULTS.md")
    parser.add_argument("--install", action="store_true", help="make the environments and measure nothing")
    chosen = parser.parse_args()
    if chosen.write and chosen.only != NAMES:
        parser.error("--write enters one run of all peers; leave out --only")
    chosen_servers = [peer for peer in SERVERS if peer.name in chosen.only]
    chosen_libraries = [library for library in LIBRARIES if library.name in chosen.only]
    missing = installed([*chosen_servers, *chosen_libraries])
    if chosen.install:
        sys.exit(1 if missing else 0)
    where = taken() + beside()
    with setting(chosen) as made:
        lines = [where, "", echoes.measure(made), ""]
        print("\n".join(lines))
        lines += shown(table.servers(against(made, chosen_servers, missing))) if chosen_servers else []
        lines += ["", *shown(table.singles(alone(made, chosen_libraries, missing)))] if chosen_libraries else []
    if chosen.write:
        section.write("bench.peers", lines)


def installed(peers: Sequence[Peer | Library]) -> dict[str, str]:
    """Makes the environments; the reasons of those that could not be made, by the peer's name."""
    missing = {}
    for peer in peers:
        environment = peer.environment or Environment(peer.name)
        if not environment.installed:
            print(f"installing {peer.title} into {environment.folder} …", file=sys.stderr, flush=True)
        try:
            environment.install()
        except (InstallError, OSError) as failure:
            missing[peer.name] = f"not installed: {' '.join(str(failure).replace('|', '/').split())[-300:]}"
            print(f"{peer.title}: {missing[peer.name]}", file=sys.stderr)
    return missing


def against(made: Setting, peers: Sequence[Peer], missing: dict[str, str]) -> list[Found]:
    """The rows of ourselves, then of each peer."""
    expected = Expected.of(made.bundle)
    rows: list[Found] = []
    for peer in (*OURS, *peers):
        if peer.name in missing:
            failed = missing[peer.name]
            rows += [Found(peer.title, speech.words, speech.form, failed=failed) for speech in peer.speeches]
            continue
        print(f"asking {peer.title} …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=made.folder) as folder:
            for speech in peer.speeches:
                rows.append(asked(peer, speech, made.bundle, Path(folder), made.seconds, expected))
    return rows


def alone(made: Setting, libraries: Sequence[Library], missing: dict[str, str]) -> list[Single]:
    """One forecast at a time, in one process."""
    rows: list[Single] = []
    for library in (OURS_ALONE, *libraries):
        if library.name in missing:
            rows.append(Single(library.title, "–", failed=missing[library.name]))
            continue
        print(f"asking {library.title} …", file=sys.stderr, flush=True)
        rows += library.forecasts(made.seconds, made.bundle)
    return rows


def shown(lines: list[str]) -> list[str]:
    print("\n".join(lines), flush=True)
    return lines


if __name__ == "__main__":
    main()
