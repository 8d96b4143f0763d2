"""What a training begins with when it does not begin anew: the weights of a model that has been trained before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from models.config import DECLARED, ForecasterConfig
from models.forecaster import Forecaster
from models.training.run import Run

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Start:
    """A trained model's configuration and its weights by name; `source` is where they came from."""

    source: Path
    config: ForecasterConfig
    weights: dict[str, Tensor]

    @classmethod
    def of_run(cls, path: Path) -> Start:
        """The weights that a training run ended with; `RunError`."""
        run = Run.open(path)
        return cls(path, run.config, run.forecaster().state_dict())

    def refuse_others(self, config: ForecasterConfig) -> None:
        """`ValueError` names the settings of the model in which a run differs: weights mean something under theirs."""
        ours, theirs = config.to_dict(), self.config.to_dict()
        changed = [
            f"{name} is {_shown(theirs[name])} there and {_shown(ours[name])} here"
            for name in ours
            if ours[name] != theirs[name] and name not in (*DECLARED, "holidays")
        ]
        there, here = (each.holidays.names if each.holidays else () for each in (self.config, config))
        if there != here:  # the same holidays are known for longer when the data go on
            changed.append(f"holidays are {_shown(there)} there and {_shown(here)} here")
        if changed:
            raise ValueError(
                f"{self.source} cannot be gone on from: {'; '.join(changed)}. Leave these options out, or train data "
                "that are as those were; or train anew without --from"
            )

    def load_into(self, model: Forecaster) -> None:
        """Gives the model these weights; `ValueError` names those that are missing, unknown or of another shape."""
        wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        there = {name: tuple(tensor.shape) for name, tensor in self.weights.items()}
        wrong = [
            f"{name} is {there.get(name, 'missing')} there and {wanted.get(name, 'unknown')} here"
            for name in sorted(wanted.keys() | there.keys())
            if wanted.get(name) != there.get(name)
        ]
        if wrong:
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            raise ValueError(
                f"{self.source} has weights of another shape: {'; '.join(wrong[:_SHOWN])}{more}. "
                "Train anew without --from"
            )
        model.load_state_dict(self.weights)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
