"""The run that `gatecast train` is to make, from its options, a file of settings, a stopped run or another model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.data import describe

if TYPE_CHECKING:
    from datasets.holidays import Holidays
    from datasets.table import SeriesTable
    from models.evaluation.panel import Panel
    from models.training.run import Run
    from models.training.start import Start


def start_of(source: Path | None, resume: bool) -> Start | None:
    """The model to begin with; ValueError where a stopped run is to go on, since that has weights of its own."""
    if source is None:
        return None
    if resume:
        raise ValueError("--resume goes on with a run's own weights: leave --from out")
    from export.starting import start_from

    return start_from(source)


def run_of(
    table: SeriesTable,
    panel: Panel,
    horizon: int,
    out: Path,
    file: Path | None,
    chosen: dict[str, dict[str, Any]],
    resume: bool,
    reading: dict[str, Any],
    start: Start | None,
) -> Run:
    """The run as the options and then the file describe it; on `resume` what neither says is what it was.

    ValueError for what cannot be built, and for an option that the model does not use.
    """
    from models.architectures import require_used
    from models.config import implied_config
    from models.registry import build
    from models.table import decided_by
    from models.training.recipe import Recipe
    from models.training.run import Run
    from models.training.settings import TrainingSettings
    from models.training.trainer import suited

    recipes: list[Recipe] = []
    implied: tuple[str, ...] = ()
    if resume:
        before = Run.open(out)
        implied = before.implied
        recipes.append(Recipe.of(before.config, before.settings))
    if start is not None:
        recipes.append(Recipe.of_model(start.config))
    if file is not None:
        recipes.append(Recipe.read(file, table.frequency))
    given = {part: {k: v for k, v in options.items() if v is not None} for part, options in chosen.items()}
    recipe = Recipe.joined(*recipes, Recipe(given["model"], given["training"]))
    model = {**recipe.model, **decided_by(table)}
    if resume:
        model["holidays"] = _as_before(before.config.holidays, table.holidays)
    config = implied_config(table.frequency, horizon, None, table.covariates, **model)
    if start is not None:
        start.refuse_others(config)
    require_used([*given["model"], *given["training"]], [config])
    settings = suited(TrainingSettings(**recipe.training), build(config))
    return Run(out, config, settings, describe(table, panel), reading, implied)


def _as_before(then: Holidays | None, now: Holidays | None) -> Holidays | None:
    """Those of a run that goes on; ValueError where others are asked for."""
    if now is not None and now != then:
        same = then is not None and (then.names, then.until) == (now.names, now.until)
        said = "their dates are not the same any more" if same else f"they were {then or 'none'}, are {now}"
        raise ValueError(f"--holidays: {said}. Leave it out to go on, or train anew without --resume")
    return then
