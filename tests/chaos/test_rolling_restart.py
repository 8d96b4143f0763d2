"""Restarted under load, one process after the other: no caller of the client library notices, nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from service.bundle import Bundle
from service.journal import open_journal
from service.share import Share
from tests.chaos.harness.findings import Findings
from tests.chaos.harness.library import Library
from tests.chaos.harness.population import Population
from tests.chaos.harness.verification import verify
from tests.served import Served

CALLERS, METERS, LENGTH = 4, 3, 600
CALLS = 30  # that are answered between two restarts
WORKERS = 2


def until(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)


class Load:
    """Callers of the client library, from their start to the proof that nobody noticed anything."""

    def __init__(self, served: Served) -> None:
        self._findings = Findings()
        self._population = Population(served.url, LENGTH, "disk", self._findings, seed=3)
        self._library = Library(served.urls, self._population, CALLERS, METERS, seed=3)
        self._library.start()

    def goes_on(self) -> None:
        """Returns when callers have been answered for a while."""
        enough = self._library.calls + CALLS
        until(lambda: self._library.calls >= enough or bool(self._library.failed))

    def end(self) -> None:
        self._library.stop()
        self._population.close()

    def held(self, bundle: Bundle, places: dict[str, Share]) -> None:
        """No call failed; all readings are recorded once, and every forecast is that of a run without a break."""
        assert self._library.failed == []
        journals = [open_journal(place, 1, "1h", share=share) for place, share in places.items()]
        try:
            compared = verify(bundle, journals, self._population.all, self._findings)
        finally:
            for journal in journals:
                journal.close()
        assert self._findings.all == []
        assert compared.forecasts > CALLS
        assert compared.states == sum(meter.acknowledged >= 0 for meter in self._population.all)


def test_a_service_that_is_ended_and_started_again_under_load_fails_no_call(bundle: Bundle, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'journal.sqlite'}"
    served = Served(bundle.path, url, "--log-level", "warning")
    served.start()
    load = Load(served)
    try:
        for _ in range(2):
            load.goes_on()
            status, output = served.end(signal.SIGTERM)
            assert status == 0, output
            served.start()
        load.goes_on()
    finally:
        load.end()
        served.end()
    load.held(bundle, {url: Share()})


def test_workers_that_are_restarted_in_turn_under_load_fail_no_call(bundle: Bundle, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'journal.sqlite'}"
    places = {Share(worker, WORKERS).journal(url): Share(worker, WORKERS) for worker in range(WORKERS)}
    locks = [Path(place.removeprefix("sqlite:") + ".lock") for place in places]  # each names its process
    served = Served(bundle.path, url, "--log-level", "warning", workers=WORKERS)
    served.start()
    load = Load(served)
    try:
        for worker in range(WORKERS):
            load.goes_on()
            before = locks[worker].read_text()
            os.kill(int(before), signal.SIGTERM)
            until(lambda before=before, worker=worker: locks[worker].read_text() not in ("", before))
            until(lambda worker=worker: served.answers(served.urls[worker]))
        load.goes_on()
    finally:
        load.end()
        status, output = served.end()
    assert status == 0, output
    load.held(bundle, places)
