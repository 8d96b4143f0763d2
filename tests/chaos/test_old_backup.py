"""A real service is killed and started again over an old backup, under a program that has no event loop and goes on."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gatecast_client import Retry, SyncGatecastClient, SyncStream

from service.bundle import Bundle
from service.journal import open_journal
from tests.conftest import daily_wave
from tests.served import Served

LENGTH = 400
VALUES = {name: daily_wave(LENGTH, seed=at) for at, name in enumerate("abcd")}


@pytest.fixture
def served(bundle: Bundle, tmp_path: Path) -> Iterator[Served]:
    running = Served(bundle.path, f"sqlite:{tmp_path / 'journal.sqlite'}")
    running.start()
    yield running
    running.kill()


class Producer(threading.Thread):
    """Streams one session, and stops in between where it is told to wait."""

    def __init__(self, stream: SyncStream, session: str, by_columns: bool) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._session = session
        self._by_columns = by_columns
        self.at = 0
        self.trouble: Exception | None = None

    def run(self) -> None:
        try:
            while self.at < LENGTH:
                self._send(range(self.at, min(self.at + 5, LENGTH)))
        except Exception as error:  # a thread's error reaches no test: it is kept, and the test fails with it
            self.trouble = error

    def _send(self, steps: range) -> None:
        y = [float(VALUES[self._session][step]) for step in steps]
        if self._by_columns:
            observed = self._stream.observe_columns([self._session] * len(steps), y, steps)
            assert not observed.errors, observed.errors
        else:
            for value, step in zip(y, steps, strict=True):
                assert self._stream.observe(self._session, value, step=step).step == step
        self.at = steps.stop


def wait_until(producers: list[Producer], step: int) -> None:
    while any(each.at < step and each.is_alive() for each in producers):
        threading.Event().wait(0.002)


def test_a_service_killed_and_put_back_to_an_old_backup_has_every_reading_in_the_end(
    served: Served, bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    hasty = Retry(first_seconds=0.01, most_seconds=0.1)
    with SyncGatecastClient(served.url, retry=hasty) as client, client.stream() as stream:
        for name in VALUES:
            client.open_session(name, start="2014-07-01T00:00:00")
        producers = [Producer(stream, name, by_columns=name in "ab") for name in VALUES]
        for each in producers:
            each.start()
        wait_until(producers, LENGTH // 5)
        served.end()
        for part in tmp_path.glob("journal.sqlite*"):
            shutil.copy(part, backup)
        served.start()
        wait_until(producers, LENGTH // 2)
        served.kill()
        assert any(each.is_alive() for each in producers), "it was to be killed under load"
        for part in tmp_path.glob("journal.sqlite*"):
            part.unlink()
        for part in backup.iterdir():
            shutil.copy(part, tmp_path)
        with caplog.at_level(logging.WARNING, "gatecast_client"):
            served.start()
            for each in producers:
                each.join(60)
        assert [each.trouble for each in producers] == [None] * len(producers)
    assert "is behind what it acknowledged" in caplog.text
    served.end()
    journal = open_journal(f"sqlite:{tmp_path / 'journal.sqlite'}", bundle.width, bundle.manifest.frequency, "disk")
    try:
        for name, values in VALUES.items():
            head = journal.head(name)
            assert head is not None
            assert journal.readings(head.key, 0, head.last_step)[:, 0].tolist() == values.tolist()
    finally:
        journal.close()
