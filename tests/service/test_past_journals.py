"""Journals of every past format still open, as they were first written, and are written on in that of today."""

from __future__ import annotations

import math
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalDamaged, JournalError
from service.journal import Beginning, Export, Journal, Readings, Subject, Wanted, open_journal, upgrade
from service.origin import origin_of
from tests.fixtures import journal_2 as fixture
from tests.service.engines import START

# Three sessions of an hourly model without covariates: 8 readings as history with a checkpoint, 2 folded, 2 not.
FIXTURE = Path(__file__).parents[1] / "fixtures" / "journal-1.sqlite"
SECOND = FIXTURE.with_name("journal-2.sqlite")  # made by journal_2.py beside it


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(FIXTURE, tmp_path / "journal.sqlite"))


def opened(path: Path, subject: Subject | None = None) -> Journal:
    return open_journal(f"sqlite:{path}", 1, "1h", subject=subject)


def test_what_an_older_version_wrote_is_there_and_nothing_of_it_is_static(path: Path) -> None:
    journal = opened(path)
    assert sorted(journal.names()) == ["s0", "s1", "s2"]
    for at in range(3):
        head = journal.head(f"s{at}")
        assert head is not None
        assert (head.start, head.last_step, head.static, head.regime) == (START, 11, {}, False)
        assert head.origin == origin_of(START, np.arange(at, at + 8.0)[:, None])  # the same PUT finds it again
        assert journal.readings(head.key, 0, 99)[:, 0].tolist() == list(np.arange(at, at + 12.0))
        checkpoint, after = journal.load(head.key)
        assert checkpoint is not None
        assert (checkpoint.step, len(after)) == (7, 4)
    journal.close()


def test_an_older_journal_is_written_on_with_static_features(path: Path) -> None:
    journal = opened(path)
    head = journal.head("s0")
    assert head is not None
    assert journal.append(Readings(np.array([head.key]), np.array([1]), np.array([12]), np.array([[12.0]]))).all()
    journal.create(Beginning("new", 0, "", np.zeros((0, 1)), static={"area": 12.5}))
    journal.create(Beginning("watched", 0, "", np.zeros((0, 1)), regime=True))
    journal.replace(Beginning("s1", 0, "", np.zeros((0, 1)), static={"area": math.nan}))
    journal.close()
    for _ in range(2):  # brought up to date once
        journal = opened(path)
        found = {name: journal.head(name) for name in ("s0", "s1", "s2", "new")}
        assert [head.last_step for head in found.values() if head] == [12, -1, 11, -1]
        np.testing.assert_equal(
            [dict(head.static) for head in found.values() if head], [{}, {"area": math.nan}, {}, {"area": 12.5}]
        )
        assert [name for name in journal.names() if journal.head(name).regime] == ["watched"]
        journal.close()


def test_an_older_journal_is_taken_for_the_first_model_that_opens_it_and_for_no_other(path: Path) -> None:
    taxi = Subject("taxi", (), None)
    for _ in range(2):
        journal = opened(path, taxi)
        assert sorted(journal.names()) == ["s0", "s1", "s2"]
        journal.close()
    with pytest.raises(JournalError, match="made for the target taxi, this model has the target bus"):
        opened(path, Subject("bus", (), None))
    with pytest.raises(JournalError, match="made for the time zone none, this model has the time zone UTC"):
        opened(path, Subject("taxi", (), "UTC"))


@pytest.mark.parametrize("text", ['{"area": ', '["area"]', '{"area": "large"}', '{"area": true}'])
def test_static_features_that_cannot_be_read_are_damage_and_never_other_numbers(path: Path, text: str) -> None:
    journal = opened(path)
    journal.create(Beginning("new", 0, "", np.zeros((0, 1)), static={"area": 12.5}))
    journal.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE sessions SET static = ? WHERE name = 'new'", (text,))
    database.close()
    journal = opened(path)
    with pytest.raises(JournalDamaged, match="is damaged: it could not look sessions up: session 'new': "):
        journal.head("new")
    assert journal.head("s0") is not None
    journal.close()


def formats(path: Path) -> int:
    with sqlite3.connect(path) as database:
        (number,) = database.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    database.close()
    return int(number)


