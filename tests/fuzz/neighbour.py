"""A client that behaves, beside those that do not: it checks each answer, and in the end all that was recorded."""

from __future__ import annotations

import json
import math
import threading
import time

import httpx
from websockets.sync.client import connect

from tests.conftest import daily_wave
from tests.served import Served

NAME, START = "neighbour", "2014-07-01T00:00:00"
PATIENCE = 60.0  # seconds for an answer
PAUSE = 0.01  # seconds between two readings: a series is read to its end, which no flood makes too long
MOST = 20_000  # readings
PAGE = 500


class Neighbour(threading.Thread):
    """Streams one reading after the other until it is stopped."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self._served = served
        self._wave = [round(float(value), 3) for value in daily_wave(MOST, seed=3)]
        self._wave[7::50] = [None] * len(self._wave[7::50])  # type: ignore[list-item]
        self.stopped = threading.Event()
        self.readings = 0
        self.slowest = 0.0  # seconds for one answer
        self.found: list[str] = []

    def run(self) -> None:
        try:
            httpx.put(
                f"{self._served.url}/v1/sessions/{NAME}", json={"start": START}, timeout=PATIENCE
            ).raise_for_status()
            with connect(f"{self._served.stream}?quantiles=0.1,0.9") as stream:
                while not self.stopped.wait(PAUSE) and self.readings < MOST:
                    step = self.readings
                    began = time.perf_counter()
                    stream.send(json.dumps({"session": NAME, "step": step, "y": self._wave[step]}))
                    answer = json.loads(stream.recv(timeout=PATIENCE))
                    self.slowest = max(self.slowest, time.perf_counter() - began)
                    if not _sound(answer, step):
                        self.found.append(f"step {step} of the neighbour was answered with {answer}")
                        return
                    self.readings += 1
        except Exception as fault:  # a thread's error reaches no test: it is a finding, and findings fail
            self.found.append(f"the neighbour's stream ended at step {self.readings}: {fault!r}")

    def check(self) -> None:
        """Each reading is recorded once, at its step, with its value, and the forecast is that of exactly these."""
        sent = self._wave[: self.readings]
        with httpx.Client(base_url=self._served.url, timeout=PATIENCE) as http:
            stands = http.get(f"/v1/sessions/{NAME}").json()
            if stands.get("next_step") != len(sent) or stands.get("revision") != 1:
                self.found.append(f"the neighbour sent {len(sent)} readings, and stands at {stands}")
                return
            current = http.get(f"/v1/sessions/{NAME}/forecast").json()["forecast"]
            fresh = http.post("/v1/predict", json={"series": [{"unique_id": "n", "start": START, "y": sent}]}).json()
            if not _close(current["median"], fresh["series"][0]["median"]):
                self.found.append(f"the neighbour's forecast is {current}, of its readings it is {fresh}")
            for first in range(0, len(sent), PAGE):
                again = [{"step": at, "y": y} for at, y in enumerate(sent[first : first + PAGE], first)]
                told = http.post(f"/v1/sessions/{NAME}/observations", json=again).json()
                wrong = [each for each in told if not _recorded(each)]
                if wrong:
                    self.found.append(f"a reading of the neighbour, sent again, was answered with {wrong[0]}")


def _sound(answer: dict[str, object], step: int) -> bool:
    forecast = answer.get("forecast")
    if answer.get("step") != step or "repeated" in answer or not isinstance(forecast, dict):
        return False
    low, high = forecast["quantiles"]["0.1"], forecast["quantiles"]["0.9"]
    return all(math.isfinite(a) and math.isfinite(b) and a <= b for a, b in zip(low, high, strict=True))


def _recorded(answer: dict[str, object]) -> bool:
    """An older reading that is recorded with another value is a `conflict`."""
    error = answer.get("error")
    return answer.get("repeated") is True or (isinstance(error, dict) and error["code"] == "duplicate")


def _close(some: list[float], others: list[float]) -> bool:
    return all(abs(a - b) <= 1e-5 * (10.0 + abs(b)) for a, b in zip(some, others, strict=True))
