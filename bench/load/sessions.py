"""Sessions to load a service with: a few by request, a great many written into a journal before it starts."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.load.names import names

START = "2024-01-01T00:00:00"


def make(port: int, prefix: str, count: int) -> None:
    """Makes `{prefix}0` … by request, one after the other; `RuntimeError` with the answer of one that is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"start": START})
    for number in range(count):
        connection.request("PUT", f"/v1/sessions/{prefix}{number}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"the session was refused: {said.decode()}")
    connection.close()


def enter(url: str, bundle: Path, counts: Mapping[str, int]) -> None:
    """As `write`, into a journal in Redis."""
    from datasets.frequency import Frequency
    from service.api.clock import Clock
    from service.bundle import Bundle
    from service.journal import Beginning, Subject, open_journal
    from service.origin import origin_of

    manifest = Bundle.open(bundle).manifest
    width, frequency = 1 + len(manifest.covariates), Frequency.parse(manifest.frequency)
    subject = Subject(manifest.target, tuple(manifest.covariates), manifest.time_zone)
    start, nothing = Clock(frequency, manifest.time_zone).read(START), np.empty((0, width))
    journal = open_journal(url, width, frequency.alias, None, subject)
    try:
        for prefix, count in counts.items():
            for number in range(count):
                journal.create(Beginning(f"{prefix}{number}", start, origin_of(start, nothing), nothing))
    finally:
        journal.close()


def write(path: Path, bundle: Path, counts: Mapping[str, int], worker: int = 0, workers: int = 1) -> None:
    """A worker's journal with so many sessions of each prefix, with a start and no reading, as if made by request."""
    from datasets.frequency import Frequency
    from service.api.clock import Clock
    from service.bundle import Bundle
    from service.journal import Beginning, Subject, schema
    from service.journal.faults import transaction
    from service.journal.rows import insert_session
    from service.journal.sqlite import open_sqlite
    from service.origin import origin_of
    from service.share import Share

    manifest = Bundle.open(bundle).manifest
    width, frequency = 1 + len(manifest.covariates), Frequency.parse(manifest.frequency)
    subject = Subject(manifest.target, tuple(manifest.covariates), manifest.time_zone)
    open_sqlite(str(path), width, frequency.alias, "process", subject, Share(worker, workers)).close()
    start, nothing = Clock(frequency, manifest.time_zone).read(START), np.empty((0, width))
    origin = origin_of(start, nothing)
    database = schema.connect(path, "process")
    try:
        with transaction(database, path, "be filled"):
            for prefix, count in counts.items():
                for name in names(prefix, count, worker, workers):
                    insert_session(database, Beginning(name, start, origin, nothing), time.time())
    finally:
        database.close()
