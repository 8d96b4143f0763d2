"""Everything that can be set from outside, read once from the command line and the environment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.alert_rules import Rule, rules_of
from service.errors import SettingsError
from service.runtimes import AUTO
from service.share import Share

PREFIX = "GATECAST_"
_LAST_PORT = 65535
_SITE = r"https?://[^/?#@\s]+"
_COLLECTOR = r"https?://[^/?#@\s]+/\S+"
_HOST = r"[A-Za-z0-9._-]+"
_RECEIVER = rf"https?://(?:{_HOST}|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?(?:/[^\s#@]*)?"


class Settings(BaseSettings):
    """What `gatecast serve` was asked for; each field is also the variable GATECAST_<FIELD>. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    models: Path | None = Field(
        None, description="a directory of bundles, DIR/VERSION, that can be deployed while serving"
    )
    trust_models: bool = Field(
        False, description="whether TorchScript, which is code, may be run from the directory of models"
    )
    bundle: Path | None = Field(
        None,
        validate_default=True,
        description="the bundle to serve, as written by `gatecast export`, or a directory of them",
    )
    runtime: str = Field(
        AUTO,
        description="onnx, native, torchscript, or auto: native where the bundle and the build allow it, else onnx",
    )
    device: str = Field("cpu", description="cpu or cuda")
    threads: int = Field(1, ge=1, le=256, description="threads of the runtime for one batch")

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    port: int = Field(8000, ge=0, le=_LAST_PORT, description="0 takes any free port")

    grpc_port: int | None = Field(
        None,
        ge=0,
        le=_LAST_PORT,
        description="port of the Open Inference Protocol by gRPC, 0 for any free one; none unless it is set",
    )

    keys: Path | None = Field(
        None, description="file of the keys that are admitted, as `gatecast keys` keeps it; none: no key is asked for"
    )
    allow_anonymous: bool = Field(
        False, description="whether who sends no key is served too, and that on addresses that others can reach"
    )
    hosts: str = Field(
        "",
        description="names that the service may be called by, with commas, or *; addresses, localhost and --host "
        "always may. Where all need a key, any name unless some are given",
    )
    origins: str = Field(
        "",
        description="sites whose pages may open streams and change things, https://HOST[:PORT] with commas, or *; "
        "those of this very host always may",
    )

    traces: str | None = Field(
        None,
        description="where OpenTelemetry's traces are sent, OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; "
        "none: there are none",
    )

    tls_certificate: Path | None = Field(None, description="certificate in PEM, with those between it and its root")
    tls_key: Path | None = Field(None, description="its key in PEM, without a password")

    worker: int | None = Field(
        None, ge=0, description="which of the workers this process is, where something else starts them; counted from 0"
    )
    workers: int = Field(
        1,
        ge=1,
        le=256,
        validate_default=True,
        description="processes, each with a port and a share of the sessions in its own journal; over one in Redis any "
        "of them serves any session",
    )
    supervised: bool = Field(False, description="set by the process that starts the workers, for them")

    journal: str = Field("sqlite:var/journal.sqlite", description="sqlite:PATH, redis://HOST:PORT/DB or memory")
    durable: Literal["disk", "process"] | None = Field(
        None,
        description="what an acknowledged reading survives: disk a power cut, process a killed service; "
        "unless it is set, the strongest that the journal has",
    )

    keep_readings: int | None = Field(
        None, ge=1, description="newest readings of each session that the journal keeps at least; by default all"
    )
    keep_days: float | None = Field(
        None, gt=0, description="days before a session's newest reading that it keeps; with keep_readings, what is more"
    )
    session_ttl_seconds: int | None = Field(
        None, ge=1, description="without a reading for so long sessions expire that are made without ttl_seconds"
    )

    quality: bool = Field(False, description="whether forecasts of sessions are scored that are made without quality")
    anomaly_rate: float = Field(
        0.001, gt=0, lt=0.5, description="share of readings that may be flagged as anomalies though nothing is wrong"
    )

    alerts: str = Field(
        "", description="rules that alerts are sent for, with commas: anomaly, drift, coverage<0.7, skill<0@24"
    )
    alerts_to: str = Field(
        "", validate_default=True, description="addresses that alerts are posted to, https://HOST/PATH with commas"
    )
    alerts_key: Path | None = Field(None, description="file of the key that alerts are signed with; none: unsigned")

    sessions_per_tenant: int | None = Field(
        None, ge=1, description="most sessions of one tenant, expired ones too; by default as many as come"
    )
    streams_per_tenant: int | None = Field(
        None, ge=1, description="most open streams of one tenant; by default as many as come"
    )
    connections: int | None = Field(
        None,
        ge=1,
        description="most open connections of all together; by default as many as the system gives handles for",
    )
    readings_per_second: float | None = Field(
        None, gt=0, description="readings of one tenant, by stream and request, on average; by default as many as come"
    )
    requests_per_second: float | None = Field(
        None, gt=0, description="requests of one tenant, on average; by default as many as come"
    )
    burst_seconds: float = Field(
        5.0, gt=0, description="after a pause so many seconds of either may come at once, 1 reading or request at least"
    )
    body_bytes: int = Field(16 * 2**20, ge=1024, description="largest body of a request")
    frame_bytes: int = Field(4 * 2**20, ge=1024, description="largest frame of a stream")
    history_steps: int = Field(100_000, ge=1, description="most steps of one history")
    series_per_request: int = Field(1024, ge=1, description="most series of one request")
    readings_per_frame: int = Field(4096, ge=1, description="most readings of one frame or request")
    gap_steps: int = Field(
        4096, ge=1, description="most steps left out before one reading that enter as missing where it asks for that"
    )
    handles_per_stream: int = Field(65_536, ge=1, description="most sessions that one stream calls by number")
    frames_in_flight: int = Field(8, ge=1, le=1024, description="frames of one stream that are worked on at once")
    unread_bytes: int = Field(
        64 * 2**20, ge=1, description="memory for answers of one stream that are on their way; further frames wait"
    )
    unread_seconds: float = Field(
        30.0, gt=0, description="how long a client may read nothing of what it is sent until it is cut off"
    )
    head_bytes: int = Field(
        64 * 2**10, ge=1024, description="largest head of a request or handshake, to what is read at once"
    )
    head_seconds: float = Field(
        10.0, gt=0, description="how long the head of a request or handshake may take, from the connection or its begin"
    )
    body_seconds: float = Field(60.0, gt=0, description="how long the body of a request may take to come")
    keep_alive_seconds: float = Field(5.0, gt=0, description="how long a connection is kept between two requests")
    stream_idle_seconds: float | None = Field(
        None, gt=0, description="without a frame for so long a stream is closed; by default never"
    )
    waiting_readings: int = Field(65_536, ge=1, description="readings and calls that wait; more are told to come back")
    rollback_seconds: float = Field(
        3600.0, gt=0, description="how long a model that was replaced keeps up, so that it can be taken back at once"
    )
    resident_bytes: int = Field(
        256 * 2**20,
        ge=1,
        description="memory for the states of sessions that are at hand, and as much for what is beside them",
    )
    resident_sessions: int | None = Field(
        None, ge=1, description="sessions whose state is kept at hand, instead of as many as resident_bytes hold"
    )
    retry_after_seconds: int = Field(1, ge=1, description="what an overloaded service tells its clients to wait")
    drain_seconds: float = Field(25.0, ge=0, description="how long an ending service answers what it accepted")
    ping_seconds: float = Field(20.0, gt=0, description="how often a silent stream is asked whether it lives")

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="console lines on a terminal and JSON elsewhere, or always one of them"
    )

    @field_validator("bundle")
    @classmethod
    def _something_to_serve(cls, bundle: Path | None, others: ValidationInfo) -> Path | None:
        if bundle is None and others.data.get("models") is None:
            raise ValueError(
                "name what is to be served: gatecast serve BUNDLE, the folder that `gatecast export` wrote, or a "
                "directory of several with --models"
            )
        return bundle

    @field_validator("workers")
    @classmethod
    def _agrees(cls, workers: int, others: ValidationInfo) -> int:
        worker, port = others.data.get("worker"), others.data.get("port")
        if worker is not None and worker >= workers:
            raise ValueError(f"of {workers} workers, counted from 0, there is no worker {worker}")
        if port and worker is None and port + workers - 1 > _LAST_PORT:
            raise ValueError(f"from port {port} on there are not {workers} ports, the last one is {_LAST_PORT}")
        return workers

    @field_validator("traces")
    @classmethod
    def _collector(cls, traces: str | None) -> str | None:
        if traces is not None and not re.fullmatch(_COLLECTOR, traces):
            raise ValueError("expected an address with its path, such as http://127.0.0.1:4318/v1/traces")
        return traces

    @field_validator("keys", "traces", "tls_certificate", "tls_key", "alerts_key", mode="before")
    @classmethod
    def _unset(cls, sent: object) -> object:
        return None if sent == "" else sent  # a variable that is there and empty

    @field_validator("alerts")
    @classmethod
    def _told_of(cls, alerts: str) -> str:
        rules_of(alerts)
        return alerts

    @field_validator("alerts_to")
    @classmethod
    def _receivers(cls, addresses: str, others: ValidationInfo) -> str:
        for address in _parts(addresses):
            if not re.fullmatch(_RECEIVER, address):
                raise ValueError("expected addresses such as https://hooks.example.org/gatecast, without a user's name")
        if bool(addresses) != bool(others.data.get("alerts")):
            raise ValueError("alerts want an address to be sent to, and an address wants rules (alerts)")
        return addresses

    @field_validator("origins")
    @classmethod
    def _sites(cls, origins: str) -> str:
        sites = _parts(origins)
        for site in sites:
            if site != "*" and not re.fullmatch(_SITE, site):
                raise ValueError("expected sites such as https://example.org or http://10.0.0.7:8080, or *")
        return ",".join(sites)

    @field_validator("hosts")
    @classmethod
    def _names(cls, hosts: str) -> str:
        names = _parts(hosts)
        for name in names:
            if name != "*" and not re.fullmatch(_HOST, name):
                raise ValueError("expected names such as forecasts.example.org, without scheme and port, or *")
        return ",".join(names)

    @property
    def rules(self) -> Sequence[Rule]:
        """What alerts are sent for."""
        return rules_of(self.alerts)

    @property
    def receivers(self) -> list[str]:
        """Where they are sent to."""
        return _parts(self.alerts_to)

    @property
    def share(self) -> Share:
        """The sessions that are this process's: all, where the journal is one that processes share."""
        return Share.over(self.journal, self.worker or 0, self.workers)

    @classmethod
    def read(cls, **given: object) -> Settings:
        """The settings: what is given (None: not given) before the environment before the defaults.

        `SettingsError` names the field or variable that cannot be used.
        """
        known = {name: value for name, value in given.items() if value is not None}
        try:
            return cls(**known)  # type: ignore[arg-type]
        except ValidationError as invalid:
            faults = [_fault(str(each["loc"][0]), each["msg"], each["input"], known) for each in invalid.errors()]
            raise SettingsError("; ".join(faults)) from None  # the validator's own words say the same in five lines


def _parts(text: str) -> list[str]:
    return [each.strip() for each in text.split(",")] if text else []


def _fault(field: str, message: str, came: object, given: dict[str, object]) -> str:
    message = message.removeprefix("Value error, ")
    where = f"--{field.replace('_', '-')}" if field in given else f"{PREFIX}{field.upper()}"
    got = f", got {came!r}" if isinstance(came, str | int | float) else ""  # else it is missing
    return f"{where}: {message[:1].lower()}{message[1:]}{got}"
