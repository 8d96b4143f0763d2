"""`gatecast train`: from a table of series to a run folder, and the table that says how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from commands.data import (
    Covariates,
    Data,
    DataOptions,
    Freq,
    Horizon,
    IdColumn,
    Snap,
    TargetColumn,
    TestSteps,
    TimeColumn,
    ValidationSteps,
    announce,
    describe,
    span,
)

if TYPE_CHECKING:
    from datasets.table import SeriesTable
    from models.evaluation.panel import Panel
    from models.training.run import Run

console = Console()
errors = Console(stderr=True)

OF_MODEL, OF_TRAINING = ({"rich_help_panel": name} for name in ("Model", "Training"))
Name = str | None
Count = int | None


def train(
    data: Data,
    horizon: Horizon,
    out: Annotated[Path, typer.Option(metavar="RUN", help="The folder that the run writes.")],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings: a study's best.json; options given here win.")
    ] = None,
    id_column: IdColumn = None,
    time_column: TimeColumn = None,
    target_column: TargetColumn = None,
    freq: Freq = None,
    snap: Snap = False,
    covariates: Covariates = None,
    test_steps: TestSteps = None,
    validation_steps: ValidationSteps = None,
    lags: Annotated[Name, typer.Option(help="Seasons in steps: 24,168; else implied.", **OF_MODEL)] = None,
    hidden: Annotated[Count, typer.Option(min=1, help="Width of a layer.", **OF_MODEL)] = None,
    layers: Annotated[Count, typer.Option(min=1, help="Recurrent layers.", **OF_MODEL)] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=0.9, help="Between layers.", **OF_MODEL)] = None,
    steps: Annotated[Count, typer.Option(min=1, help="The budget.", **OF_TRAINING)] = None,
    batch: Annotated[Count, typer.Option(min=1, help="Crops in a step.", **OF_TRAINING)] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate at its peak.", **OF_TRAINING)] = None,
    seed: Annotated[Count, typer.Option(min=0, help="Same seed, same weights.", **OF_TRAINING)] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores; small nets gain little from more.", **OF_TRAINING)] = 1,
    require_better: Annotated[
        bool, typer.Option("--require-better", help="Exit 1 unless it beats the seasonal naive.", **OF_TRAINING)
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.", **OF_TRAINING)] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Train anew over a run.", **OF_TRAINING)] = False,
) -> None:
    """Train a forecaster on a table of time series and compare it with the seasonal naive on the held-out end.

    Ctrl-C keeps the best weights so far; --resume then goes on as if nothing had happened.
    """
    from datasets.split import require_context
    from datasets.table import DataError
    from models.training.checkpoint import ResumeError
    from models.training.loop import TrainingDiverged
    from models.training.run import RunError
    from models.training.trainer import train as train_run

    options = DataOptions(
        data,
        horizon,
        id_column,
        time_column,
        target_column,
        freq,
        snap,
        covariates,
        test_steps,
        validation_steps,
    )
    try:
        table, panel = options.read(errors)
        chosen: dict[str, dict[str, Any]] = {
            "model": {"lags": _lags(lags), "hidden": hidden, "layers": layers, "dropout": dropout},
            "training": {"steps": steps, "batch": batch, "rate": rate, "seed": seed},
        }
        run = _run(table, panel, horizon, out, config, chosen, resume)
        require_context(table, run.config.window)
        if not resume and not replace and out.is_dir() and any(out.iterdir()):
            raise RunError(f"{out} is not empty: go on with --resume, train anew with --replace, or take another")
        _announce(run)
        result, outcome = train_run(panel, run, console, resume, threads)
    except (DataError, ResumeError, RunError, TrainingDiverged, ValueError) as problem:
        errors.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as problem:
        said = f"{out} cannot be written ({problem.strerror or problem}): choose another --out, or make room"
        errors.print(f"[red]✗[/] {escape(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    _conclude(run, result, outcome)
    if require_better and not result.beats_naive:
        raise typer.Exit(1)


def _lags(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise ValueError(f"--lags takes whole numbers of steps, 24,168 say, not {text!r}") from None


def _run(
    table: SeriesTable,
    panel: Panel,
    horizon: int,
    out: Path,
    file: Path | None,
    chosen: dict[str, dict[str, Any]],
    resume: bool,
) -> Run:
    """The run as the options and then the file describe it; on `resume` what neither says is what it was."""
    from models.config import implied_config
    from models.training.recipe import Recipe
    from models.training.run import Run
    from models.training.settings import TrainingSettings

    model: dict[str, Any] = {}
    training: dict[str, Any] = {}
    recipes = []
    if resume:
        before = Run.open(out)
        recipes.append(Recipe.of(before.config, before.settings))
    if file is not None:
        recipes.append(Recipe.read(file, table.frequency))
    given = {part: {k: v for k, v in options.items() if v is not None} for part, options in chosen.items()}
    for recipe in (*recipes, Recipe(given["model"], given["training"])):
        model, training = {**model, **recipe.model}, {**training, **recipe.training}
    config = implied_config(table.frequency, horizon, span(panel), table.covariates, **model)
    return Run(out, config, TrainingSettings(**training), describe(table, panel))


def _announce(run: Run) -> None:
    announce(console, run.data)
    lags = ", ".join(map(str, run.config.lags))
    console.print(
        f"GRU {run.config.layers} x {run.config.hidden}, seasonal lags {lags}, horizon {run.config.horizon}; "
        f"{run.settings.steps:,} steps of {run.settings.batch} crops. Ctrl-C keeps the best weights.",
        highlight=False,
    )


def _conclude(run: Run, result: Any, outcome: Any) -> None:
    from datasets.frequency import Frequency
    from models.evaluation.report import comparison_table

    ends = {
        "budget": "after the whole budget",
        "early": "early: nothing had got better for long",
        "interrupted": "because it was interrupted; --resume goes on",
    }
    place = outcome.place
    console.print(
        f"Ended {ends[outcome.reason]}. {place.step:,} steps in {place.seconds:.0f} s, best validation loss "
        f"{place.best:.4f} at step {place.best_step:,}, {place.skipped} steps skipped.\n",
        highlight=False,
    )
    console.print(comparison_table(result, Frequency.parse(run.config.frequency)))
    if not result.beats_naive:
        worse = result.best_naive.metrics.mase is not None
        said = "The seasonal naive is better." if worse else "There is no seasonal naive to compare with."
        console.print(f"[yellow]![/] {said} Try more --steps, another --lags, or more data.")
    command = f"gatecast export {run.path} --out {run.path}.bundle"
    ready = f"\nPlots and metrics are in {escape(str(run.path))}. Next: [bold]{escape(command)}[/]"
    console.print(ready, highlight=False, soft_wrap=True)
