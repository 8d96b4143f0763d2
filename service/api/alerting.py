"""Alerts as those who are told read them, and what it takes to tell them, from the settings."""

from __future__ import annotations

from datasets.frequency import Frequency
from service.alerts import Alert
from service.api.clock import Clock
from service.bundle import Manifest
from service.errors import SettingsError
from service.logs import Log
from service.metrics import Metrics
from service.names import outside, tenant_of
from service.settings import Settings
from service.webhooks import Outbox, Webhooks, post

FAREWELL = 2.0  # seconds that alerts have when the service ends


def outbox(settings: Settings, manifest: Manifest, metrics: Metrics, log: Log) -> Outbox:
    """Where the engine leaves alerts; `SettingsError` where the key to sign them with cannot be read."""
    clock = Clock(Frequency.parse(manifest.frequency), manifest.time_zone)

    def write(alert: Alert) -> dict[str, object]:
        tenant = tenant_of(alert.session)
        return {
            "rule": alert.rule,
            "session": outside(alert.session),
            **({"tenant": tenant} if tenant else {}),
            "step": alert.step,
            "ds": clock.write(alert.time),
            "value": alert.value,
            "model": alert.model,
        }

    return Outbox(Webhooks(settings.receivers, _key(settings), write, metrics.alerts, log, post))


def _key(settings: Settings) -> bytes | None:
    if settings.alerts_key is None:
        return None
    try:
        key = settings.alerts_key.read_bytes().strip()
    except OSError as wrong:
        raise SettingsError(f"alerts_key: {settings.alerts_key} cannot be read: {wrong.strerror}") from wrong
    if not key:
        raise SettingsError(f"alerts_key: {settings.alerts_key} is empty; put a key into it, such as 32 random bytes")
    return key
