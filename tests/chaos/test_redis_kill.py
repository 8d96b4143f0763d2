"""A Redis journal whose writer or whose server is killed, or whose file is torn, has all that it may be held to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.journal import Beginning, Readings
from tests.chaos.test_journal_kill import SESSIONS, WRITER, recorded
from tests.redis_server import RedisServer, require_redis
from tests.redis_shared import close_all, opening


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    require_redis()
    made = RedisServer(tmp_path / "redis")
    made.start()
    yield made
    close_all()
    made.kill()


def writing(url: str, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, url, "disk", str(seed), str(SESSIONS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def last_of(lines: list[str]) -> list[int]:
    """What was acknowledged by the last whole line."""
    return [int(count) for count in [line for line in lines if line.endswith("\n")][-1].split()]


@pytest.mark.parametrize("killed", ["writer", "server"])
def test_a_kill_at_any_moment_loses_no_acknowledged_reading_and_repeats_none(server: RedisServer, killed: str) -> None:
    url = f"{server.url}?partitions=4"
    random = np.random.default_rng(3)
    for turn in range(4):
        with writing(url, turn) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]  # it has begun
            time.sleep(float(random.uniform(0, 0.15)))
            writer.kill() if killed == "writer" else server.kill()
            lines += writer.stdout.readlines()
        if killed == "server":
            assert writer.returncode == 1, "it was told that it failed"
            server.start()
        acknowledged = last_of(lines)
        journal = opening(url)
        assert journal.durable == "disk"
        found = recorded(journal)
        assert all(have >= promised for have, promised in zip(found, acknowledged, strict=True))
        assert sum(found) - sum(acknowledged) <= 30  # at most the one batch that was on its way
    assert sum(acknowledged) > 0


def test_a_torn_file_loses_its_end_and_says_so(server: RedisServer, tmp_path: Path) -> None:
    """What a power cut leaves of a file that is not synced after each write: heads fall behind, by whole batches."""
    url = f"{server.url}?partitions=1"
    journal = opening(url)
    heads = [journal.create(Beginning(f"s{i}", 0, "", np.zeros((0, 1)), static={"at": i})) for i in range(SESSIONS)]
    keys, ones = np.array([head.key for head in heads]), np.ones(SESSIONS, np.int64)
    (file,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    created = file.stat().st_size
    for step in range(30):
        values = 1e6 * keys[:, None] + step
        assert journal.append(Readings(keys, ones, np.full(SESSIONS, step), values)).all()
    server.kill()
    kept = tmp_path / "kept.aof"
    shutil.copy(file, kept)
    whole, before = kept.stat().st_size, 31
    for size in sorted(np.random.default_rng(5).integers(created, whole, 6).tolist(), reverse=True):
        shutil.copy(kept, file)
        os.truncate(file, size)
        server.start()
        assert journal.renewed(), "whoever knows of more is told before it writes"
        counts = recorded(journal)
        assert len(set(counts)) == 1, "of a batch that was cut off nothing is there"
        assert counts[0] < before
        before = counts[0] + 1
        assert not journal.append(Readings(keys, ones, ones * 30, 1e6 * keys[:, None] + 30)).any(), "a gap"
        assert journal.append(Readings(keys, ones, ones * counts[0], 1e6 * keys[:, None] + counts[0])).all()
        server.kill()
