"""What every journal in the registry promises: what follows is recorded, nothing else is, and all of it comes back."""

from __future__ import annotations

import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.errors import JournalError, SessionExists, UnknownSession
from service.journal import JOURNALS, NO_READING, Checkpoint, Head, Journal, Readings, open_journal
from service.journal.sqlite import SqliteJournal

WIDTH = 2
FREQUENCY = "30min"
NAMES = ("taxi", "meter 7", "κ/λ")
DIGESTS = ("a" * 64, "b" * 64)
FAULTS = ("",) * 12 + ("gap", "again", "stale", "ahead", "deleted")

Open = Callable[[Path], Journal]


def registered(kind: str) -> Open:
    return lambda path: open_journal(f"{kind}:{path}", WIDTH, FREQUENCY, "process")


def cramped(path: Path) -> Journal:
    """Segments and a tail so small that every boundary is met within a few readings."""
    return SqliteJournal(path, WIDTH, FREQUENCY, "process", tail_bytes=300, segment_rows=3)


JOURNALS_TO_TEST = {**{kind: registered(kind) for kind in sorted(JOURNALS)}, "sqlite, cramped": cramped}


@pytest.fixture(params=JOURNALS_TO_TEST)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    opened = JOURNALS_TO_TEST[request.param](tmp_path / "journal")
    yield opened
    opened.close()


def rows(*numbers: float) -> np.ndarray:
    """One reading for each number: the number, and one hundred more."""
    return np.array([[number, number + 100] for number in numbers], np.float64).reshape(-1, WIDTH)


def readings(*items: tuple[int, int, int, float]) -> Readings:
    """A batch of (key, revision, step, number)."""
    keys, revisions, steps, numbers = zip(*items, strict=True)
    return Readings(np.array(keys), np.array(revisions), np.array(steps), rows(*numbers))


def checkpoint(step: int, revision: int = 1, digest: str = DIGESTS[0], fill: float = 0.0) -> Checkpoint:
    return Checkpoint(step, revision, digest, np.full(5, fill, np.float32))


def follow(journal: Journal, head: Head, *numbers: float) -> None:
    """Appends numbers behind what the session has."""
    found = journal.head(head.name)
    assert found is not None
    items = [(found.key, found.revision, found.last_step + 1 + i, number) for i, number in enumerate(numbers)]
    assert journal.append(readings(*items)).all()


@dataclass
class Expected:
    """The simplest journal of one session."""

    key: int
    start: int
    origin: str
    revision: int
    rows: list[np.ndarray]
    saved: list[tuple[int, str, bytes]] = field(default_factory=list)

    def values(self) -> np.ndarray:
        return np.array(self.rows, np.float64).reshape(-1, WIDTH)


names = st.sampled_from(NAMES)
places = st.integers(0, len(NAMES) - 1)
lengths = st.integers(0, 7)
digests = st.sampled_from(DIGESTS)
made_by = st.one_of(st.none(), digests)
some_sessions = precondition(lambda self: self.expected)


