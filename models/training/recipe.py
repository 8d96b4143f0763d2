"""A file of settings to train with: the best that a search found, or the config.json of an earlier run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.frequency import Frequency
from models.architectures import ignores
from models.config import IMPLIED, ForecasterConfig
from models.training.checkpoint import write_atomically
from models.training.run import FORMAT, RunError
from models.training.settings import TrainingSettings

OF_DATA = (
    "frequency",
    "horizon",
    "covariates",
    "future",
    "static",
    "calendar_zone",
    "holidays",
)  # what the data and the command decide, whatever the file says


@dataclass(frozen=True)
class Recipe:
    """Settings of the model and of its training, by name, without those that belong to the data."""

    model: dict[str, Any]
    training: dict[str, Any]

    @classmethod
    def of(cls, config: ForecasterConfig, settings: TrainingSettings) -> Recipe:
        return cls(cls.of_model(config).model, settings.to_dict())

    @classmethod
    def of_model(cls, config: ForecasterConfig) -> Recipe:
        """Of the model alone."""
        return cls({name: value for name, value in config.to_dict().items() if name not in OF_DATA}, {})

    @classmethod
    def joined(cls, *recipes: Recipe) -> Recipe:
        """What any of them says; of two the later wins."""
        model: dict[str, Any] = {}
        training: dict[str, Any] = {}
        for recipe in recipes:
            model |= recipe.model
            training |= recipe.training
        return cls(model, training)

    @classmethod
    def read(cls, path: Path, frequency: Frequency) -> Recipe:
        """The file's settings, but for those that nobody chose: what readings implied, what the net had no use for.

        RunError if it is no such file, or if it is for series of another frequency.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise RunError(f"{path} has format {content['format']}, this version reads {FORMAT}")
            config = ForecasterConfig.from_dict(content["model"])
            settings = TrainingSettings.from_dict(content["training"])
        except OSError as fault:
            raise RunError(f"{path} cannot be read ({fault.strerror}): name a best.json or config.json") from fault
        except (ValueError, KeyError, TypeError) as damaged:
            raise RunError(f"{path} holds no settings ({damaged}): name a best.json or config.json") from damaged
        if config.frequency != frequency.alias:
            raise RunError(
                f"{path} is for series of {config.frequency}, these are of {frequency.alias}, and lags are in steps: "
                "tune on these data, or leave --config out"
            )
        recipe = cls.of(config, settings)
        implied = content.get("implied", IMPLIED if "data" in content else ())  # runs of earlier versions did not say
        return cls(_without(recipe.model, implied), _without(recipe.training, ignores(config)))


def _without(settings: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


def write_recipe(path: Path, config: ForecasterConfig, settings: TrainingSettings, **said: Any) -> None:
    """Settings as `Recipe.read` takes them; `said` goes with them for a reader."""
    content = {"format": FORMAT, "model": config.to_dict(), "training": settings.to_dict(), **said}
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
