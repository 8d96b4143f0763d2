"""Journals written before sessions had static features or were watched still open, and are written on."""

from __future__ import annotations

import math
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalError
from service.journal import Journal, Readings, Subject, open_journal
from service.registry import origin_of
from tests.service.engines import START

# Three sessions of an hourly model without covariates: 8 readings as history with a checkpoint, 2 folded, 2 not.
FIXTURE = Path(__file__).parents[1] / "fixtures" / "journal-1.sqlite"


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
    journal.create("new", 0, "", np.zeros((0, 1)), static={"area": 12.5})
    journal.create("watched", 0, "", np.zeros((0, 1)), regime=True)
    journal.replace("s1", 0, "", np.zeros((0, 1)), static={"area": math.nan})
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
    journal.create("new", 0, "", np.zeros((0, 1)), static={"area": 12.5})
    journal.close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE sessions SET static = ? WHERE name = 'new'", (text,))
    database.close()
    with pytest.raises(JournalError, match="is damaged: it could not read its sessions"):
        opened(path)