class JournalMachine(RuleBasedStateMachine):
    """Any order of operations leaves the journal and the simple model with the same sessions and readings."""

    def __init__(self, opener: Open) -> None:
        super().__init__()
        self.opener = opener
        self.folder = tempfile.TemporaryDirectory()
        self.journal = opener(Path(self.folder.name) / "journal")
        self.expected: dict[str, Expected] = {}
        self.dead: list[tuple[int, int, int]] = []  # key, revision and next step of deleted sessions
        self.used: set[int] = set()
        self.numbers = itertools.count()

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()

    def pick(self, place: int) -> str:
        return list(self.expected)[place % len(self.expected)]

    def new_rows(self, count: int) -> np.ndarray:
        values = rows(*(next(self.numbers) for _ in range(count)))
        values[values % 5 == 0] = np.nan
        return values

    def begin(self, name: str, head: Head, values: np.ndarray, made: Checkpoint | None) -> None:
        self.expected[name] = Expected(head.key, head.start, head.origin, head.revision, list(values))
        if made is not None:
            self.expected[name].saved.append((made.step, made.digest, made.body.tobytes()))

    def made(self, step: int, digest: str | None) -> Checkpoint | None:
        return None if digest is None else checkpoint(step, 77, digest, next(self.numbers))

    @initialize(lengths=st.tuples(lengths, lengths))
    def two_sessions(self, lengths: tuple[int, int]) -> None:
        for name, length in zip(NAMES, lengths, strict=False):
            self.create(name, length, None)

    @rule(name=names, length=lengths, digest=made_by)
    def create(self, name: str, length: int, digest: str | None) -> None:
        values, made = self.new_rows(length), self.made(length - 1, digest)
        if name in self.expected:
            with pytest.raises(SessionExists):
                self.journal.create(name, 1000, "", values, made)
            return
        head = self.journal.create(name, 1000, f"{1:064d}", values, made)
        assert (head.start, head.origin, head.revision) == (1000, f"{1:064d}", 1)
        assert head.key not in self.used
        self.used.add(head.key)
        self.begin(name, head, values, made)

    @some_sessions
    @rule(place=places, length=lengths, digest=made_by)
    def replace(self, place: int, length: int, digest: str | None) -> None:
        name = self.pick(place)
        old, values, made = self.expected[name], self.new_rows(length), self.made(length - 1, digest)
        start, origin = old.start + 1, f"{old.start:064d}"
        head = self.journal.replace(name, start, origin, values, made)
        assert (head.start, head.origin) == (start, origin)
        assert (head.key, head.revision) == (old.key, old.revision + 1)
        self.begin(name, head, values, made)

    @precondition(lambda self: len(self.expected) > 1)
    @rule(place=places)
    def delete(self, place: int) -> None:
        name = self.pick(place)
        gone = self.expected.pop(name)
        self.dead.append((gone.key, gone.revision, len(gone.rows)))
        self.journal.delete(name)
        for unknown in (self.journal.delete, lambda name: self.journal.replace(name, 0, "", rows())):
            with pytest.raises(UnknownSession):
                unknown(name)
        with pytest.raises(UnknownSession):
            self.journal.load(gone.key)

    @some_sessions
    @rule(batch=st.lists(st.tuples(places, st.sampled_from(FAULTS)), min_size=1, max_size=12))
    def append(self, batch: list[tuple[int, str]]) -> None:
        items, verdicts, refused, taken = [], [], set(), []
        values = self.new_rows(len(batch))
        after = {name: len(session.rows) for name, session in self.expected.items()}
        for (place, fault), row in zip(batch, values, strict=True):
            if fault == "deleted":
                items.append(self.dead[-1] if self.dead else (99, 1, 0))
                verdicts.append(False)
                continue
            name = self.pick(place)
            session = self.expected[name]
            step = after[name] + {"gap": 1, "again": -1}.get(fault, 0)
            items.append((session.key, session.revision + {"stale": -1, "ahead": 1}.get(fault, 0), step))
            if fault:
                refused.add(name)
            verdicts.append(name not in refused)
            if verdicts[-1]:
                after[name] += 1
                taken.append((session, row))
        keys, revisions, steps = (np.array(column, np.int64) for column in zip(*items, strict=True))
        found = self.journal.append(Readings(keys, revisions, steps, values))
        assert found.tolist() == verdicts
        for session, row in taken:
            session.rows.append(row)

    @some_sessions
    @rule(place=places, back=st.integers(-1, 8), digest=digests, off=st.sampled_from((0, 0, 0, -1, 1)))
    def save(self, place: int, back: int, digest: str, off: int) -> None:
        session = self.expected[self.pick(place)]
        step = len(session.rows) - 1 - back
        made = checkpoint(step, session.revision + off, digest, next(self.numbers))
        self.journal.save(np.array([session.key]), [made])
        if NO_READING <= step < len(session.rows) and not off:
            session.saved.append((step, digest, made.body.tobytes()))

    @some_sessions
    @rule(place=places, digest=made_by)
    def load(self, place: int, digest: str | None) -> None:
        session = self.expected[self.pick(place)]
        found, after = self.journal.load(session.key, digest)
        usable = [saved for saved in session.saved if digest in (None, saved[1])]
        if found is None:
            # Two checkpoints are kept: one of a bundle may be gone when others came later, but not the last saved.
            assert not usable or (digest is not None and session.saved[-1][1] != digest)
            step = NO_READING
        else:
            assert found.revision == session.revision
            assert (found.step, found.digest, found.body.tobytes()) in usable
            assert digest is not None or found.step == max(saved[0] for saved in usable)
            step = found.step
        np.testing.assert_array_equal(after, session.values()[step + 1 :])

    @some_sessions
    @rule(place=places, first=st.integers(-2, 20), count=st.integers(0, 20))
    def read(self, place: int, first: int, count: int) -> None:
        session = self.expected[self.pick(place)]
        expected = session.values()[max(first, 0) : max(first + count, 0)]
        np.testing.assert_array_equal(self.journal.readings(session.key, first, first + count - 1), expected)

    @rule(limit=st.integers(0, 9))
    def fold(self, limit: int) -> None:
        before = self.journal.fold(0)
        assert self.journal.fold(limit) == max(before - limit, 0)

    @precondition(lambda self: self.journal.durable != "none")
    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.opener(Path(self.folder.name) / "journal")

    @invariant()
    def same_heads_and_readings(self) -> None:
        assert sorted(self.journal.names()) == sorted(self.expected)
        assert self.journal.count() == len(self.expected)
        for name in NAMES:
            head, session = self.journal.head(name), self.expected.get(name)
            if session is None:
                assert head is None
                continue
            assert head is not None
            found = (head.key, head.name, head.start, head.origin, head.revision, head.last_step)
            last = len(session.rows) - 1
            assert found == (session.key, name, session.start, session.origin, session.revision, last)
            expected_last = session.rows[-1] if session.rows else np.full(WIDTH, np.nan)
            np.testing.assert_array_equal(head.last_values, expected_last)
            np.testing.assert_array_equal(self.journal.readings(head.key, 0, last), session.values())


