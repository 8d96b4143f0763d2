"""What a second core is good for: threads in the runtime, or a second process of the service.

    python -m bench.cores

First the step alone, with a batch as it is and split over two threads. Then the service by columns, 256 readings a
frame in MessagePack, 8 frames in flight, each process with a load of its own beside it on the same cores: what one
core carries with all that belongs to it, and what two do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from bench.load.job import Job, Report, Running
from bench.load.process import on
from bench.load.row import Row
from bench.load.server import Server
from bench.load.setting import FRAME, IN_FLIGHT, Setting, command
from bench.step import measured, stepping
from service.bundle import Bundle
from service.runtimes import Runtime, open_runtime

BATCHES = (256, 1024)
STEPS = 64  # that each row has seen before
REPEAT = 8_192  # rows of one round
ONE, TWO = (0,), (0, 1)
GOAL = 1.8  # times what one core carries, on two


@dataclass(frozen=True)
class Way:
    """Services, each with the cores that it may use, and loads, each with its service and the cores that it may use."""

    what: str
    services: Sequence[Collection[int]]
    loads: Sequence[tuple[int, Collection[int]]]


@dataclass(frozen=True)
class Found:
    """What a way came to: readings a second, and the processor time of one in microseconds."""

    rate: float
    server: float
    load: float

    @classmethod
    def of(cls, way: Way, reports: Sequence[Report]) -> Found:
        readings = sum(each.readings for each in reports) / 1e6
        seen = [
            [report.server_cpu for report, (own, _) in zip(reports, way.loads, strict=True) if own == worker]
            for worker in range(len(way.services))
        ]
        return cls(
            rate=sum(each.readings_per_second for each in reports),
            server=sum(sum(each) / len(each) for each in seen) / readings,  # each load has seen all of its service
            load=sum(each.generator_cpu for each in reports) / readings,
        )

    @property
    def busy(self) -> float:
        """Cores that were used."""
        return (self.server + self.load) * self.rate / 1e6


PAIRS = "two processes, each with its load on a core of its own"
WAYS = (
    Way("one process and its load on one core", [ONE], [(0, ONE)]),
    Way("one process on one core, its load on another", [ONE], [(0, (1,))]),
    Way("one process and two loads on two cores", [TWO], [(0, TWO), (0, TWO)]),
    Way(PAIRS, [ONE, (1,)], [(0, ONE), (1, (1,))]),
    Way("two processes and two loads on two cores", [TWO, TWO], [(0, TWO), (1, TWO)]),
)


def measure(setting: Setting) -> list[Row]:
    rows = [_threads(setting, name) for name in ("native", "onnx")]
    found = {way.what: Found.of(way, loaded(setting, way)) for way in WAYS}
    alone = next(iter(found.values())).rate
    for way, each in found.items():
        goal, reached = (f"≥ {GOAL} x", each.rate >= GOAL * alone) if way == PAIRS else ("–", None)
        said = f"{each.rate:,.0f}, {each.rate / alone:.2f} x; {each.server:.2f} + {each.load:.2f} µs; {each.busy:.2f}"
        what = f"{way}: readings/s; CPU µs of one, server + load; cores busy"
        rows.append(Row("cores", what, goal, said, reached))
    return rows


def loaded(setting: Setting, way: Way) -> list[Report]:
    """What each load of a way found, all at once."""
    many, workers = FRAME * IN_FLIGHT, len(way.services)
    with ExitStack() as stack:
        servers: list[Server] = []
        for worker, cores in enumerate(way.services):
            loads = [f"load{at}-" for at, (server, _) in enumerate(way.loads) if server == worker]
            with on(cores):
                made = setting.service(dict.fromkeys(loads, many), worker=worker, workers=workers)
                servers.append(stack.enter_context(made))
        running = []
        for at, (worker, cores) in enumerate(way.loads):
            job = Job(
                port=servers[worker].port, layout="columns", prefix=f"load{at}-", sessions=many, readings=FRAME,
                in_flight=IN_FLIGHT, seconds=setting.seconds, watched=servers[worker].process,
                worker=worker, workers=workers,
            )  # fmt: skip
            with on(cores):
                running.append(Running(job))
        return [each.report() for each in running]


def _threads(setting: Setting, name: str) -> Row:
    """One batch by one thread and by two: the runtime's own where it has them, else halves of the batch in a pool."""
    bundle = Bundle.open(setting.bundle)
    found = []
    with ThreadPoolExecutor(2) as pool:
        for batch in BATCHES:
            one = open_runtime(name, bundle, threads=1)
            two = one if name == "native" else open_runtime(name, bundle, threads=2)
            calls = [
                stepping(one, batch, STEPS),
                _halves(pool, two, batch) if two is one else stepping(two, batch, STEPS),
            ]
            single, double = (times.median / batch * 1e6 for times in measured(calls, REPEAT // batch))
            found.append(f"{batch}: {single:.2f} / {double:.2f} ({single / double:.2f} x)")
    how = "halves of the batch" if name == "native" else "its own threads"
    return Row("cores", f"step alone, µs a row by one thread / two, `{name}`, {how}", "–", "; ".join(found))


def _halves(pool: ThreadPoolExecutor, runtime: Runtime, batch: int) -> Callable[[], object]:
    half = stepping(runtime, batch // 2, STEPS)
    return lambda: [each.result() for each in (pool.submit(half), pool.submit(half))]


if __name__ == "__main__":
    command(__doc__, measure)
