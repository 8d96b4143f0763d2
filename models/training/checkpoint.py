"""One file that holds all a run needs to go on as if it had never stopped: raw arrays under a JSON header."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

HEADER = "gatecast"


class ResumeError(Exception):
    """A run that cannot be continued; the message says why and what to do."""


@dataclass
class Place:
    """How far a run has come. No random state: every step draws from its own generator, made of seed and step."""

    step: int = 0  # steps done
    best: float | None = None  # validation loss
    best_step: int = 0
    last: float | None = None  # validation loss
    since_best: int = 0  # validations
    skipped: int = 0  # steps whose gradient was not finite
    skipped_in_a_row: int = 0
    seconds: float = 0.0
    validations: tuple[float, ...] = ()  # all losses so far, on which a schedule may depend
    cooled: bool | None = None  # whether the cool-down ended with better weights; None: it has not ended
    widened: float | None = None  # by how much the gaps between quantiles were raised in the end; None: not looked at

    def __post_init__(self) -> None:
        self.validations = tuple(self.validations)  # JSON knows lists alone


@dataclass(frozen=True)
class Checkpoint:
    """A place in a run with the weights there, the best so far and the optimizer's moments; `run` says which run."""

    place: Place
    weights: dict[str, Tensor]
    best: dict[str, Tensor]  # empty before the first validation
    moments: dict[str, Tensor]
    run: dict[str, Any] = field(default_factory=dict)  # model, training and data: what must be the same to go on
    scaler: dict[str, Any] = field(default_factory=dict)  # of the loss; empty in full precision


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes it whole or not at all, and only returns when it would survive a power cut."""
    tensors = {
        f"{group}:{name}": tensor.contiguous()
        for group in ("weights", "best", "moments")
        for name, tensor in getattr(checkpoint, group).items()
    }
    header = json.dumps({"place": asdict(checkpoint.place), "run": checkpoint.run, "scaler": checkpoint.scaler})
    write_atomically(path, save(tensors, metadata={HEADER: header}))


def load_checkpoint(path: Path) -> Checkpoint:
    """ResumeError if there is none or it is damaged."""
    if not path.is_file():
        raise ResumeError(f"{path} does not exist: nothing to resume. Train without --resume first")
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "moments": {}}
    try:
        with safe_open(path, "pt") as file:
            header = json.loads(file.metadata()[HEADER])
            for name in file.keys():  # noqa: SIM118 - not a dict
                group, _, rest = name.partition(":")
                groups[group][rest] = file.get_tensor(name)
        return Checkpoint(Place(**header["place"]), **groups, run=header["run"], scaler=header.get("scaler", {}))
    except (SafetensorError, KeyError, TypeError, ValueError) as damaged:
        raise ResumeError(f"{path} is damaged ({damaged}): train again without --resume") from damaged


def write_atomically(path: Path, data: bytes) -> None:
    """A file appears under its name only when all of it is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
