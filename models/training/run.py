"""The folder that a training run leaves: what is in it, under which names, and how it is read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors
from torch import Tensor

from datasets.frequency import Frequency, format_time
from models.config import IMPLIED, ForecasterConfig
from models.evaluation.panel import Panel, Stretch
from models.forecaster import Forecaster
from models.registry import load
from models.training.checkpoint import write_atomically
from models.training.settings import TrainingSettings

FORMAT = 1
CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
METRICS = "metrics.json"
LOG = "log.jsonl"
RESUME = "resume.safetensors"
STRETCHES = "stretches.safetensors"
DEPENDENCE = "dependence.json"
LOSS_PLOT = "loss.png"
FORECAST_PLOT = "forecast.png"
DOCTOR_PLOT = "doctor.png"


class RunError(Exception):
    """A run folder that is not one, or is not finished; the message says what to do."""


@dataclass(frozen=True)
class DataSummary:
    """What a run was trained on, without the data themselves."""

    source: str
    series: int
    readings: int  # steps of all series, missing ones too
    first: str | int  # the earliest and the latest time
    last: str | int
    frequency: str
    time_zone: str | None
    target: str
    covariates: tuple[str, ...]
    season: int  # steps; of the MASE's scale
    test_steps: int  # the most that a series holds out
    validation_steps: int
    digest: str  # sha256 of readings, times and split
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run folder: config and checkpoint are there from the start, weights, metrics and plots when it has ended."""

    path: Path
    config: ForecasterConfig
    settings: TrainingSettings
    data: DataSummary
    reading: dict[str, Any] | None = None  # the file and how it was read; stays here, no bundle tells a path
    implied: tuple[str, ...] = ()  # settings of `config` that the training part implied, which nobody chose

    @classmethod
    def open(cls, path: Path) -> Run:
        """RunError if there is no run, or one of another format."""
        file = path / CONFIG
        if not file.is_file():
            raise RunError(f"{path} is no run: it has no {CONFIG}. Make one with: gatecast train DATA --out {path}")
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise RunError(f"{file} has format {content['format']}, this version reads {FORMAT}: train again")
            data = content["data"]
            names = {name: tuple(data.get(name, ())) for name in ("covariates", "future", "static")}
            return cls(
                path,
                ForecasterConfig.from_dict(content["model"]),
                TrainingSettings.from_dict(content["training"]),
                DataSummary(**{**data, **names}),
                content.get("reading"),
                tuple(name for name in IMPLIED if name in content.get("implied", IMPLIED)),  # not said by old versions
            )
        except (ValueError, KeyError, TypeError) as damaged:
            raise RunError(f"{file} cannot be read ({damaged}): train again") from damaged

    def start(self) -> None:
        """Writes what is known before the first step and clears away what an earlier run left here."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS, METRICS, LOG, RESUME, STRETCHES, DEPENDENCE, LOSS_PLOT, FORECAST_PLOT, DOCTOR_PLOT):
            (self.path / name).unlink(missing_ok=True)
        content = {
            "format": FORMAT,
            "model": self.config.to_dict(),
            "training": self.settings.to_dict(),
            "data": asdict(self.data),
            "reading": self.reading,
            "implied": list(self.implied),
        }
        write_atomically(self.path / CONFIG, _json(content))

    @property
    def asked(self) -> ForecasterConfig:
        """The configuration as it was asked for: what the training part implied is open, for other data to imply."""
        left: dict[str, Any] = dict.fromkeys(self.implied)
        return replace(self.config, **left)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on: model, training and data, as plain JSON."""
        identity: dict[str, Any] = json.loads(
            _json({"model": self.config.to_dict(), "training": self.settings.to_dict(), "data": self.data.digest})
        )
        return identity

    def write_weights(self, weights: dict[str, Tensor]) -> None:
        write_atomically(self.path / WEIGHTS, save_tensors(weights))

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        write_atomically(self.path / METRICS, _json(metrics))

    def write_dependence(self, dependence: tuple[float, ...] | None) -> None:
        """Keeps how the steps of a forecast depend on each other; None: nothing can be told."""
        write_atomically(self.path / DEPENDENCE, _json({"correlation": dependence}))

    def dependence(self) -> tuple[float, ...] | None:
        """As it was written; None where nothing could be told, and of a run of a version that did not look."""
        if not (self.path / DEPENDENCE).is_file():
            return None
        try:
            found = json.loads((self.path / DEPENDENCE).read_text(encoding="utf-8"))["correlation"]
            return None if found is None else tuple(float(each) for each in found)
        except (ValueError, KeyError, TypeError) as damaged:
            raise self._damaged(DEPENDENCE, damaged) from damaged

    def metrics(self) -> dict[str, Any]:
        """Errors on the held-out end and how the training went; RunError if it has not ended."""
        self._require(METRICS)
        try:
            metrics: dict[str, Any] = json.loads((self.path / METRICS).read_text(encoding="utf-8"))
        except ValueError as damaged:
            raise self._damaged(METRICS, damaged) from damaged
        absent = sorted({"test", "seasonal_naive", "beats_seasonal_naive", "training"} - set(metrics))
        if absent:
            raise self._damaged(METRICS, ValueError(f"it has no {', '.join(absent)}"))
        return metrics

    def forecaster(self) -> Forecaster:
        """The trained forecaster, ready to be run; RunError if training has not ended."""
        self._require(WEIGHTS)
        try:
            return load(self.config, self.path / WEIGHTS)
        except (SafetensorError, RuntimeError) as damaged:
            raise self._damaged(WEIGHTS, damaged) from damaged

    def weights_digest(self) -> str:
        """A sha256 of the trained weights; RunError if training has not ended."""
        self._require(WEIGHTS)
        return hashlib.sha256((self.path / WEIGHTS).read_bytes()).hexdigest()

    def write_stretches(self, stretches: Sequence[Stretch]) -> None:
        """Keeps stretches of the training data, on which an export proves itself."""
        arrays: dict[str, NDArray[Any]] = {f"values.{i}": stretch.values for i, stretch in enumerate(stretches)}
        arrays["starts"] = np.array([stretch.times[0] for stretch in stretches], dtype=np.int64)
        arrays["static"] = np.stack([stretch.static for stretch in stretches])
        write_atomically(self.path / STRETCHES, save_arrays(arrays))

    def stretches(self) -> list[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        """Real readings of the training data: time of the first, values float64 (time, width), static features."""
        self._require(STRETCHES)
        try:
            arrays = load_arrays((self.path / STRETCHES).read_bytes())
            rows = enumerate(zip(arrays["starts"], arrays["static"], strict=True))
            return [(int(start), arrays[f"values.{index}"], static) for index, (start, static) in rows]
        except (SafetensorError, KeyError) as damaged:
            raise self._damaged(STRETCHES, damaged) from damaged

    def read_log(self) -> list[dict[str, Any]]:
        """The records of all steps, in order; a last line that was cut short is left out."""
        file = self.path / LOG
        records: list[dict[str, Any]] = []
        if not file.is_file():
            return records
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def rewrite_log(self, records: Iterable[dict[str, Any]]) -> None:
        """Puts the log back to what it was at a checkpoint."""
        text = "".join(json.dumps(record) + "\n" for record in records)
        write_atomically(self.path / LOG, text.encode())

    def _damaged(self, name: str, fault: Exception) -> RunError:
        said = (str(fault).splitlines() or [type(fault).__name__])[0]
        return RunError(f"{self.path / name} is damaged ({said}): train again with --replace")

    def _require(self, name: str) -> None:
        if not (self.path / name).is_file():
            raise RunError(f"{self.path} has no {name}: training has not ended. Go on with: gatecast train … --resume")


def summarise(
    panel: Panel,
    source: str,
    frequency: Frequency,
    time_zone: str | None,
    target: str,
    covariates: Sequence[str],
    future: Sequence[str] = (),
    static: Sequence[str] = (),
) -> DataSummary:
    """The summary of a panel; its digest changes with any reading, time or mark of the split."""
    digest = hashlib.sha256()
    ends = zip(panel.series, panel.train_end, panel.validation_end, strict=True)
    for stretch, train, validation in ends:
        digest.update(np.array([len(stretch), train, validation], dtype="<i8").tobytes())
        digest.update(stretch.times.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(stretch.values, dtype="<f8").tobytes())
        digest.update(np.ascontiguousarray(stretch.static, dtype="<f8").tobytes())
    return DataSummary(
        source=Path(source).name,
        series=len(panel.series),
        readings=sum(len(stretch) for stretch in panel.series),
        first=format_time(min(int(stretch.times[0]) for stretch in panel.series), frequency),
        last=format_time(max(int(stretch.times[-1]) for stretch in panel.series), frequency),
        frequency=frequency.alias,
        time_zone=time_zone,
        target=target,
        covariates=tuple(covariates),
        season=frequency.seasons()[0],
        test_steps=max(len(stretch) - end for stretch, end in zip(panel.series, panel.validation_end, strict=True)),
        validation_steps=max(b - a for a, b in zip(panel.train_end, panel.validation_end, strict=True)),
        digest=digest.hexdigest(),
        future=tuple(future),
        static=tuple(static),
    )


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
