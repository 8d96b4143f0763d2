"""Alerts from a reading to a hook: sent by a running service, signed, under the names that clients know."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from service.errors import SettingsError
from tests.service.receiving import Receiver

START = "2015-01-10T00:00:00"
CALM = np.sin(np.arange(200)).round(3).tolist()


async def test_a_wild_reading_is_told_to_the_hook_that_was_set(open_inside, tmp_path) -> None:
    key, receiver = tmp_path / "key", Receiver(503)
    key.write_text("secret\n")
    limits = {"alerts": "anomaly, skill<-1000", "alerts_to": receiver.address, "alerts_key": key}
    try:
        async with open_inside(limits) as running:
            for name, asked in {"a": {"quality": True}, "b": {}}.items():
                await running.http.put(f"/v1/sessions/{name}", json={"history": {"start": START, "y": CALM}, **asked})
                await running.http.post(f"/v1/sessions/{name}/observations", json={"y": 1e9})
            while len(receiver.got) < 2:
                await asyncio.sleep(0.01)
            text = (await running.http.get("/metrics")).text
            while 'gatecast_alerts_total{outcome="sent"} 1.0' not in text:
                await asyncio.sleep(0.01)
                text = (await running.http.get("/metrics")).text
    finally:
        receiver.stop()
    _, headers, body = receiver.got[1]
    (alert,) = json.loads(body)["alerts"]
    assert 0 < alert.pop("value") < 1e-3
    assert len(alert.pop("model")) == 64
    assert alert == {"rule": "anomaly", "session": "a", "step": 200, "ds": "2015-01-18T08:00:00"}
    assert headers["gatecast-signature"].startswith("sha256=")


def test_a_key_that_cannot_be_read_ends_the_start(open_behind, tmp_path) -> None:
    hook = {"alerts": "drift", "alerts_to": "http://127.0.0.1:9", "alerts_key": tmp_path / "none"}
    with pytest.raises(SettingsError, match="cannot be read"), open_behind(hook):
        pass
