"""A journal whose process is killed while pasts change comes back with the old past or the new one, and no mixture."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from service.journal import open_journal
from service.journal.sqlite import SqliteJournal

# Changes two sessions in every way, and says before and after each change what they should be.
WRITER = """
import json, sys, threading
from pathlib import Path
import numpy as np
from service.journal import Beginning, Checkpoint, Readings
from service.journal.sqlite import SqliteJournal

journal = SqliteJournal(Path(sys.argv[1]), 1, "1h", "process", segment_rows=8, tail_bytes=40 * 200)
random = np.random.default_rng(int(sys.argv[2]))
names = ["one", "two"]
heads = [journal.head(name) or journal.create(Beginning(name, 0, "", np.zeros((0, 1)))) for name in names]
expected = {
    head.name: [head.revision, head.first_step, journal.readings(head.key, 0, 10**9)[:, 0].tolist()] for head in heads
}
number = max([0, *(value for _, _, values in expected.values() for value in values)])

def fold():
    while True:
        journal.fold(int(random.integers(1, 20)))

def new(count):
    global number
    number += count
    return np.arange(number - count + 1, number + 1.0)

threading.Thread(target=fold, daemon=True).start()
while True:
    head = heads[int(random.integers(2))]
    key, (revision, first, values) = head.key, expected[head.name]
    last = first + len(values) - 1
    kind = random.random()
    if kind < 0.5 or len(values) < 4:
        more = new(int(random.integers(1, 12)))
        after = [revision, first, values + more.tolist()]
        steps = np.arange(last + 1, last + 1 + len(more))
        batch = Readings(np.full(len(more), key), np.full(len(more), revision), steps, more[:, None])
        change = lambda: journal.append(batch).all()
    elif kind < 0.8:
        at = int(random.integers(1, len(values) + 1))
        more = new(int(random.integers(0, 6)))
        after = [revision + 1, first, values[:at] + more.tolist()]
        made = Checkpoint(last, 1, "d", np.zeros(9))
        change = lambda: journal.revise(key, revision, last, first + at, more[:, None], made)
    else:
        at = int(random.integers(0, len(values)))
        base = Checkpoint(first + at - 1, 1, "d", np.full(9, first + at - 1, np.float32))
        after = [revision, first + at, values[at:]]
        change = lambda: journal.retain(key, revision, first + at, [base])
    print(json.dumps([head.name, expected[head.name], after]), flush=True)
    assert change()
    expected[head.name] = after
    print(json.dumps([head.name, after, after]), flush=True)
"""


def test_a_kill_while_pasts_change_leaves_the_old_past_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    random = np.random.default_rng(3)
    changes = 0
    for turn in range(6):
        command = [sys.executable, "-c", WRITER, str(path), str(turn)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]
            time.sleep(float(random.uniform(0.02, 0.3)))
            writer.kill()
            lines += writer.stdout.readlines()
        said = [json.loads(line) for line in lines if line.endswith("\n")]
        changes += len(said)
        possible = {name: (before, after) for name, before, after in said}
        journal = open_journal(f"sqlite:{path}", 1, "1h")
        for head in journal.heads(list(possible)):
            assert head is not None
            values = journal.readings(head.key, 0, 10**9)[:, 0].tolist()
            assert [head.revision, head.first_step, values] in possible[head.name]
            base, after = journal.load(head.key, "d", head.first_step)
            assert head.first_step == 0 or (base is not None and base.step + 1 + len(after) == head.first_step + 1)
        assert isinstance(journal, SqliteJournal)
        journal.close()
    assert changes > 20
