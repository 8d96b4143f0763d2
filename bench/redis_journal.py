"""What a reading costs in the Redis journal: time of both sides, memory, bytes of the file.

    redis-server --port 6390 --appendonly yes --appendfsync everysec --save "" &
    python -m bench.redis_journal redis://127.0.0.1:6390/0

The journal alone, no service: batches of one reading a session, of one value. Processor time is told beside the rates,
since it does not depend on what else the machine does. The server should hold nothing else: its memory is its own.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
from redis import Redis

from bench.machine import taken
from service.journal import Beginning, Checkpoint, Head, Readings, open_journal

BATCHES = (1, 256, 1024)
ROUNDS = 200
SESSIONS = 10_000
LENGTH = 300
STATE = 310  # numbers, as the default model has


def batch(heads: list[Head], step: int) -> Readings:
    count = len(heads)
    return Readings(
        np.array([head.key for head in heads]), np.ones(count, np.int64), np.full(count, step), np.full((count, 1), 0.5)
    )


def processor(control: Redis) -> float:
    """Seconds of the server's one thread."""
    info = control.info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])


def written(control: Redis) -> int:
    """Bytes of its append-only file, which is a copy of all that it is told."""
    return int(control.info("persistence").get("aof_current_size", 0))


def rates(url: str, control: Redis) -> None:
    print("| sessions in a batch | readings/s | a batch, p50 / p99 | µs a reading: server, we | AOF bytes a reading |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for size in BATCHES:
        journal = open_journal(f"{url}?prefix=bench-{size}", 1, "1h")
        heads = [journal.create(Beginning(f"meter {at}", 0, "a" * 64, np.zeros((0, 1)))) for at in range(size)]
        took: list[float] = []
        theirs, ours, file = processor(control), time.process_time(), written(control)
        for step in range(ROUNDS):
            began = time.perf_counter()
            assert journal.append(batch(heads, step)).all()
            took.append(time.perf_counter() - began)
        count = ROUNDS * size
        theirs, ours, file = processor(control) - theirs, time.process_time() - ours, written(control) - file
        middle, worst = statistics.median(took), statistics.quantiles(took, n=100)[98]
        print(
            f"| {size:,} | {size / middle:,.0f} | {middle * 1e3:.2f} / {worst * 1e3:.2f} ms | "
            f"{theirs / count * 1e6:.2f}, {ours / count * 1e6:.2f} | {file / count:.0f} |"
        )
        journal.close()


def memory(url: str, control: Redis) -> None:
    def used() -> int:
        return int(control.info("memory")["used_memory"])

    journal = open_journal(f"{url}?prefix=bench-memory", 1, "1h")
    empty = used()
    heads = [journal.create(Beginning(f"meter {at}", 0, "a" * 64, np.zeros((0, 1)))) for at in range(SESSIONS)]
    bare = used()
    for step in range(LENGTH):
        for first in range(0, SESSIONS, 1000):
            assert journal.append(batch(heads[first : first + 1000], step)).all()
    full = used()
    keys, body = np.array([head.key for head in heads]), np.zeros(STATE, np.float32)
    journal.save(keys, [Checkpoint(LENGTH - 1, 1, "d" * 64, body)] * SESSIONS)
    saved = used()
    print(f"a session {(bare - empty) / SESSIONS:.0f} bytes; a reading of one value, of {LENGTH:,} a session, ", end="")
    print(
        f"{(full - bare) / SESSIONS / LENGTH:.1f}; a checkpoint of {STATE} numbers {(saved - full) / SESSIONS:.0f}; ",
        end="",
    )
    print(f"size() says {journal.size() / 1e6:.1f} MB of {(saved - empty) / 1e6:.1f} MB")
    journal.close()


def main() -> None:
    (url,) = sys.argv[1:]
    control = Redis.from_url(url)
    said = control.config_get("append*")
    print(f"{taken()}; Redis {control.info('server')['redis_version']}, appendfsync {said['appendfsync']}\n")
    rates(url, control)
    memory(url, control)


if __name__ == "__main__":
    main()
