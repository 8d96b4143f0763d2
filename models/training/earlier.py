"""Folders that an earlier version began: what could not be said then stays as it was done then."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.config import ForecasterConfig
from models.training.settings import BEFORE, TrainingSettings

Identity = dict[str, Any]  # what decides the figures of a folder, as plain JSON
PARTS: dict[str, type[ForecasterConfig] | type[TrainingSettings]] = {
    "model": ForecasterConfig,
    "training": TrainingSettings,
}


def read_identity(file: Path) -> Identity:
    """What a folder keeps; empty where there is none that can be read, which whoever takes it up says."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def as_begun(settings: TrainingSettings, then: Identity) -> TrainingSettings:
    """Settings to go on with where `then` was begun: without those that were not there, if any were kept."""
    kept = then.get("training")
    if not isinstance(kept, dict):
        return settings
    return replace(settings, **{name: value for name, value in BEFORE.items() if name not in kept})


def completed(then: Identity, now: Identity) -> Identity:
    """`then` as this version would have written it: settings of `now` that it lacks are what was done before."""
    found = dict(then)
    for part, kind in PARTS.items():
        if not isinstance(then.get(part), dict) or not isinstance(now.get(part), dict):
            continue
        try:
            whole = json.loads(json.dumps(kind.from_dict(then[part]).to_dict()))
        except (TypeError, ValueError):  # settings of a later version: that they differ is told
            continue
        found[part] = {**{name: whole[name] for name in now[part] if name in whole}, **then[part]}
    return found
