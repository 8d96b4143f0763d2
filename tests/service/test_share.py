"""Which worker has a session: the same whoever asks, evenly, and never another one because the number changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from gatecast_client import dealing
from hypothesis import given
from hypothesis import strategies as st

from service.errors import JournalError, Misdirected, SettingsError
from service.journal import open_journal
from service.names import inside
from service.settings import Settings
from service.share import Share, dealt_to

names = st.text(st.characters(exclude_characters="\x1f"), min_size=1, max_size=40)  # as clients may send them


@given(names, st.integers(1, 64))
def test_service_and_client_deal_alike(name: str, workers: int) -> None:
    assert dealt_to(name, workers) == dealing.dealt_to(name, workers) < workers


@given(names, st.integers(1, 63))
def test_another_worker_takes_sessions_and_moves_none_between_the_others(name: str, workers: int) -> None:
    before, after = dealt_to(name, workers), dealt_to(name, workers + 1)
    assert after in (before, workers)


@given(names, st.integers(2, 64))
def test_exactly_one_worker_holds_a_session(name: str, workers: int) -> None:
    held = [worker for worker in range(workers) if Share(worker, workers).misdirected(name) is None]
    assert held == [dealt_to(name, workers)]


@given(names, st.integers(1, 64))
def test_a_tenants_session_is_with_the_worker_of_the_name_that_its_client_knows(name: str, workers: int) -> None:
    share = Share(0, workers)
    wrong, own = share.misdirected(inside("acme", name)), share.misdirected(name)
    assert (wrong and wrong.message) == (own and own.message)


@pytest.mark.parametrize("workers", [2, 3, 16, 64])
def test_sessions_are_dealt_evenly(workers: int) -> None:
    count = 300 * workers
    dealt = [0] * workers
    for number in range(count):
        dealt[dealt_to(f"meter {number}", workers)] += 1
    assert all(abs(each - 300) < 5 * 300**0.5 for each in dealt), dealt  # five standard deviations


def test_the_deal_is_the_one_that_is_written_down() -> None:
    """Journals are dealt by it: another one would lose every session."""
    for name in ("taxi", "bus", "Zürich/7"):
        digests = [hashlib.sha256(f"{worker}/{name}".encode()).hexdigest() for worker in range(5)]
        assert dealt_to(name, 5) == digests.index(max(digests))
    assert [dealt_to(name, 2) for name in ("taxi", "bus", "tram", "ferry")] == [0, 1, 1, 1]


def test_a_misdirected_session_is_told_where_to_go() -> None:
    (there,) = {dealt_to("taxi", 4)}
    with pytest.raises(Misdirected, match=f"with worker {there} of 4") as told:
        Share((there + 1) % 4, 4).check("taxi")
    assert told.value.facts == {"worker": there, "workers": 4}


def test_each_worker_has_a_journal_of_its_own_that_says_how_many_there_are(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/journal.sqlite"
    assert Share(0, 1).journal(url) == url
    assert Share(1, 2).journal(url) == f"sqlite:{tmp_path}/journal.1-of-2.sqlite"
    assert Share(1, 2).journal("memory") == "memory"


@pytest.mark.parametrize(
    ("url", "dealt"),
    [("sqlite:journal", True), ("memory", True), ("redis://host:6379/0", False), ("rediss://host/0?wait=1", False)],
)
def test_sessions_are_dealt_to_workers_unless_their_journal_is_one_and_the_same(url: str, dealt: bool) -> None:
    settings = Settings.read(bundle=Path("some.bundle"), journal=url, workers=3, worker=2)
    assert settings.share == (Share(2, 3) if dealt else Share())


@pytest.mark.parametrize(("before", "now"), [(1, 2), (2, 1), (2, 3), (3, 2)])
def test_another_number_of_workers_is_refused_with_the_one_that_fits(tmp_path: Path, before: int, now: int) -> None:
    url = f"sqlite:{tmp_path}/journal.sqlite"
    share = Share(before - 1, before)
    share.refuse_others(url)
    open_journal(share.journal(url), 1, "1h", share=share).close()
    share.refuse_others(url)
    with pytest.raises(JournalError, match=f"--workers {before}"):
        Share(0, now).refuse_others(url)


def test_a_journal_under_the_name_of_another_worker_is_refused(tmp_path: Path) -> None:
    made = open_journal(f"sqlite:{tmp_path}/a", 1, "1h", share=Share(0, 2))
    made.close()
    for share in (Share(1, 2), Share(0, 3), None):
        with pytest.raises(JournalError, match="is that of worker 0 of 2"):
            open_journal(f"sqlite:{tmp_path}/a", 1, "1h", share=share)
    open_journal(f"sqlite:{tmp_path}/b", 1, "1h").close()
    with pytest.raises(JournalError, match="is that of worker 0 of 1"):
        open_journal(f"sqlite:{tmp_path}/b", 1, "1h", share=Share(0, 2))


@pytest.mark.parametrize(
    ("given", "said"),
    [({"workers": 2, "worker": 2}, "there is no worker 2"), ({"workers": 9, "port": 65530}, "the last one is 65535")],
)
def test_workers_that_cannot_be_are_refused(given: dict[str, int], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.read(bundle=Path("some.bundle"), **given)
