"""What /metrics says of the engine, the journal's disk and the certificate: looked up when somebody asks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from service.settings import Settings
from service.tls import valid_until
from service.vitals import Vitals

_SQLITE = "sqlite:"


class Gauges(Collector):
    """A collector of Prometheus' library. What does not apply, such as the end of no certificate, is left out."""

    def __init__(self, vitals: Vitals, settings: Settings) -> None:
        self._vitals = vitals
        self._disk = _folder(settings.journal)
        certificate = settings.tls_certificate
        self._expires = None if certificate is None else valid_until(certificate)

    def collect(self) -> Iterator[Metric]:
        vitals, bounds = self._vitals, self._vitals.settings
        yield _gauge("gatecast_waiting_readings", "Readings, looks and calls not answered yet.", vitals.room.readings)
        yield _gauge("gatecast_waiting_readings_limit", "Beyond so many: overloaded.", bounds.max_waiting)
        yield _gauge("gatecast_waiting_steps", "Steps of histories not answered yet.", vitals.room.steps)
        yield _gauge("gatecast_waiting_steps_limit", "Beyond so many: overloaded.", bounds.max_waiting_steps)
        yield _gauge("gatecast_resident_sessions", "Sessions whose state is at hand.", vitals.resident)
        yield _gauge("gatecast_resident_sessions_limit", "At most so many are.", bounds.max_resident)
        yield _gauge("gatecast_resident_bytes", "What states at hand take.", vitals.resident_bytes)
        yield _gauge("gatecast_known_sessions", "Sessions of which is known where they stand.", vitals.known)
        yield _gauge("gatecast_unsaved_sessions", "Sessions whose state is due to be saved.", vitals.unsaved)
        yield _gauge("gatecast_journal_tail", "Readings not folded yet.", vitals.tail)
        yield _gauge("gatecast_journal_tail_limit", "Beyond so many they are folded under load.", bounds.max_tail)
        failed = GaugeMetricFamily("gatecast_failed", "1 while it has failed and no probe passed.", labels=["part"])
        for part, is_so in vitals.failed.items():
            failed.add_metric([part], is_so)
        yield failed
        if self._expires is not None:
            ends = self._expires.timestamp()
            yield _gauge("gatecast_certificate_expiry_timestamp_seconds", "When TLS ends, if not renewed.", ends)
        if self._disk is not None:
            try:
                free = shutil.disk_usage(self._disk).free
            except OSError:  # it is not there: the journal says so itself
                return
            yield _gauge("gatecast_journal_free_bytes", "Room on the disk of the journal.", free)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _folder(journal: str) -> Path | None:
    """Where the journal's file lies; None of one without a file."""
    return Path(journal.removeprefix(_SQLITE)).absolute().parent if journal.startswith(_SQLITE) else None
