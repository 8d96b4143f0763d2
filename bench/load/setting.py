"""What the rows have in common: the benchmark's model, services over journals of their own, how long to measure."""

from __future__ import annotations

import argparse
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec
from gatecast_client.wire import Form

from bench.load import sessions
from bench.load.job import Job, Layout, Report, run
from bench.load.row import Row, as_text
from bench.load.server import Server, echo, service
from bench.machine import taken
from service.share import Share

HORIZON, LEVELS = 24, (0.1, 0.5, 0.9)
FRAME = 256  # readings of a full frame
IN_FLIGHT = 8  # frames of one connection on their way, as many as the service takes
_PENDING = 120.0  # seconds that the journal may take for what it has put off
_STILL = 0.3  # seconds without work, after which a service is idle
_numbers = count()


@dataclass(frozen=True)
class Setting:
    """The model's bundle, a folder that is removed at the end, and the seconds that one measurement takes."""

    bundle: Path
    folder: Path
    seconds: float
    million: bool = False  # whether there is time for a million sessions

    @contextmanager
    def service(
        self,
        made: Mapping[str, int] | None = None,
        durable: str = "disk",
        memory: bool = False,
        settings: dict[str, str] | None = None,
        worker: int = 0,
        workers: int = 1,
    ) -> Iterator[Server]:
        """A service, or one worker of it, with its sessions of `{prefix}0` …, so many of each prefix."""
        made = made or {}
        path = self.folder / f"journal-{next(_numbers)}.sqlite"
        if not memory:
            own = Share(worker, workers).journal(f"sqlite:{path}").removeprefix("sqlite:")
            sessions.write(Path(own), self.bundle, made, worker, workers)
        if workers > 1:
            settings = {**(settings or {}), "worker": str(worker), "workers": str(workers)}
        with service(self.bundle, "memory" if memory else f"sqlite:{path}", durable, settings) as server:
            if memory:
                for prefix, number in made.items():
                    sessions.make(server.port, prefix, number)
            try:
                yield server
            finally:
                for part in self.folder.glob(f"{path.stem}.*"):
                    part.unlink()

    @contextmanager
    def echo(self, answer: bytes, form: str) -> Iterator[Server]:
        """A server on the same stack that answers with these bytes and does nothing else."""
        with echo(answer, form, self.folder) as server:
            yield server


def sample(server: Server, prefix: str, form: Form, readings: int, layout: Layout = "items") -> bytes:
    """An answer of the service to a frame of so many readings; those sessions have taken a step then."""
    job = Job(
        port=server.port, form=form, layout=layout, prefix=prefix, sessions=readings, readings=readings, rounds=1
    )  # fmt: skip
    return run(job).answer


def full_frames(
    server: Server, form: Form, prefix: str, seconds: float, checked: bool = True, layout: Layout = "items"
) -> Report:
    """One connection with as many full frames in flight as the service takes, each of other sessions."""
    many = FRAME * IN_FLIGHT
    return run(
        Job(
            port=server.port, form=form, layout=layout, prefix=prefix, sessions=many, readings=FRAME,
            in_flight=IN_FLIGHT, seconds=seconds, watched=server.process, checked=checked,
        )
    )  # fmt: skip


def told(server: Server, path: str) -> bytes:
    """What the service says at a path."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=30) as answer:
        said: bytes = answer.read()
        return said


def settle(server: Server) -> None:
    """Waits until the journal's tail is folded and the service does nothing any more."""
    until = time.monotonic() + _PENDING
    while True:
        before = server.cpu_seconds
        time.sleep(_STILL)
        idle = server.cpu_seconds - before < _STILL / 10  # the tail is told by folds alone: 0 before the first one
        if idle and b"gatecast_journal_tail 0.0" in told(server, "/metrics").splitlines():
            return
        if time.monotonic() > until:
            raise TimeoutError(f"the journal's tail was not folded within {_PENDING} s")


def state_bytes(server: Server) -> int:
    """What the state of one session takes: S x 4."""
    size: int = msgspec.json.decode(told(server, "/v1/model"))["state_bytes"]
    return size


@contextmanager
def setting(chosen: argparse.Namespace) -> Iterator[Setting]:
    """With the bundle that was named, or one that is made: GRU 2 x 64, hourly features, horizon 24, three quantiles."""
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        bundle = chosen.bundle
        if bundle is None:
            from bench.step import untrained

            bundle = untrained(folder / "bench.bundle", hidden=64, quantiles=LEVELS)
        yield Setting(bundle, folder, chosen.seconds, chosen.million)


def options(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="another model than the benchmark's")
    parser.add_argument("--folder", type=Path, help="where journals are written, on the disk that is meant")
    parser.add_argument("--seconds", type=float, default=4.0, help="that one measurement takes")
    parser.add_argument("--million", action="store_true", help="a million sessions too; takes minutes")
    return parser


def command(description: str | None, measure: Callable[[Setting], list[Row]]) -> None:
    """The main function of a row's own command."""
    with setting(options(description).parse_args()) as made:
        print(f"{taken()}\n{as_text(measure(made))}")
