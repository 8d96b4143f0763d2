"""Folders of runs and of others as earlier versions left them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from models.training.checkpoint import load_checkpoint, save_checkpoint
from models.training.run import CONFIG, RESUME

# Fields of config.json that the first version had; what came later has a default that is what was done before.
FIRST = {
    "model": "frequency horizon lags architecture quantiles covariates calendar hidden layers dropout",
    "training": "steps batch rate decay warm_up clip shortest longest primed seed validate_every patience",
    "data": "source series readings first last frequency time_zone target covariates season test_steps validation_steps"
    " digest",
}


def as_the_first_version_left_it(path: Path) -> None:
    """Takes from a run's folder, and from its checkpoint, all fields that were added later."""
    content = json.loads((path / CONFIG).read_text())
    old = {part: {name: content[part][name] for name in names.split()} for part, names in FIRST.items()}
    (path / CONFIG).write_text(json.dumps({"format": content["format"], **old}))
    checkpoint = load_checkpoint(path / RESUME)
    then = {"model": old["model"], "training": old["training"], "data": checkpoint.run["data"]}
    save_checkpoint(replace(checkpoint, run=then), path / RESUME)


def without_days_and_cool_down(file: Path, *within: str) -> None:
    """Takes from what a folder keeps of its settings those that came last."""
    content = json.loads(file.read_text())
    kept = content
    for part in within:
        kept = kept[part]
    del kept["model"]["holidays"], kept["training"]["cooldown"], kept["training"]["widen"]
    file.write_text(json.dumps(content))
