"""What an artifact is: the manifest, the digests of its files, the golden answers. The reader owns the format."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from service.errors import BundleError

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"  # the manifest's own digest, in the form of sha256sum
GOLDEN = "golden.safetensors"
SEQUENCE_ONNX = "sequence.onnx"
STEP_ONNX = "step.onnx"
STEP_WEIGHTS = "step.safetensors"  # of models whose step we compute ourselves; a bundle need not have it
TORCHSCRIPT = "model.ts"
_OF_A_RUN = "config.json"  # what a trained run has, and no bundle


def files_of(streams: bool) -> tuple[str, ...]:
    """The files that a bundle must have beside its manifest; one that does not stream has no step."""
    return (SEQUENCE_ONNX, *([STEP_ONNX] if streams else []), TORCHSCRIPT, GOLDEN)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tensor(Strict):
    """One input or output of a graph; a dimension is a number or the name of a symbol."""

    name: str
    dtype: Literal["float32", "float64", "int64"]
    shape: list[int | str]


class Graph(Strict):
    inputs: list[Tensor]
    outputs: list[Tensor]


class StateSlice(Strict):
    """Numbers `start` to `stop` of a state row, by name."""

    name: str
    start: int = Field(ge=0)
    stop: int = Field(ge=0)


class StateLayout(Strict):
    size: int = Field(gt=0)
    slices: list[StateSlice]
    initial: str = Field(description="the row of a new session: base64 of little-endian float32")


class FileDigest(Strict):
    sha256: str
    size: int


class Manifest(Strict):
    """All that a service must know of a model to serve it."""

    format_version: Literal[1]
    gatecast_version: str
    created: datetime
    name: str
    architecture: str
    frequency: str = Field(description="length of a step: 30min, 1h, 1d, 1mo, or a whole number for counted steps")
    time_zone: str | None
    calendar_zone: str | None = Field(default=None, description="whose clock the graphs' calendar is read from")
    holidays: list[str] = Field(default=[], description="whose holidays the graphs know, by the same clock")
    holidays_until: date | None = Field(default=None, description="the last day of which they know whether it is one")
    horizon: int = Field(gt=0)
    quantiles: list[float] = Field(min_length=1)
    target: str
    covariates: list[str]
    future: list[str] = Field(default=[], description="covariates that are known ahead, in the order of `covariates`")
    static: list[str] = Field(default=[], description="features that are constant for a series")
    non_negative: bool = Field(default=False, description="no forecast is below zero")
    integer: bool = Field(default=False, description="forecasts are whole numbers")
    streams: bool
    context: int = Field(ge=0, description="steps after which the statistics and lags of a session are complete")
    longest_history: int | None = Field(description="the most steps a request may carry; null: no bound of the model")
    dependence: list[float] | None = Field(
        default=None,
        description="correlation of a forecast's steps by distance, from 1 at 0: for sums; null: not known",
    )
    graphs: dict[Literal["sequence", "step"], Graph]
    state: StateLayout
    gates: int = Field(ge=0)
    gate_slices: list[StateSlice] = Field(default=[], description="of a row of gates, by layer and gate: 1.r, 1.z, …")
    metrics: dict[str, Any]
    training: dict[str, Any]
    files: dict[str, FileDigest]

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        ordered = [name for name in self.covariates if name in self.future]
        if self.future != ordered:
            raise ValueError(
                f"future must be some of the covariates [{', '.join(self.covariates)}], each once and in their order, "
                f"got [{', '.join(self.future)}]"
            )
        if len(set(self.static)) != len(self.static):
            raise ValueError(f"static must name each feature once, got [{', '.join(self.static)}]")
        if bool(self.holidays) != (self.holidays_until is not None):
            raise ValueError("holidays want a day until which they are known, and that day wants holidays")
        if self.dependence is not None and (len(self.dependence) != self.horizon or self.dependence[0] != 1.0):
            raise ValueError(f"dependence must be 1 and then a correlation for each further step of {self.horizon}")
        return self


@dataclass(frozen=True)
class Bundle:
    """An artifact whose files have been checked against their digests."""

    path: Path
    manifest: Manifest
    digest: str  # sha256 of the manifest, which holds those of all other files

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Reads a bundle and checks every file; `BundleError` names the file that is missing, changed or cut short."""
        path = Path(path)
        if not (path / MANIFEST).is_file():
            run, out = (path, f"{path}.bundle") if (path / _OF_A_RUN).is_file() else ("RUN", path)
            raise BundleError(
                f"{path} is not a bundle: it has no {MANIFEST}. Make one with: gatecast export {run} --out {out}"
            )
        text = (path / MANIFEST).read_bytes()
        manifest = _manifest(path, text)
        digest = hashlib.sha256(text).hexdigest()
        if not (path / SEAL).is_file():
            raise BundleError(f"{path / SEAL} is missing; copy the whole bundle again or export the run again")
        if (path / SEAL).read_text(encoding="utf-8").split()[:1] != [digest]:
            raise BundleError(f"{path / MANIFEST} does not match its digest in {SEAL}: it was changed after the export")
        for name, expected in manifest.files.items():
            _check_file(path / name, expected)
        return cls(path, manifest, digest)

    @cached_property
    def initial(self) -> NDArray[np.float32]:
        """The state row of a new session, shape (state,)."""
        row = np.frombuffer(base64.b64decode(self.manifest.state.initial), dtype="<f4").astype(np.float32)
        if row.shape != (self.manifest.state.size,):
            raise BundleError(
                f"{self.path}: the initial row has {row.size} numbers, its layout {self.manifest.state.size}"
            )
        return row

    @property
    def width(self) -> int:
        """Values of one reading: the target and the covariates."""
        return 1 + len(self.manifest.covariates)

    def golden(self) -> dict[str, NDArray[Any]]:
        """The golden answers, by name: inputs and what torch answered when the bundle was written. `BundleError`."""
        try:
            tensors: dict[str, NDArray[Any]] = load_tensors((self.path / GOLDEN).read_bytes())
        except SafetensorError as unfit:
            raise BundleError(f"{self.path / GOLDEN} holds no safetensors; export the run again") from unfit
        return tensors


