"""A journal's file damaged in the middle: refused by name at the start, or an error for the session concerned.

Never a wrong value: what is answered at all is what was recorded.
"""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import Bundle
from service.errors import JournalError
from service.journal import Beginning, Checkpoint, Journal, Readings, open_journal
from tests.chaos.harness.frame import quantiles_of
from tests.chaos.harness.meter import as_json, iso
from tests.chaos.harness.uninterrupted import deviation
from tests.conftest import daily_wave
from tests.served import Served

SESSIONS, FOLDED, WAITING = 8, 1_100, 150
BODY = np.arange(60, dtype=np.float32)
PAGE = 4096
MADE, STATIC = (1_700_000_000, "a" * 64), {"area": 12.5}  # start and origin


@dataclass(frozen=True)
class Whole:
    """A sound journal: its file, the page of its sessions' rows, from 0, and what is in it."""

    file: bytes
    sessions: int
    values: dict[str, np.ndarray]  # (time,) by session


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Folded readings, checkpoints, and a tail that waits to be folded."""
    path = tmp_path_factory.mktemp("whole") / "journal.sqlite"
    chance = np.random.default_rng(4)
    values = {f"s{number}": chance.normal(size=FOLDED + WAITING) for number in range(SESSIONS)}
    with closing(open_journal(f"sqlite:{path}", 1, "1h", "process")) as journal:
        begun = [Beginning(name, *MADE, np.empty((0, 1)), static=STATIC) for name in values]
        keys = np.array([journal.create(each).key for each in begun])
        table = np.stack(list(values.values()))  # (sessions, time)
        for first, last in ((0, FOLDED), (FOLDED, FOLDED + WAITING)):
            for step in range(first, last):
                steps, ones = np.full(SESSIONS, step), np.ones(SESSIONS, np.int64)
                assert journal.append(Readings(keys, ones, steps, table[:, step : step + 1])).all()
            if not first:
                journal.save(keys, [Checkpoint(FOLDED - 1, 1, "d", BODY)] * SESSIONS)
                assert journal.fold(10**9) == 0
    with closing(sqlite3.connect(path)) as database:
        database.execute("VACUUM")  # no page is empty
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sessions'").fetchone()
    return Whole(path.read_bytes(), root - 1, values)


def hit(whole: Whole, at: int, noise: bytes, path: Path) -> None:
    """The file with some bytes changed, from place `at` on."""
    damaged = bytearray(whole.file)
    for place, change in enumerate(noise, at):
        damaged[place] ^= change
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    path.write_bytes(damaged)


def outcomes(journal: Journal, whole: Whole) -> Iterator[str]:
    """What becomes of each session; an assertion, if it is told something else than what was recorded."""
    for name, values in whole.values.items():
        try:
            head = journal.head(name)
            if head is None:
                yield "unknown"
                continue
            assert (head.last_step, head.last_values[0], head.revision) == (len(values) - 1, values[-1], 1)
            assert (head.start, head.origin, head.static, head.ttl, head.expired) == (*MADE, STATIC, 0, False)
            np.testing.assert_array_equal(journal.readings(head.key, 0, 10**9)[:, 0], values)
            checkpoint, after = journal.load(head.key, "d")
            if checkpoint is not None:
                assert checkpoint.step == FOLDED - 1
                np.testing.assert_array_equal(checkpoint.body, BODY)
            np.testing.assert_array_equal(after[:, 0], values[-len(after) :])
            yield "right"
        except JournalError as error:
            yield error.code


noises = st.lists(st.integers(1, 255), min_size=1, max_size=16).map(bytes)


@settings(max_examples=200, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), noise=noises)
def test_bytes_changed_anywhere_are_an_error_by_name_or_change_nothing(
    whole: Whole, tmp_path_factory: pytest.TempPathFactory, place: float, noise: bytes
) -> None:
    never_a_wrong_value(whole, int(place * len(whole.file)), noise, tmp_path_factory.getbasetemp())


@settings(max_examples=100, deadline=None)
@given(rows=st.booleans(), back=st.integers(1, PAGE // 2), noise=noises)
def test_nor_do_those_of_the_rows_of_sessions_or_of_what_describes_the_tables(
    whole: Whole, tmp_path_factory: pytest.TempPathFactory, rows: bool, back: int, noise: bytes
) -> None:
    page = whole.sessions if rows else 0  # which are filled from their end
    never_a_wrong_value(whole, (page + 1) * PAGE - back, noise, tmp_path_factory.getbasetemp())


def never_a_wrong_value(whole: Whole, at: int, noise: bytes, folder: Path) -> None:
    path = folder / "damaged.sqlite"
    hit(whole, at, noise[: PAGE - at % PAGE], path)
    try:
        journal = open_journal(f"sqlite:{path}", 1, "1h", "process")
    except JournalError:  # by name, at the start
        return
    with closing(journal):
        found = list(outcomes(journal, whole))
    assert set(found) <= {"right", "unknown", "journal", "journal_damaged"}


@dataclass(frozen=True)
class Life:
    """What a service left behind, killed with a tail, and its forecasts: of one session without a checkpoint too."""

    path: Path
    values: dict[str, np.ndarray]
    forecasts: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def life(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Life:
    path = tmp_path_factory.mktemp("life") / "journal.sqlite"
    values = {name: daily_wave(420, seed=number) for number, name in enumerate(("kept", "bare"))}
    served = Served(bundle.path, f"sqlite:{path}", "--log-level", "warning")
    served.start()
    with httpx.Client(base_url=f"{served.url}/v1/sessions", timeout=30) as http:
        for name, wave in values.items():
            history = {"history": {"start": iso(0), "y": [as_json(value) for value in wave[:300]]}}
            http.put(f"/{name}", json=history if name == "kept" else {"start": iso(0)}).raise_for_status()
        for first, last in ((0, 300), (300, 400)):
            for name, wave in values.items():
                if first or name == "bare":
                    readings = [{"step": step, "y": as_json(wave[step])} for step in range(first, last)]
                    http.post(f"/{name}/observations", json=readings).raise_for_status()
            if not first:
                served.end(signal.SIGTERM)  # which folds
                served.start()
        forecasts = {name: http.get(f"/{name}/forecast").json()["forecast"]["quantiles"] for name in values}
    served.kill()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("DELETE FROM checkpoints WHERE id / 2 = (SELECT key FROM sessions WHERE name = 'bare')")
        database.commit()
    return Life(path, values, {name: quantiles_of(each) for name, each in forecasts.items()})


@pytest.fixture
def damaged(bundle: Bundle, life: Life, tmp_path: Path) -> Iterator[Callable[[bytes], Served]]:
    """A service over a copy of that life, in which these bytes, wherever they stand, have become others."""
    path = tmp_path / "journal.sqlite"
    served = Served(bundle.path, f"sqlite:{path}", "--log-level", "warning")

    def damage(pattern: bytes) -> Served:
        file = life.path.read_bytes()
        assert pattern in file, "these bytes were expected in the file"
        path.write_bytes(file.replace(pattern, bytes(byte ^ 0x55 for byte in pattern)))
        for suffix in ("-wal", "-shm"):
            assert not Path(f"{life.path}{suffix}").exists()
        return served

    yield damage
    served.end()


def forecast(served: Served, name: str) -> httpx.Response:
    return httpx.get(f"{served.url}/v1/sessions/{name}/forecast", timeout=30)


def assert_right(served: Served, life: Life, name: str) -> None:
    answer = forecast(served, name)
    assert answer.status_code == 200, answer.text
    found = quantiles_of(answer.json()["forecast"]["quantiles"])
    assert deviation(found, life.forecasts[name], life.values[name].std()) <= 1


def test_a_damaged_tail_is_refused_at_the_start_with_what_to_do(damaged: Callable[[bytes], Served], life: Life) -> None:
    served = damaged(life.values["kept"][350:352].tobytes())
    with pytest.raises(AssertionError, match=r"(?s)is damaged.*[Rr]estore it from a backup"):
        served.start()


def test_a_damaged_segment_is_the_loss_by_name_of_its_session_and_of_no_other(
    damaged: Callable[[bytes], Served], life: Life
) -> None:
    served = damaged(life.values["bare"][150:152].tobytes())
    served.start()
    lost = forecast(served, "bare")
    assert (lost.status_code, lost.json()["code"]) == (410, "state_lost")
    place = httpx.get(f"{served.url}/v1/sessions/bare").json()
    refused = httpx.post(f"{served.url}/v1/sessions/bare/observations", json={"step": place["next_step"], "y": 1.0})
    assert (refused.status_code, refused.json()["code"]) == (410, "state_lost")
    assert_right(served, life, "kept")
    assert served.answers(served.url)


def test_a_damaged_checkpoint_is_passed_over(damaged: Callable[[bytes], Served], life: Life) -> None:
    with closing(sqlite3.connect(life.path)) as database:
        bodies = [body for (body,) in database.execute("SELECT body FROM checkpoints")]
    served = damaged(bodies[0][:24])
    served.start()
    for name in life.values:
        assert_right(served, life, name)
