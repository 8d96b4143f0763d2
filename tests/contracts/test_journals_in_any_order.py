"""Whatever the order of operations, every journal in the registry agrees with a dict of lists."""

from __future__ import annotations

import itertools
import tempfile
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

from service.errors import SessionExists, StaleSession, UnknownSession
from service.journal import NO_READING, Beginning, Checkpoint, Head, Readings
from tests.contracts.journals import DIGESTS, JOURNALS_TO_TEST, WIDTH, Open, checkpoint, rows

NAMES = ("taxi", "meter 7", "κ/λ")
FAULTS = ("",) * 12 + ("gap", "again", "stale", "ahead", "deleted")


@dataclass
class Expected:
    """The simplest journal of one session."""

    key: int
    start: int
    origin: str
    revision: int
    rows: list[np.ndarray]
    static: dict[str, float]
    saved: list[tuple[int, str, bytes]] = field(default_factory=list)
    first_step: int = 0  # rows before it are kept here, to count steps by, and by no journal
    bases: list[tuple[int, str, bytes]] = field(default_factory=list)

    @property
    def last_step(self) -> int:
        return len(self.rows) - 1

    def values(self) -> np.ndarray:
        return np.array(self.rows, np.float64).reshape(-1, WIDTH)


names = st.sampled_from(NAMES)
places = st.integers(0, len(NAMES) - 1)
lengths = st.integers(0, 7)
digests = st.sampled_from(DIGESTS)
made_by = st.one_of(st.none(), digests)
features = st.dictionaries(st.sampled_from(("area", "Stöcke")), st.floats(allow_infinity=False), max_size=2)
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

    def begin(
        self, name: str, head: Head, values: np.ndarray, made: Checkpoint | None, static: dict[str, float]
    ) -> None:
        self.expected[name] = Expected(head.key, head.start, head.origin, head.revision, list(values), static)
        if made is not None:
            self.expected[name].saved.append((made.step, made.digest, made.body.tobytes()))

    def made(self, step: int, digest: str | None) -> Checkpoint | None:
        return None if digest is None else checkpoint(step, 77, digest, next(self.numbers))

    @initialize(lengths=st.tuples(lengths, lengths))
    def two_sessions(self, lengths: tuple[int, int]) -> None:
        for name, length in zip(NAMES, lengths, strict=False):
            self.create(name, length, None, {})

    @rule(name=names, length=lengths, digest=made_by, static=features)
    def create(self, name: str, length: int, digest: str | None, static: dict[str, float]) -> None:
        values, made = self.new_rows(length), self.made(length - 1, digest)
        if name in self.expected:
            with pytest.raises(SessionExists):
                self.journal.create(Beginning(name, 1000, "", values), made)
            return
        head = self.journal.create(Beginning(name, 1000, f"{1:064d}", values, static=static), made)
        assert (head.start, head.origin, head.revision) == (1000, f"{1:064d}", 1)
        assert head.key not in self.used
        self.used.add(head.key)
        self.begin(name, head, values, made, static)

    @some_sessions
    @rule(place=places, length=lengths, digest=made_by, static=features)
    def replace(self, place: int, length: int, digest: str | None, static: dict[str, float]) -> None:
        name = self.pick(place)
        old, values, made = self.expected[name], self.new_rows(length), self.made(length - 1, digest)
        start, origin = old.start + 1, f"{old.start:064d}"
        head = self.journal.replace(Beginning(name, start, origin, values, static=static), made)
        assert (head.start, head.origin) == (start, origin)
        assert (head.key, head.revision) == (old.key, old.revision + 1)
        self.begin(name, head, values, made, static)

    @precondition(lambda self: len(self.expected) > 1)
    @rule(place=places)
    def delete(self, place: int) -> None:
        name = self.pick(place)
        gone = self.expected.pop(name)
        self.dead.append((gone.key, gone.revision, len(gone.rows)))
        self.journal.delete(name)
        for unknown in (self.journal.delete, lambda name: self.journal.replace(Beginning(name, 0, "", rows()))):
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
    @rule(place=places, digest=made_by, most=st.none() | st.integers(1, 5))
    def load(self, place: int, digest: str | None, most: int | None) -> None:
        session = self.expected[self.pick(place)]
        found, after = self.journal.load(session.key, digest, most=most)
        usable = [saved for saved in session.saved if digest in (None, saved[1])]
        usable += [base for base in session.bases if digest in (None, base[1])]
        if found is None:
            # Two checkpoints are kept: one of a bundle may be gone when others came later, but not the last saved.
            assert not usable or (digest is not None and session.saved[-1][1] != digest)
            step = session.first_step - 1
        else:
            assert found.revision == session.revision
            assert (found.step, found.digest, found.body.tobytes()) in usable
            assert digest is not None or found.step == max(saved[0] for saved in usable)
            step = found.step
        np.testing.assert_array_equal(after, session.values()[step + 1 :][:most])

    @some_sessions
    @rule(place=places, first=st.integers(-2, 20), count=st.integers(0, 20))
    def read(self, place: int, first: int, count: int) -> None:
        session = self.expected[self.pick(place)]
        expected = session.values()[max(first, session.first_step) : max(first + count, 0)]
        np.testing.assert_array_equal(self.journal.readings(session.key, first, first + count - 1), expected)

    @some_sessions
    @rule(place=places, back=st.integers(0, 9), count=lengths, digest=made_by, off=st.sampled_from((0, 0, 0, -1, 1)))
    def revise(self, place: int, back: int, count: int, digest: str | None, off: int) -> None:
        session = self.expected[self.pick(place)]
        first = max(session.last_step + 1 - back, session.first_step)
        count = max(count, int(session.first_step == first > 0))  # at least one stays
        values = self.new_rows(count)
        made = self.made(first + count - 1, digest)
        if off:
            with pytest.raises(StaleSession):
                self.journal.revise(session.key, session.revision + off, session.last_step, first, values, made)
            return
        head = self.journal.revise(session.key, session.revision, session.last_step, first, values, made)
        session.revision += 1
        session.rows[first:] = list(values)
        session.saved = [saved for saved in session.saved if saved[0] < first]
        if made is not None:
            session.saved.append((made.step, made.digest, made.body.tobytes()))
        assert (head.revision, head.last_step) == (session.revision, session.last_step)

    @some_sessions
    @rule(place=places, keep=st.integers(1, 9), both=st.booleans(), off=st.sampled_from((0, 0, 0, 1)))
    def retain(self, place: int, keep: int, both: bool, off: int) -> None:
        session = self.expected[self.pick(place)]
        first = max(session.last_step + 1 - keep, session.first_step)
        bases = [checkpoint(first - 1, session.revision, made, next(self.numbers)) for made in DIGESTS[: 1 + both]]
        done = self.journal.retain(session.key, session.revision + off, first, bases)
        assert done == (not off)
        if done:
            session.first_step = first
            session.saved = [saved for saved in session.saved if saved[0] >= first]
            session.bases = [(base.step, base.digest, base.body.tobytes()) for base in bases]

    @some_sessions
    @rule(place=places, name=names)
    def put(self, place: int, name: str) -> None:
        source = self.expected[self.pick(place)]
        kept = self.journal.kept(source.key)
        np.testing.assert_array_equal(kept.values, source.values()[source.first_step :])
        assert (kept.start, kept.origin, kept.first_step) == (source.start, source.origin, source.first_step)
        old = self.expected.get(name)
        if old is not None:
            with pytest.raises(SessionExists):
                self.journal.put(name, kept)
        head = self.journal.put(name, kept, replace=old is not None)
        assert old is None or (head.key, head.revision) == (old.key, old.revision + 1)
        assert old is not None or head.key not in self.used
        self.used.add(head.key)
        saved = [(each.step, each.digest, each.body.tobytes()) for each in kept.checkpoints]
        self.expected[name] = Expected(
            head.key, source.start, source.origin, head.revision, list(source.rows), dict(source.static),
            sorted((each for each in saved if each[0] >= source.first_step), key=lambda each: each[0]),
            source.first_step, [each for each in saved if each[0] == source.first_step - 1 >= 0],
        )  # fmt: skip

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
            last = session.last_step
            assert found == (session.key, name, session.start, session.origin, session.revision, last)
            assert head.first_step == session.first_step
            np.testing.assert_equal(dict(head.static), session.static)
            expected_last = session.rows[-1] if session.rows else np.full(WIDTH, np.nan)
            np.testing.assert_array_equal(head.last_values, expected_last)
            kept = session.values()[session.first_step :]
            np.testing.assert_array_equal(self.journal.readings(head.key, 0, last), kept)


@pytest.mark.parametrize("kind", JOURNALS_TO_TEST)
def test_any_order_of_operations_agrees_with_a_dict_of_lists(kind: str) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: JournalMachine(JOURNALS_TO_TEST[kind]),
        settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
    )
