"""A journal whose process is killed, or whose log is torn, comes back with all it acknowledged, once and in order."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalError, JournalLocked
from service.journal import Beginning, Journal, Readings, open_journal

SESSIONS = 6

# Writes readings whose value says whose and which they are, folds in a second thread, and prints what is acknowledged.
WRITER = """
import sys, threading
import numpy as np
from service.journal import Beginning, Checkpoint, Readings, open_journal

journal = open_journal(sys.argv[1], 1, "1h", sys.argv[2])
random = np.random.default_rng(int(sys.argv[3]))
empty = np.zeros((0, 1))
names = [f"s{i}" for i in range(int(sys.argv[4]))]
begun = [Beginning(name, 0, "", empty, {"at": i}) for i, name in enumerate(names)]
heads = [journal.head(each.name) or journal.create(each) for each in begun]
keys, next_steps = [head.key for head in heads], [head.last_step + 1 for head in heads]

def fold():
    while True:
        journal.fold(int(random.integers(1, 50)))

threading.Thread(target=fold, daemon=True).start()
while True:
    rows = []
    for i in random.integers(len(heads), size=random.integers(1, 30)).tolist():
        rows.append((keys[i], next_steps[i], 1e6 * keys[i] + next_steps[i]))
        next_steps[i] += 1
    taken, steps, values = (np.array(column) for column in zip(*rows))
    assert journal.append(Readings(taken, np.ones(len(rows), np.int64), steps, values[:, None])).all()
    print(*next_steps, flush=True)
    if random.random() < 0.2:
        step = next_steps[0] - 1
        journal.save(np.array(keys[:1]), [Checkpoint(step, 1, "d", np.full(50, step, np.float32))])
"""


def recorded(journal: Journal) -> list[int]:
    """How many readings each session has, after a look at every one of them."""
    counts = []
    for i in range(SESSIONS):
        head = journal.head(f"s{i}")
        assert head is not None
        assert head.static == {"at": i}
        values = journal.readings(head.key, 0, 10**9)[:, 0]
        np.testing.assert_array_equal(values, 1e6 * head.key + np.arange(head.last_step + 1))
        checkpoint, after = journal.load(head.key)
        if checkpoint is not None:
            assert (checkpoint.body == checkpoint.step).all()
            assert checkpoint.step + 1 + len(after) == len(values)
        counts.append(len(values))
    return counts


@pytest.mark.parametrize("durable", ["process", "disk"])
def test_a_kill_at_any_moment_loses_no_acknowledged_reading_and_repeats_none(tmp_path: Path, durable: str) -> None:
    url = f"sqlite:{tmp_path / 'journal.sqlite'}"
    random = np.random.default_rng(7)
    acknowledged = [0] * SESSIONS
    for turn in range(5):
        command = [sys.executable, "-c", WRITER, url, durable, str(turn), str(SESSIONS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]  # it has begun
            with pytest.raises(JournalLocked, match=f"process {writer.pid}"):
                open_journal(url, 1, "1h")
            time.sleep(float(random.uniform(0, 0.15)))
            writer.kill()
            lines += writer.stdout.readlines()
        acknowledged = [int(count) for count in [line for line in lines if line.endswith("\n")][-1].split()]
        journal = open_journal(url, 1, "1h")
        found = recorded(journal)
        assert all(have >= promised for have, promised in zip(found, acknowledged, strict=True))
        assert sum(found) - sum(acknowledged) <= 30  # at most the one batch that was on its way
        journal.close()
    assert all(acknowledged)


def test_a_torn_log_loses_its_end_and_nothing_before(tmp_path: Path) -> None:
    source = tmp_path / "journal.sqlite"
    journal = open_journal(f"sqlite:{source}", 1, "1h", "process")
    keys = [journal.create(Beginning(f"s{i}", 0, "", np.zeros((0, 1)), static={"at": i})).key for i in range(SESSIONS)]
    size_after: list[int] = []  # of the log, when so many batches were recorded
    log = Path(f"{source}-wal")
    for step in range(40):
        values = 1e6 * np.array(keys)[:, None] + step
        assert journal.append(
            Readings(np.array(keys), np.ones(SESSIONS, np.int64), np.full(SESSIONS, step), values)
        ).all()
        size_after.append(log.stat().st_size)
        if step == 25:
            journal.fold(70)
    random = np.random.default_rng(1)
    whole = log.stat().st_size
    for turn, size in enumerate([whole, *random.integers(size_after[0], whole, 12).tolist()]):
        copy = tmp_path / f"copy {turn}"
        shutil.copy(source, copy)
        shutil.copy(log, f"{copy}-wal")
        os.truncate(f"{copy}-wal", size)
        if turn % 2:
            with Path(f"{copy}-wal").open("ab") as torn:  # what a disk may leave where a write was cut off
                torn.write(random.bytes(5_000))
        reopened = open_journal(f"sqlite:{copy}", 1, "1h")
        whole_batches = sum(complete <= size for complete in size_after)
        assert recorded(reopened) == [whole_batches] * SESSIONS
        reopened.close()
    journal.close()


def test_the_rest_of_a_killed_creation_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch()  # SQLite makes the file before anything is in it
    journal = open_journal(f"sqlite:{path}", 1, "1h")
    assert journal.count() == 0
    journal.close()
    with pytest.raises(JournalError):
        open_journal(f"sqlite:{path}", 2, "1h")
