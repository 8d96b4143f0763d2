"""Restarted under load, one process after the other: no caller of the client library notices, nothing is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from service.bundle import Bundle
from service.share import Share
from tests.chaos.harness.load import Load, until
from tests.served import Served

WORKERS = 2


def test_a_service_that_is_ended_and_started_again_under_load_fails_no_call(bundle: Bundle, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'journal.sqlite'}"
    served = Served(bundle.path, url, "--log-level", "warning")
    served.start()
    load = Load(served.urls)
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
    load = Load(served.urls)
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
