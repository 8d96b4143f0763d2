"""Examples of requests and answers, made for the bundle that is served: each can be sent as it stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.api.clock import Clock, Time
from service.api.forecasts import Levels
from service.bundle import Manifest
from service.quality import steps_ahead

Example = dict[str, Any]
_START = 1_420_848_000  # 2015-01-10T00:00:00
_VALUES = (10845.0, 9821.0, None, 8532.0, 8011.0)  # null: a missing reading


class Examples:
    """By endpoint, each under the words that it shows."""

    def __init__(self, manifest: Manifest, digest: str, clock: Clock, levels: Levels, durable: str) -> None:
        self._covariates = tuple(manifest.covariates)
        static: Example = {"static": dict.fromkeys(manifest.static, 12.5)} if manifest.static else {}
        self._future: Example = (
            {"future": dict.fromkeys(manifest.future, [20.5] * manifest.horizon)} if manifest.future else {}
        )
        known = {**self._future, **static}
        self._clock = clock
        self._levels = levels
        self._start = _START if clock.frequency.has_calendar else 0
        start, count = clock.write(self._start), len(_VALUES)
        history = {"start": start, "y": list(_VALUES), **self._columns(count)}
        whole = {"ds": self._times(0, count), "y": list(_VALUES), **self._columns(count)}
        median = list(levels.quantiles)[len(levels.quantiles) // 2]
        self.predict: Example = {
            "one series": {"series": [{"unique_id": "taxi", **history, **known}]},
            "some of the forecast": {
                "series": [{"unique_id": "taxi", **whole, **known}, {"unique_id": "bus", **history, **known}],
                "horizon": 1,
                "quantiles": [median],
            },
        }
        self.predict_answer: Example = {
            "one series": {
                "model": {"name": manifest.name, "digest": digest},
                "series": [{"unique_id": "taxi", **self._forecast(count)}],
            }
        }
        self.sessions: Example = {
            "with a history": {"history": history, **static},
            "with a start": {"start": start, **static},
        }
        self.session: Example = {
            "a session": {
                "session": "taxi",
                "start": start,
                "last_step": count - 1,
                "last_ds": self._times(count - 1, 1)[0],
                "next_step": count,
                "revision": 1,
                "durable": durable,
                "created": True,
                **static,
            }
        }
        listed = {**self.session["a session"], "created": False, "seen": "2024-05-01T12:00:00Z"}
        self.listing: Example = {"the only one": {"sessions": [listed], "next": None}}
        self.observations: Example = {
            "one reading, by time": self._reading(count, ds=self._times(count, 1)[0]),
            "one reading, by step": self._reading(count, step=count),
            "many": [self._reading(count, step=count), self._reading(count + 1, step=count + 1)],
        }
        place = {"session": "taxi", "step": count, "ds": self._times(count, 1)[0]}
        self.recorded: Example = {
            "one reading": {**place, "durable": durable, "forecast": self._forecast(count + 1)},
            "many": [
                {**place, "durable": durable, "forecast": self._forecast(count + 1)},
                {
                    "session": "taxi",
                    "step": count + 2,
                    "error": {"code": "gap", "message": "…", "expected_step": count + 1},
                },
            ],
        }
        stands = self.session["a session"]
        self.corrections: Example = {
            "two readings": {"readings": [self._past(1), self._past(3)]},
            "a backfill": {"readings": [self._past(count + 1), self._past(count)], "gaps": "missing"},
        }
        self.rewind: Example = {"to a step": {"step": count - 2}}
        self.fork: Example = {"a copy": {"session": "taxi, what if"}, "of its beginning": {"session": "b", "step": 1}}
        self.revised: Example = {
            "corrected": {**stands, "revision": 2, "created": False, "changed": 2, "added": 0, "filled": 0}
        }
        self.erased: Example = {
            "a session and its fork": {
                "erased": ["taxi", "taxi, what if"],
                "exports": [
                    {"session": "taxi", "at": "2026-11-21T12:00:00Z", "last_step": count - 1, "sha256": "0" * 64}
                ],
            }
        }
        self.current: Example = {"a session": {**place, "forecast": self._forecast(count + 1)}}
        told = {"flag": True, "score": 3.2, "since": count - 1}
        self.regime: Example = {"a change": {**place, "regime": told}}
        ahead: list[Example] = [
            {"steps": steps, "scored": 500, "error": 310.5, "quantile_loss": 90.2, "coverage": 0.79, "naive": 640.0}
            for steps in steps_ahead(self._levels.horizon).tolist()
        ]
        self.quality: Example = {
            "a session": {
                **place,
                "quality": {"band": 0.8, "ahead": [{**each, "skill": 0.51} for each in ahead]},
                "anomaly": {"flag": False, "p": 0.31, "surprise": 1.2, "side": "low", "lasts": False},
                "drift": {"flag": False, "score": 0.04},
            }
        }
        summed = {"scored": 5000, "error": 0.49, "quantile_loss": 0.14, "coverage": 0.8, "skill": 0.51}
        together = {
            "digest": digest,
            "serving": True,
            "band": 0.8,
            "readings": 5000,
            "anomalies": 4,
            "ahead": [{"steps": each["steps"], **summed} for each in ahead],
        }
        self.overall: Example = {"one model": {"models": [together]}}
        self.gates: Example = {
            "in summary": {
                **place,
                "gates": {
                    part.name: {"mean": 0.5, "quartiles": [0.25, 0.5, 0.75], "saturated": 0.0}
                    for part in manifest.gate_slices
                },
            }
        }
        self.current_request: Example = {
            "the whole forecast": dict(self._future),
            "some of it": {**self._future, "horizon": 1, "quantiles": [median]},
        }

    def _times(self, first: int, count: int) -> list[Time]:
        return self._clock.after(self._start, first, count)

    def _columns(self, count: int) -> Example:
        if not self._covariates:
            return {}
        return {"covariates": {name: [20.5] * count for name in self._covariates}}

    def _reading(self, at: int, **place: object) -> Example:
        sent: Example = {**place, "y": 7500.0 + at, **self._future}
        return {**sent, "covariates": dict.fromkeys(self._covariates, 20.5)} if self._covariates else sent

    def _past(self, at: int) -> Example:
        return {name: value for name, value in self._reading(at, step=at).items() if name != "future"}

    def _forecast(self, first: int) -> Example:
        count = min(2, self._levels.horizon)
        median = [7000.0 + 10 * step for step in range(count)]
        spread = np.linspace(-500, 500, len(self._levels.quantiles)).tolist()
        return {
            "ds": self._times(first, count),
            "median": median,
            "quantiles": {
                str(level): [value + by for value in median]
                for level, by in zip(self._levels.quantiles, spread, strict=True)
            },
        }