@pytest.mark.parametrize("kind", JOURNALS_TO_TEST)
def test_any_order_of_operations_agrees_with_a_dict_of_lists(kind: str) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: JournalMachine(JOURNALS_TO_TEST[kind]),
        settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
    )


def test_a_late_append_for_a_deleted_session_is_refused_though_the_name_is_there_again(journal: Journal) -> None:
    old = journal.create("taxi", 0, "", rows(1, 2))
    journal.delete("taxi")
    new = journal.create("taxi", 0, "", rows(1, 2))
    assert new.key != old.key
    assert journal.append(readings((old.key, old.revision, 2, 3))).tolist() == [False]
    assert len(journal.readings(new.key, 0, 9)) == 2


def test_a_stale_owner_cannot_go_on_from_a_dead_history(journal: Journal) -> None:
    old = journal.create("taxi", 0, "", rows(1, 2))
    new = journal.replace("taxi", 0, "", rows(5, 6))
    assert journal.append(readings((old.key, old.revision, 2, 3), (new.key, new.revision, 2, 7))).tolist() == [
        False,
        False,  # a later row of the same session, too
    ]
    assert journal.append(readings((new.key, new.revision, 2, 7))).all()
    np.testing.assert_array_equal(journal.readings(new.key, 0, 9), rows(5, 6, 7))


def test_the_first_bad_row_stops_its_own_session_and_no_other(journal: Journal) -> None:
    one, two = (journal.create(name, 0, "", rows()) for name in ("one", "two"))
    batch = [(one.key, 1, 0, 10), (two.key, 1, 0, 20), (one.key, 1, 2, 11), (two.key, 1, 1, 21), (one.key, 1, 1, 12)]
    assert journal.append(readings(*batch)).tolist() == [True, True, False, True, False]
    np.testing.assert_array_equal(journal.readings(one.key, 0, 9), rows(10))
    np.testing.assert_array_equal(journal.readings(two.key, 0, 9), rows(20, 21))


def test_a_batch_of_which_nothing_follows_writes_nothing(journal: Journal) -> None:
    head = journal.create("taxi", 0, "", rows(1))
    waiting = journal.fold(0)
    assert not journal.append(readings((head.key, 1, 0, 5), (head.key, 1, 5, 5), (-3, 1, 0, 5), (2**40, 1, 0, 5))).any()
    assert journal.fold(0) == waiting
    np.testing.assert_array_equal(journal.readings(head.key, 0, 9), rows(1))


def test_of_two_bundles_each_finds_its_own_checkpoint(journal: Journal) -> None:
    head = journal.create("taxi", 0, "", rows(*range(8)))
    journal.save(np.array([head.key]), [checkpoint(3, digest=DIGESTS[0], fill=3)])
    journal.save(np.array([head.key]), [checkpoint(6, digest=DIGESTS[1], fill=6)])
    for digest, step in ((None, 6), (DIGESTS[0], 3), (DIGESTS[1], 6)):
        found, after = journal.load(head.key, digest)
        assert found is not None
        assert (found.step, found.body.tolist()) == (step, [step] * 5)
        np.testing.assert_array_equal(after, rows(*range(step + 1, 8)))
    assert journal.load(head.key, "c" * 64)[0] is None


def test_the_newest_checkpoint_and_the_one_before_are_kept(journal: Journal) -> None:
    head = journal.create("taxi", 0, "", rows(*range(8)))
    for step, digest in ((2, DIGESTS[0]), (4, DIGESTS[1]), (6, DIGESTS[0])):
        journal.save(np.array([head.key]), [checkpoint(step, digest=digest)])
    steps = [found.step for found, _ in (journal.load(head.key, digest) for digest in DIGESTS) if found]
    assert steps == [6, 4]


def test_saving_the_same_step_again_keeps_the_checkpoint_before(journal: Journal) -> None:
    head = journal.create("taxi", 0, "", rows(*range(8)))
    for step, digest in ((3, DIGESTS[1]), (6, DIGESTS[0]), (6, DIGESTS[0])):
        journal.save(np.array([head.key]), [checkpoint(step, digest=digest)])
    before, _ = journal.load(head.key, DIGESTS[1])
    assert before is not None
    assert before.step == 3


