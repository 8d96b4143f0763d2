"""How a server is spoken to: protocol, paths, the form of a frame; and what an answer's forecast is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from gatecast_client.wire import Form, Item, Wire
from numpy.typing import NDArray

from bench.load.job import Job, Layout
from bench.load.triton import forecasts


@dataclass(frozen=True)
class Speech:
    """One way to ask one server; a row of the table."""

    words: str  # for the table: "websocket, JSON"
    protocol: Literal["websocket", "http", "grpc"] = "websocket"
    form: Form = "json"
    body: Literal["readings", "windows", "triton"] = "readings"
    path: str = "/stream"
    path_of_many: str | None = None  # where requests of several readings go, if elsewhere
    layout_of_many: Layout = "items"  # how those several readings are sent
    port: str = "port"  # which of the server's ports
    pause: float = 0.0  # seconds between an answer and the next request, where a server must have that

    def job(self, ports: Mapping[str, int], readings: int = 1, **others: Any) -> Job:
        """A job that speaks so."""
        path = self.path_of_many if self.path_of_many and readings > 1 else self.path
        layout = self.layout_of_many if readings > 1 else "items"
        return Job(
            port=ports[self.port], protocol=self.protocol, form=self.form, body=self.body, path=path, layout=layout,
            readings=readings, pause=self.pause, **others,
        )  # fmt: skip

    def forecast(self, answer: bytes, numbers: int) -> NDArray[np.float64]:
        """The quantiles of an answer to one reading, flat: by step ahead, then by level."""
        if self.body == "triton":
            found: NDArray[np.float64] = forecasts(answer, 1, numbers * 8, self.protocol == "grpc")[0]
            return found
        item = Wire(self.form).decode(answer)
        if not isinstance(item, Item) or item.forecast is None:
            raise ValueError(f"a forecast was expected, got {answer[:300]!r}")
        return np.array([item.forecast.quantiles[level] for level in item.forecast.quantiles]).T.ravel()
