"""Several writers on one Redis journal: of those who want the same, one wins and the others are told."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from service.errors import GatecastError, SessionExists, StaleSession, UnknownSession
from service.journal import Beginning, Checkpoint, Head, Journal, Readings, open_journal
from service.journal.redis import RedisJournal
from service.journal.redis_address import read_address
from tests.redis_shared import opening, redis_url

WRITERS = 4

# Appends, wherever a session stands, values that say who wrote them; prints which steps were its own.
WRITER = """
import sys
import numpy as np
from service.journal import Readings, open_journal

journal, me, rounds = open_journal(sys.argv[1], 1, "1h"), float(sys.argv[2]), int(sys.argv[3])
names = [f"s{at}" for at in range(8)]
print("ready", flush=True)
sys.stdin.readline()
for _ in range(rounds):
    heads = journal.heads(names)
    columns = [np.array([getattr(head, what) for head in heads]) for what in ("key", "revision", "last_step")]
    won = journal.append(Readings(columns[0], columns[1], columns[2] + 1, np.full((8, 1), me)))
    print(*(f"{at}:{columns[2][at] + 1}" for at in np.flatnonzero(won)), flush=True)
"""


class Overtaken(RedisJournal):
    """Something happens to sessions after their keys were looked up and before they are read."""

    between: list[Callable[[], None]]

    def _heads(self, keys: Sequence[int]) -> list[Head | None]:
        if self.between:
            self.between.pop()()
        return super()._heads(keys)


def together(url: str, *doing: Callable[[Journal], object]) -> list[object]:
    """What each of these does at the same moment on a connection of its own: what came of it, or its error."""
    barrier = Barrier(len(doing))

    def one(what: Callable[[Journal], object]) -> object:
        journal = open_journal(url, 1, "1h")
        barrier.wait()
        try:
            return what(journal)
        except GatecastError as error:
            return error
        finally:
            journal.close()

    with ThreadPoolExecutor(len(doing)) as pool:
        return list(pool.map(one, doing))


def test_of_processes_that_write_the_same_steps_one_wins_each(tmp_path: Path) -> None:
    url = redis_url(tmp_path)
    journal = opening(url, 1, "1h")
    heads = [journal.create(f"s{at}", 0, "", np.zeros((0, 1))) for at in range(8)]
    command = [sys.executable, "-c", WRITER, url]
    writers = [
        subprocess.Popen([*command, str(me), "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for me in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    winner: dict[tuple[int, int], int] = {}
    for me, writer in enumerate(writers):
        said, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        for word in said.split():
            session, step = (int(part) for part in word.split(":"))
            assert (session, step) not in winner, "two were told that this reading was theirs"
            winner[session, step] = me
    for at, head in enumerate(heads):
        values = journal.readings(head.key, 0, 10**6)[:, 0].tolist()
        assert values == [winner[at, step] for step in range(len(values))]
        assert len(values) >= 60
    assert len(set(winner.values())) > 1, "they took turns"


@pytest.mark.parametrize("turn", range(5))
def test_of_many_who_create_a_session_one_does(tmp_path: Path, turn: int) -> None:
    url, name = redis_url(tmp_path), f"s{turn}"

    def create(me: int) -> Callable[[Journal], object]:
        return lambda journal: journal.create(name, me, "", np.full((3, 1), me))

    made = together(url, *map(create, range(WRITERS)))
    (won,) = (each for each in made if isinstance(each, Head))
    assert sum(isinstance(each, SessionExists) for each in made) == WRITERS - 1
    journal = opening(url, 1, "1h")
    found = journal.head(name)
    assert (found.key, found.start) == (won.key, won.start)
    assert (journal.readings(found.key, 0, 9) == found.start).all()
    assert journal.count() == 1


@pytest.mark.parametrize("turn", range(5))
def test_of_many_who_revise_a_session_or_bear_it_one_does(tmp_path: Path, turn: int) -> None:
    url, name = redis_url(tmp_path), f"s{turn}"
    journal = opening(url, 1, "1h")
    key = journal.create(name, 0, "", np.zeros((5, 1))).key

    def revise(me: int) -> Callable[[Journal], object]:
        return lambda journal: journal.revise(key, 1, 4, 2, np.full((2, 1), me))

    def bear(me: int) -> Callable[[Journal], object]:
        return lambda journal: journal.replace_all([Beginning(name, me, "", np.full((1, 1), me), revision=2)])[0]

    came = together(url, *map(revise, range(WRITERS)))
    assert sum(isinstance(each, StaleSession) for each in came) == WRITERS - 1
    values = journal.readings(key, 0, 9)[:, 0]
    assert (values[2], len(values)) == (values[3], 4)
    (born,) = (each for each in together(url, *map(bear, range(WRITERS))) if each is not None)
    assert isinstance(born, Head)
    assert (born.revision, journal.head(name).start) == (3, born.start)
    assert journal.readings(key, 0, 9).tolist() == [[born.start]]


@pytest.mark.parametrize("times", [1, 10])
def test_one_that_is_made_again_between_two_questions_is_found(tmp_path: Path, times: int) -> None:
    url = redis_url(tmp_path)
    other, reader = opening(url, 1, "1h"), Overtaken(read_address(url), 1, "1h", None, None)
    other.create("s", 5, "", np.zeros((4, 1)))

    def again() -> None:
        other.delete("s")
        other.create("s", 6, "", np.zeros((2, 1)))

    reader.between = [again] * times
    head = reader.head("s")
    assert head is not None
    assert (head.start, head.last_step) == (6, 1)
    assert reader.between == []
    reader.close()


def test_what_is_deleted_and_made_again_all_the_time_is_never_half_there(tmp_path: Path) -> None:
    url = redis_url(tmp_path)
    until = time.monotonic() + 1.5

    def make(journal: Journal) -> int:
        times = 0
        while time.monotonic() < until:
            for change in (
                lambda: journal.create("s", 5, "", np.full((4, 1), 5.0)),
                lambda: journal.replace("s", 6, "", np.full((2, 1), 6.0)),
                lambda: journal.delete("s"),
            ):
                try:
                    change()
                    times += 1
                except (SessionExists, UnknownSession):
                    pass
        return times

    def look(journal: Journal) -> int:
        times = 0
        while time.monotonic() < until:
            head = journal.head("s")
            if head is not None:
                times += 1
                assert (head.start, head.last_step) in ((5, 3), (6, 1))
                try:
                    values = journal.kept(head.key).values[:, 0].tolist()
                except UnknownSession:
                    continue
                assert values in ([5.0] * 4, [6.0] * 2)
        return times

    came = together(url, make, make, look)
    assert all(isinstance(each, int) and each > 10 for each in came), came
    journal = opening(url, 1, "1h")
    assert journal.count() == len(journal.names())
    assert all(head is not None for head in journal.heads(journal.names()))


def test_a_session_expires_once_whoever_looks(tmp_path: Path) -> None:
    url = redis_url(tmp_path)
    journal = opening(url, 1, "1h")
    for at in range(200):
        journal.create(f"s{at}", 0, "", np.zeros((1, 1)), ttl=60)
    later = time.time() + 3600
    gone = together(url, *(lambda each: each.expire(later, 1000) for _ in range(WRITERS)))
    names = [head.name for each in gone for head in each]
    assert sorted(names) == sorted(f"s{at}" for at in range(200))
    assert {head.revision for head in journal.heads(names)} == {2}


def test_readings_put_off_the_end_of_a_session_and_nothing_is_searched_for_it(tmp_path: Path) -> None:
    journal = opening(redis_url(tmp_path), 1, "1h")
    head = journal.create("s", 0, "", np.zeros((0, 1)), ttl=2)
    deadline = time.monotonic() + 30
    began = journal.head("s").seen
    step = 0
    while journal.head("s").seen < began + 1:
        assert time.monotonic() < deadline
        assert journal.append(Readings(*(np.array([each]) for each in (head.key, 1, step)), np.zeros((1, 1)))).all()
        step += 1
        time.sleep(0.05)
    assert journal.expire(began + 2, 9) == []
    assert [each.name for each in journal.expire(began + 10, 9)] == ["s"]


@pytest.mark.parametrize("count", [1, 1500])
def test_many_sessions_come_back_with_their_states_in_a_few_round_trips(tmp_path: Path, count: int) -> None:
    journal = opening(redis_url(tmp_path, partitions=16), 1, "1h")
    heads = journal.heads([journal.create(f"s{at}", at, "", np.full((1, 1), at)).name for at in range(count)])
    keys = np.array([head.key for head in heads if head])
    journal.save(keys, [Checkpoint(0, 1, "d" * 64, np.full(20, at, np.float32)) for at in range(count)])
    assert [state[0] for state in journal.states(keys, "d" * 64)] == list(range(count))
    assert [head.start for head in heads if head] == list(range(count))