def test_a_checkpoint_of_a_former_revision_is_never_used(journal: Journal) -> None:
    head = journal.create("taxi", 0, "", rows(1, 2), checkpoint(1))
    journal.replace("taxi", 0, "", rows(5, 6))
    journal.save(np.array([head.key]), [checkpoint(1, revision=head.revision)])
    found, after = journal.load(head.key)
    assert found is None
    np.testing.assert_array_equal(after, rows(5, 6))


def test_the_checkpoint_of_a_new_history_has_its_revision(journal: Journal) -> None:
    journal.create("taxi", 0, "", rows(1, 2))
    head = journal.replace("taxi", 0, "", rows(5, 6), checkpoint(1, revision=1, fill=9))
    found, after = journal.load(head.key)
    assert found is not None
    assert (found.revision, found.step, found.body.tolist()) == (2, 1, [9] * 5)
    assert after.shape == (0, WIDTH)


def test_checkpoints_of_deleted_sessions_are_passed_over_and_the_others_kept(journal: Journal) -> None:
    gone, here = (journal.create(name, 0, "", rows(1)) for name in ("gone", "here"))
    journal.delete("gone")
    journal.save(np.array([gone.key, here.key]), [checkpoint(0), checkpoint(0)])
    assert journal.load(here.key)[0] is not None


def test_what_the_caller_does_to_its_arrays_later_changes_nothing(journal: Journal) -> None:
    values, batch, made = rows(1), readings((1, 1, 1, 2)), checkpoint(1, fill=4)
    head = journal.create("taxi", 0, "", values)
    assert head.key == 1
    assert journal.append(batch).all()
    journal.save(np.array([head.key]), [made])
    for array in (values, batch.values, batch.steps, made.body):
        array[:] = 0
    found = journal.head("taxi")
    assert found is not None
    found.last_values[:] = 0
    journal.readings(head.key, 0, 9)[:] = 0
    loaded, _ = journal.load(head.key)
    assert loaded is not None
    assert loaded.body.tolist() == [4] * 5
    np.testing.assert_array_equal(journal.readings(head.key, 0, 9), rows(1, 2))
    again = journal.head("taxi")
    assert again is not None
    np.testing.assert_array_equal(again.last_values, rows(2)[0])


def test_values_come_back_bit_for_bit(journal: Journal) -> None:
    odd = np.array([[np.nan, -0.0], [5e-324, np.inf], [-np.inf, 1e8 + 1e-7], [1 / 3, np.pi]])
    head = journal.create("taxi", 0, "", odd)
    assert journal.append(Readings(np.full(4, head.key), np.ones(4, np.int64), np.arange(4, 8), odd)).all()
    for _ in range(2):
        assert journal.readings(head.key, 0, 7).tobytes() == odd.tobytes() * 2
        journal.fold(99)


def test_folding_in_another_thread_disturbs_no_append(journal: Journal) -> None:
    heads = [journal.create(f"s{i}", 0, "", rows()) for i in range(20)]
    done = threading.Event()

    def fold() -> None:
        while not done.is_set():
            journal.fold(37)

    folding = threading.Thread(target=fold)
    folding.start()
    try:
        for step in range(150):
            assert journal.append(readings(*((head.key, 1, step, step) for head in heads))).all()
            assert len(journal.readings(heads[step % 20].key, 0, step)) == step + 1
    finally:
        done.set()
        folding.join()
    for head in heads:
        np.testing.assert_array_equal(journal.readings(head.key, 0, 999), rows(*range(150)))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 3)])
def test_values_of_another_width_are_a_fault_of_the_caller(journal: Journal, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected values of shape"):
        journal.create("taxi", 0, "", np.zeros(shape))
    three = np.arange(3)
    with pytest.raises(ValueError, match="expected values of shape"):
        journal.append(Readings(three, three, three, np.zeros(shape)))
    assert journal.count() == 0


def test_many_sessions_come_and_go_and_each_keeps_its_own(journal: Journal) -> None:
    for turn in range(3):
        heads = [journal.create(f"s{i}", i, "", rows(turn)) for i in range(40)]
        for head in heads[::3]:
            follow(journal, head, head.start)
        for head in heads:
            tail = [head.start] if head.start % 3 == 0 else []
            np.testing.assert_array_equal(journal.readings(head.key, 0, 9), rows(turn, *tail))
        for head in heads:
            journal.delete(head.name)
    assert journal.count() == 0


def test_an_unknown_journal_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(JournalError, match="memory"):
        open_journal("papyrus:/tmp/x", 1, FREQUENCY)
