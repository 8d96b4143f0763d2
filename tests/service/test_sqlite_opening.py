"""Opening a SQLite journal: one owner, the right model, and every file that is no sound journal refused with advice."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service.errors import JournalError, JournalLocked
from service.journal import Beginning, Journal, Readings, Subject, open_journal

METER = Subject("load", ("price", "rain"), "Europe/Berlin")


def opened(path: Path, width: int = 1, frequency: str = "1h", subject: Subject | None = None) -> Journal:
    return open_journal(f"sqlite:{path}", width, frequency, subject=subject)


def filled(path: Path, sessions: int = 20, folded: int = 40, waiting: int = 10) -> None:
    """A closed journal whose session i has the readings i, i + 1, …"""
    journal = opened(path)
    keys = [
        journal.create(Beginning(f"s{i}", 0, "", np.arange(i, i + folded, dtype=float)[:, None])).key
        for i in range(sessions)
    ]
    for step in range(folded, folded + waiting):
        values = np.arange(sessions, dtype=float)[:, None] + step
        batch = Readings(np.array(keys), np.ones(sessions, np.int64), np.full(sessions, step), values)
        assert journal.append(batch).all()
    journal.close()


def test_the_folder_is_made_and_the_readings_are_there_at_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "journal.sqlite"
    filled(path)
    journal = opened(path)
    head = journal.head("s7")
    assert head is not None
    assert journal.readings(head.key, 0, 99)[:, 0].tolist() == list(range(7, 57))
    journal.close()


def test_a_second_owner_is_refused_with_the_path_and_the_first_ones_pid(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = opened(path)
    with pytest.raises(JournalLocked) as refused:
        opened(path)
    assert str(path) in str(refused.value)
    assert f"process {os.getpid()}" in str(refused.value)
    script = "import sys; from service.journal import open_journal; open_journal(sys.argv[1], 1, '1h')"
    second = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:{path}"], capture_output=True, text=True, check=False
    )
    assert f"JournalLocked: the journal {path} is in use by process {os.getpid()}" in second.stderr
    first.close()
    opened(path).close()


def test_a_link_to_the_journal_leads_to_the_same_lock(tmp_path: Path) -> None:
    path, link = tmp_path / "journal.sqlite", tmp_path / "link.sqlite"
    first = opened(path)
    link.symlink_to(path)
    with pytest.raises(JournalLocked):
        opened(link)
    first.close()


def test_a_refused_opening_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path)
    for _ in range(2):
        with pytest.raises(JournalError, match="this model has 2"):
            opened(path, width=2)
    opened(path).close()


def test_a_journal_of_another_width_is_refused_by_both_numbers(tmp_path: Path) -> None:
    filled(tmp_path / "j")
    with pytest.raises(JournalError, match=r"readings of 1 values .* this model has 3: serve the model"):
        opened(tmp_path / "j", width=3)


def test_a_journal_of_another_frequency_is_refused_by_both_names(tmp_path: Path) -> None:
    filled(tmp_path / "j")
    with pytest.raises(JournalError, match=r"steps of 1h, this model has steps of 15min"):
        opened(tmp_path / "j", frequency="15min")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            replace(METER, target="taxi"),
            r"made for the target load, this model has the target taxi: serve a model of that target, or choose",
        ),
        (
            replace(METER, covariates=("rain", "price")),
            r'the covariates \["price", "rain"\], this model has the covariates \["rain", "price"\]: .* in that order',
        ),
        (replace(METER, time_zone="UTC"), r"time zone Europe/Berlin, this model has the time zone UTC: serve a model"),
        (replace(METER, time_zone=None), r"time zone Europe/Berlin, this model has the time zone none: serve a model"),
    ],
)
def test_a_journal_of_another_subject_is_refused_by_both_names(tmp_path: Path, other: Subject, said: str) -> None:
    path = tmp_path / "j"
    for _ in range(2):
        opened(path, 3, subject=METER).close()
        with pytest.raises(JournalError, match=said):
            opened(path, 3, subject=other)


def test_entries_that_were_taken_out_by_hand_are_filled_in_by_the_next_model(tmp_path: Path) -> None:
    path = tmp_path / "j"
    opened(path, 3, subject=METER).close()
    renamed = replace(METER, target="load_mw")
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM meta WHERE name = 'target'")
    database.close()
    with pytest.raises(JournalError, match="the covariates"):  # those that are still there hold
        opened(path, 3, subject=replace(renamed, covariates=("a", "b")))
    opened(path, 3, subject=renamed).close()
    with pytest.raises(JournalError, match="made for the target load_mw"):
        opened(path, 3, subject=METER)


def test_a_newer_format_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "j"
    filled(path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = 3 WHERE name = 'format'")
        database.execute("DROP TABLE segments")  # a newer format may look different in any way
    database.close()
    with pytest.raises(JournalError, match="has format 3, this version reads formats 1 to 2: run the version"):
        opened(path)


def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE photos (name TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"photos.sqlite is a database of something else: it has the tables photos"):
        opened(path)
    assert path.read_bytes() == before


def test_only_what_an_append_can_survive_may_be_promised(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="not 'none'"):
        open_journal(f"sqlite:{tmp_path / 'j'}", 1, "1h", "none")


def test_a_path_that_cannot_be_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "file" / "journal", tmp_path, Path("/proc/journal.sqlite")):
        with pytest.raises(JournalError, match="in a folder that"):
            opened(path)
    with pytest.raises(JournalError, match="needs a path"):
        open_journal("sqlite:", 1, "1h")


def test_garbage_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"my diary, not a journal\n" * 1000)
    with pytest.raises(JournalError, match=r"is no journal, or it is damaged. Restore it from a backup"):
        opened(path)


def read_all(path: Path) -> None:
    """Every session that is found has the first of the readings it was given, and no others."""
    journal = opened(path)
    try:
        for i in range(20):
            head = journal.head(f"s{i}")
            if head is None:
                continue
            _, values = journal.load(head.key)
            assert len(values) == head.last_step + 1
            assert values[:, 0].tolist() == list(range(i, i + len(values)))
    finally:
        journal.close()


@pytest.mark.parametrize("kept", [0.1, 0.4, 0.7, 0.99])
def test_a_file_cut_short_is_refused_with_advice(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "j"
    filled(path)
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(JournalError, match="Restore it from a backup"):
        read_all(path)


@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
def test_a_journal_whose_files_were_taken_away_acknowledges_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "journal.sqlite"
    filled(path, sessions=1, folded=3, waiting=2)
    journal = opened(path)
    head = journal.head("s0")
    assert head is not None
    file = path.with_name(path.name + suffix)
    next_reading = Readings(np.array([head.key]), np.array([head.revision]), np.array([5]), np.array([[5.0]]))
    file.rename(tmp_path / "elsewhere")
    for _ in range(2):
        with pytest.raises(JournalError, match="was moved or deleted while it was in use"):
            journal.append(next_reading)
        with pytest.raises(JournalError, match="was moved or deleted while it was in use"):
            journal.create(Beginning("another", 0, "", np.zeros((0, 1))))
        file.write_bytes(b"of someone else")
    (tmp_path / "elsewhere").rename(file)
    assert journal.append(next_reading).all()
    journal.close()
    assert opened(path).readings(head.key, 0, 9)[:, 0].tolist() == list(range(6))


def test_a_damaged_file_gives_right_readings_or_an_error_and_never_wrong_ones(tmp_path: Path) -> None:
    path = tmp_path / "j"
    filled(path)
    sound = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(sound)
        for place in random.integers(100, len(sound), 8):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_all(path)
        except JournalError:
            refused += 1
    assert refused > 20
