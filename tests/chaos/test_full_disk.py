"""The disk is full: not ready, every write is the error `journal`, nothing is lost, and it comes back by itself."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from service.bundle import Bundle
from service.journal import open_journal
from tests.chaos.full_disks import Disk, disks
from tests.chaos.harness.findings import Findings
from tests.chaos.harness.lockstep import Lockstep
from tests.chaos.harness.meter import Meter
from tests.chaos.harness.population import Population
from tests.chaos.harness.verification import verify
from tests.served import Served

DISKS = disks()
METERS, LENGTH, FRAME = 6, 3_000, 20  # FRAME: readings of each of them in a frame
REASONS = {"limit": "Reading or writing failed", "small disk": "The disk is full: free space on it"}


def frame(stream: Lockstep, population: Population, meters: list[Meter]) -> str | None:
    """The next one. Where it is refused nothing of it may be there: what was not safe was not acknowledged."""
    code = stream.frame()
    for meter in meters if code is not None else ():
        population.place(meter)
        assert meter.unheard == 0
    return code


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
            stream = Lockstep(socket, meters, FRAME)
            assert stream.frame() is None
            disk.fill(served.process)
            refused = (frame(stream, population, meters) for _ in range(LENGTH // FRAME // 2))
            assert next(code for code in refused if code is not None) == "journal"
            assert frame(stream, population, meters) == "journal"
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
