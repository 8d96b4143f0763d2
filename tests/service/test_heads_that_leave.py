"""A SQLite journal remembers where some sessions stand, and finds out again where the others do: nobody can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import GatecastError
from service.journal import Beginning, Checkpoint, Head, Readings, Wanted, open_journal
from service.journal.heads import Heads
from service.journal.sqlite import SqliteJournal
from tests.service.engines import START, alone, codes, column, running, send

NAMES = [f"s{at}" for at in range(24)]
KINDS = ["append", "append", "append", "fold", "save", "states", "load", "read", "revise", "retain", "replace",
         "delete", "expire", "kept", "list", "again"]  # fmt: skip
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.lists(st.integers(0, len(NAMES) - 1), min_size=1, max_size=6),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=50,
)


def opened(path: Path, heads: int, tail: int) -> SqliteJournal:
    return SqliteJournal(path, 1, "1h", "process", tail, segment_rows=4, clock=lambda: 1000.0, heads=heads)


@settings(max_examples=30, deadline=None)
@given(operations=OPERATIONS, heads=st.sampled_from([1, 2, 5]), tail=st.sampled_from([80, 400, 2**20]))
def test_what_was_let_go_of_and_what_was_not_behave_the_same(
    operations: list[tuple[str, list[int], int, bool]],
    heads: int,
    tail: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("journals")
    few, all_of_them = opened(folder / "few", heads, tail), opened(folder / "all", 2**20, tail)
    for journal in (few, all_of_them):
        for at, name in enumerate(NAMES):
            journal.create(Beginning(name, 0, "", np.arange(3.0)[:, None], ttl=10 * (at % 2)), state(2, 1))
    for operation in operations:
        assert done(few, *operation) == done(all_of_them, *operation), operation
        waiting = {key for key in few._tail.keys().tolist() if key}
        assert len(few._heads) <= heads + len(waiting) + 7  # what one operation asks for stays until the next
    assert plain(few.heads(NAMES)) == plain(all_of_them.heads(NAMES))
    few.close(), all_of_them.close()
    again, whole = opened(folder / "few", heads, tail), opened(folder / "all", 2**20, tail)
    assert plain(again.heads(NAMES)) == plain(whole.heads(NAMES))
    again.close(), whole.close()


def state(step: int, revision: int) -> Checkpoint:
    return Checkpoint(step, revision, "d", np.full(3, step, np.float32))


def done(journal: SqliteJournal, kind: str, places: list[int], number: int, odd: bool) -> Any:
    """What one operation answers, in a form that can be compared."""
    name = NAMES[places[0]]
    keys = np.array([place + 1 for place in places])
    stand = {place: standing(journal, place + 1) for place in set(places)}
    revision, last = stand[places[0]]
    match kind:
        case "append":
            ahead = dict.fromkeys(stand, 0)
            rows = []
            for place in places:
                ahead[place] += 1
                rows.append((place + 1, stand[place][0], stand[place][1] + ahead[place] + odd * (number == 0)))
            columns = [np.array(each) for each in zip(*rows, strict=True)]
            values = np.arange(len(rows))[:, None] + 10.0 * number
            return told(lambda: journal.append(Readings(columns[0], columns[1], columns[2], values)))
        case "fold":
            return journal.fold(number)
        case "save":
            return told(lambda: journal.save(keys, [state(stand[place][1] - odd, stand[place][0]) for place in places]))
        case "states":
            return told(lambda: journal.states(np.unique(keys), "d"))
        case "load":
            return told(lambda: journal.load(places[0] + 1, "d" if odd else None, number))
        case "read":
            return told(lambda: journal.readings(places[0] + 1, number, number + 5))
        case "revise":
            first = max(last - number % 3, 0)
            return told(lambda: journal.revise(places[0] + 1, revision, last, first, np.full((number % 4, 1), 7.0)))
        case "retain":
            bases = [state(number - 1, revision)]
            return told(lambda: journal.retain(places[0] + 1, revision, number, bases))
        case "replace":
            return told(lambda: journal.replace(Beginning(name, 5, "o", np.full((number, 1), 3.0))))
        case "delete":
            return told(lambda: journal.delete(name)) if odd and number == 0 else None
        case "expire":
            return told(lambda: journal.expire(1000.0 + 11 * odd, 2)) if number == 0 else None
        case "kept":
            return told(lambda: journal.kept(places[0] + 1))
        case "list":
            return told(lambda: journal.listing(Wanted(limit=number + 1)))
        case _:
            return told(lambda: journal.heads([NAMES[place] for place in places]))


def standing(journal: SqliteJournal, key: int) -> tuple[int, int]:
    """Revision and last step, by the file and the tail alone, so that asking loads nobody."""
    found = journal._database.execute("SELECT revision, last_step FROM sessions WHERE key = ?", (key,)).fetchone()
    if found is None:
        return 1, 0
    tail = journal._tail
    rows = tail.at(np.arange(tail.base, tail.end))
    ours = (rows.keys == key) & (rows.revisions == found[0])
    return int(found[0]), max([int(found[1]), *rows.steps[ours].tolist()])


def told(asked: Callable[[], Any]) -> Any:
    try:
        return plain(asked())
    except (GatecastError, ValueError) as error:
        return type(error).__name__, str(error).replace("few", "").replace("all", "")


def plain(found: Any) -> Any:
    if isinstance(found, np.ndarray):
        return found.tolist() if found.dtype != np.float64 else repr(found.tolist())
    if isinstance(found, Head | Checkpoint):
        return {name: plain(value) for name, value in vars(found).items()}
    if isinstance(found, list | tuple):
        return [plain(each) for each in found]
    return {name: plain(value) for name, value in vars(found).items()} if hasattr(found, "__dict__") else found


def test_sessions_that_were_asked_for_longest_ago_leave_and_those_of_which_readings_wait_stay(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal", 4, 2**20)
    for at in range(50):
        journal.create(Beginning(f"n{at}", 0, "", np.zeros((1, 1))))
        assert len(journal._heads) <= 4
    waiting = np.arange(1, 4)
    assert journal.append(Readings(waiting, waiting * 0 + 1, waiting * 0 + 1, np.ones((3, 1)))).all()
    for at in range(10, 50):
        assert journal.head(f"n{at}") is not None
    assert (journal._heads.slots(waiting) > 0).all(), "nothing but the tail says where they stand"
    journal.fold(10)
    journal.head("n48"), journal.head("n49"), journal.head("n40"), journal.head("n41"), journal.head("n42")
    assert (journal._heads.slots(waiting) == 0).all()
    assert (journal._heads.slots(np.array([41, 42, 43])) > 0).all()
    assert journal.head("n0").last_step == 1  # type: ignore[union-attr]
    journal.close()


def test_a_million_sessions_that_were_asked_for_once_take_no_more_room_than_a_few() -> None:
    heads = Heads(1)
    for first in range(1, 200_001, 1000):
        keys = np.arange(first, first + 1000)
        if len(heads) + 1000 > 4000:
            heads.let_go(1000, 0, keys)
        heads.put_all(keys, keys * 0 + 1, keys, keys[:, None] * 1.0)
    assert len(heads) == 4000
    assert len(heads.revision) <= 8192
    assert heads.last_step[heads.slot(200_000)] == 200_000
    assert (heads.slots(np.arange(1, 196_001)) == 0).all()


async def test_an_engine_over_a_journal_that_remembers_two_sessions_answers_as_ever(tmp_path: Path) -> None:
    journal, names = opened(tmp_path / "journal", 2, 400), [f"n{at}" for at in range(12)]
    async with running(journal=journal, max_resident=3, fold_slice=2, max_tail=6) as engine:
        for name in names:
            await engine.create(name, START, column())
        for step in range(6):
            order = np.random.default_rng(step).permutation(names).tolist()
            for some in (order[:5], order[5:]):
                answers = await send(engine, *((name, step + float(name[1:]), step) for name in some))
                assert codes(answers) == [None] * len(some)
        await asyncio.gather(*(engine.session(name) for name in names))
        for name in names:
            truth = alone(np.arange(6) + float(name[1:]))[-1]
            np.testing.assert_array_equal((await engine.peek(name))[1], truth)


def test_a_fold_in_another_thread_and_appends_never_disagree(tmp_path: Path) -> None:
    journal, sessions = opened(tmp_path / "journal", 2, 2**12), 6
    for at in range(sessions):
        journal.create(Beginning(f"n{at}", 0, "", np.zeros((0, 1))))
    over = Event()

    def fold() -> None:
        while not over.is_set():
            journal.fold(3)

    with ThreadPoolExecutor(1) as threads:
        folding = threads.submit(fold)
        for step in range(60):
            for first in (0, 2, 4):
                keys = np.arange(first, first + 2) + 1
                assert journal.append(Readings(keys, keys * 0 + 1, keys * 0 + step, keys[:, None] * 1.0 + step)).all()
                assert journal.readings(first + 1, 0, 99)[:, 0].tolist() == [first + 1.0 + at for at in range(step + 1)]
        over.set()
        folding.result()
    journal.close()
    again = open_journal(f"sqlite:{tmp_path / 'journal'}", 1, "1h", "process")
    assert [head.last_step for head in again.listing(Wanted(limit=9))] == [59] * sessions
    again.close()