def test_an_older_journal_is_brought_up_to_date_when_it_is_opened_and_stays_as_it_is_when_it_is_refused(
    path: Path,
) -> None:
    with pytest.raises(JournalError, match="this model has 3"):
        open_journal(f"sqlite:{path}", 3, "1h")
    assert formats(path) == 1
    opened(path).close()
    assert formats(path) == 2  # which versions that know format 1 alone refuse by its number


def test_sessions_of_an_older_journal_live_on_for_ever_and_were_seen_when_it_was_brought_up_to_date(path: Path) -> None:
    journal = open_journal(f"sqlite:{path}", 1, "1h", clock=lambda: 1e9)
    journal.fold(10**6)
    assert journal.expire(1e12, 9) == []
    heads = journal.listing(Wanted())
    assert [(head.name, head.seen, head.ttl, head.first_step, head.expired) for head in heads] == [
        (name, 1e9, 0, 0, False) for name in ("s0", "s1", "s2")
    ]
    journal.close()


def test_a_crash_while_a_journal_is_brought_up_to_date_leaves_it_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "INDEXES", (*upgrade.INDEXES, "CREATE INDEX impossible ON nothing (at all)"))
    with pytest.raises(JournalError, match="could not be brought up to format 2"):
        opened(path)
    assert formats(path) == 1
    monkeypatch.undo()
    journal = opened(path)
    assert journal.readings(1, 0, 99)[:, 0].tolist() == list(np.arange(12.0))
    journal.close()


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return Path(shutil.copy(SECOND, tmp_path / "second.sqlite"))


def test_format_2_is_there_with_all_it_says_of_its_sessions(second: Path) -> None:
    journal = opened(second, fixture.SUBJECT)
    found = {head.name: head for head in journal.listing(Wanted())}
    assert {
        name: (head.key, head.revision, head.first_step, head.last_step, head.ttl, head.expired, head.parent)
        for name, head in found.items()
    } == {
        "whole": (1, 1, 0, 9, 0, False, ""),
        "short": (2, 1, 6, 12, 0, False, ""),
        "revised": (3, 2, 0, 8, 0, False, ""),
        "gone": (4, 2, 3, 2, 3600, True, ""),
        "fork": (5, 1, 6, 12, 7200, False, "short"),
    }
    np.testing.assert_equal(dict(found["whole"].static), {"area": 12.5, "floor": math.nan})
    assert found["whole"].exports == (Export(int(fixture.MADE), 5, "e" * 64),)
    assert found["short"].regime
    assert found["gone"].seen == fixture.MADE
    readings = {name: journal.readings(head.key, 0, 99)[:, 0].tolist() for name, head in found.items()}
    assert readings == {
        "whole": list(range(10)),
        "short": list(range(6, 13)),
        "revised": [0, 1, 2, 3, 104, 5, 6, 7, 8],
        "gone": [],
        "fork": list(range(6, 13)),
    }
    for name in ("short", "fork"):
        for digest, until, step in ((fixture.DIGESTS[0], None, 9), (fixture.DIGESTS[0], 8, 5), ("b" * 64, None, 5)):
            checkpoint, _ = journal.load(found[name].key, digest, until)
            assert checkpoint is not None
            assert (checkpoint.step, checkpoint.body.tolist()) == (step, [step] * 3)
    journal.close()


def test_format_2_takes_calibrated_sessions_beside_those_that_are_watched_and_stays_format_2(second: Path) -> None:
    journal = opened(second)
    journal.create(Beginning("calibrated", 0, "", np.zeros((0, 1)), calibrate=True))
    journal.create(Beginning("both", 0, "", np.zeros((0, 1)), regime=True, calibrate=True))
    journal.close()
    journal = opened(second)
    asked = {head.name: (head.regime, head.calibrate) for head in journal.listing(Wanted())}
    assert {name for name, (regime, _) in asked.items() if regime} == {"short", "fork", "both"}
    assert {name for name, (_, calibrate) in asked.items() if calibrate} == {"calibrated", "both"}
    journal.close()
    assert formats(second) == 2


def test_format_2_is_written_on(second: Path) -> None:
    for _ in range(2):
        journal = opened(second)
        journal.fold(10**6)
        journal.close()
    journal = opened(second)
    assert journal.revise(3, 2, 8, 8, np.array([[9.0]])).revision == 3
    assert journal.retain(2, 1, 11, [])
    assert journal.readings(2, 0, 99)[:, 0].tolist() == [11, 12]
    assert journal.replace(Beginning("gone", 0, "", np.zeros((0, 1)))).revision == 3
    journal.close()
