"""The disk is full: not ready, every write is the error `journal`, nothing is lost, and it comes back by itself."""

from __future__ import annotations

import json
import random
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from service.bundle import Bundle
from service.journal import open_journal
from tests.chaos.full_disks import Disk, disks
from tests.chaos.harness.findings import Findings
from tests.chaos.harness.frame import as_sent, item_of
from tests.chaos.harness.meter import Meter
from tests.chaos.harness.population import Population
from tests.chaos.harness.verification import verify
from tests.served import Served

DISKS = disks()
METERS, LENGTH, FRAME = 6, 3_000, 20  # FRAME: readings of each of them in a frame
REASONS = {"limit": "Reading or writing failed", "small disk": "The disk is full: free space on it"}


class Stream:
    """All meters, frame by frame."""

    def __init__(self, socket: ClientConnection, population: Population, meters: list[Meter]) -> None:
        self._socket = socket
        self._population = population
        self._meters = meters
        self._chance = random.Random(9)

    def frame(self) -> str | None:
        """The next readings of each; the code with which they were refused, all of them, or None."""
        readings = [reading for meter in self._meters for reading in meter.next(FRAME, self._chance)]
        sent = [{"session": each.meter.name, **as_sent(each, self._chance)} for each in readings]
        self._socket.send(json.dumps(sent))
        answers: list[dict[str, Any]] = json.loads(self._socket.recv(timeout=30))
        codes = {answer["error"]["code"] if "error" in answer else None for answer in answers}
        (code,) = codes  # a batch is recorded wholly or not at all
        if code is None:
            for reading, answer in zip(readings, answers, strict=True):
                reading.meter.take(reading, item_of(answer))
            return None
        for meter in self._meters:
            self._population.place(meter)  # no further than what was acknowledged, since nothing else was safe
            assert meter.unheard == 0
        return str(code)

    def until_refused(self) -> str:
        for _ in range(LENGTH // FRAME // 2):
            if (code := self.frame()) is not None:
                return code
        raise AssertionError("the disk was to be full")


def ready(served: Served) -> httpx.Response:
    return httpx.get(f"{served.url}/ready", timeout=10)


@pytest.mark.parametrize("kind", DISKS)
def test_a_full_disk_is_told_by_name_and_got_over(bundle: Bundle, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    disk: Disk = DISKS[kind](folder)
    url = f"sqlite:{folder / 'journal.sqlite'}"
    served = Served(bundle.path, url, "--log-level", "error", within=disk.within)
    findings = Findings()
    population = Population(served.url, LENGTH, "disk", findings, seed=9)
    meters = [population.new() for _ in range(METERS)]
    served.start()
    try:
        for meter in meters:
            population.make(meter)
        with connect(served.stream) as socket:
            stream = Stream(socket, population, meters)
            assert stream.frame() is None
            disk.fill(served.process)
            assert stream.until_refused() == "journal"
            assert stream.frame() == "journal"
            not_ready = ready(served)
            assert not_ready.status_code == 503
            assert REASONS[kind] in not_ready.json()["detail"]
            made = httpx.put(f"{served.url}/v1/sessions/other", json={})
            assert (made.status_code, made.json()["code"]) == (503, "journal")
            forecast = httpx.get(f"{served.url}/v1/sessions/{meters[0].name}/forecast")
            assert forecast.status_code == 200  # what is recorded can still be asked for
            disk.empty(served.process)
            until = time.monotonic() + 60
            while ready(served).status_code != 200:
                assert time.monotonic() < until, ready(served).text
                time.sleep(0.05)
            for _ in range(3):
                assert stream.frame() is None
        for meter in meters:
            population.place(meter)
            population.look(meter)
        with disk.outliving(served.process) as there:
            status, output = served.end()
            shutil.copytree(there, tmp_path / "kept")
        assert status == 0, output
    finally:
        served.end()
        population.close()
    with closing(open_journal(f"sqlite:{tmp_path / 'kept' / 'journal.sqlite'}", 1, "1h")) as journal:
        compared = verify(bundle, [journal], meters, findings)
    assert findings.all == []
    assert compared.states == METERS