def digest_of(path: Path) -> FileDigest:
    """Digest and size of one file."""
    data = path.read_bytes()
    return FileDigest(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def write_manifest(folder: Path, text: str) -> None:
    """Writes a manifest and its seal; `text` is the manifest as JSON."""
    data = text.encode("utf-8")
    (folder / MANIFEST).write_bytes(data)
    (folder / SEAL).write_text(f"{hashlib.sha256(data).hexdigest()}  {MANIFEST}\n", encoding="utf-8")


def encode_row(row: NDArray[np.float32]) -> str:
    """A state row as it stands in a manifest."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BundleError(
            f"{path / MANIFEST}: {where}: {first['msg']}. This version reads format {FORMAT_VERSION}; "
            "export the run again"
        ) from None  # the validator's own words say the same, in more lines
    astray = [name for name in manifest.files if Path(name).name != name or "\\" in name]
    if astray:
        raise BundleError(f"{path / MANIFEST} lists {astray[0]!r}: the files of a bundle stand beside its manifest")
    missing = [name for name in files_of(manifest.streams) if name not in manifest.files]
    if missing:
        raise BundleError(f"{path / MANIFEST} lists no digest for {', '.join(missing)}; export the run again")
    return manifest


def _check_file(path: Path, expected: FileDigest) -> None:
    if not path.is_file():
        raise BundleError(f"{path} is missing; copy the whole bundle again or export the run again")
    found = digest_of(path)
    if found.size != expected.size:
        raise BundleError(
            f"{path} has {found.size} bytes, its manifest says {expected.size}: it was cut short or changed"
        )
    if found.sha256 != expected.sha256:
        raise BundleError(f"{path} does not match its digest: it was changed after the export")
