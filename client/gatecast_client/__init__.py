"""Gatecast's client: forecasts by request, and streams that neither lose nor repeat a reading."""

from gatecast_client.answers import (
    Acknowledgement,
    CurrentForecast,
    Erased,
    ExportedFile,
    Forecast,
    Gate,
    Model,
    Regime,
    Revised,
    SeriesForecast,
    Session,
    SessionGates,
    SessionQuality,
    SessionRegime,
    Sum,
)
from gatecast_client.client import GatecastClient
from gatecast_client.columns import Forecasts, Observed
from gatecast_client.errors import ConnectionLost, GatecastError
from gatecast_client.frame import Outcome
from gatecast_client.quality import Anomaly, Drift, Quality, ScoredSteps
from gatecast_client.readings import History, Reading, Series
from gatecast_client.retry import Retry
from gatecast_client.stream import Stream
from gatecast_client.sync import SyncGatecastClient
from gatecast_client.sync_stream import SyncStream

__all__ = [
    "Acknowledgement",
    "Anomaly",
    "ConnectionLost",
    "CurrentForecast",
    "Drift",
    "Erased",
    "ExportedFile",
    "Forecast",
    "Forecasts",
    "Gate",
    "GatecastClient",
    "GatecastError",
    "History",
    "Model",
    "Observed",
    "Outcome",
    "Quality",
    "Reading",
    "Regime",
    "Retry",
    "Revised",
    "ScoredSteps",
    "Series",
    "SeriesForecast",
    "Session",
    "SessionGates",
    "SessionQuality",
    "SessionRegime",
    "Stream",
    "Sum",
    "SyncGatecastClient",
    "SyncStream",
]
