"""`gatecast train`: from a table of series to a run folder, and the table that says how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from datasets.split import Split
    from datasets.table import SeriesTable
    from models.evaluation.panel import Panel
    from models.training.run import Run

console = Console()
errors = Console(stderr=True)

OF_DATA, OF_MODEL, OF_TRAINING = ({"rich_help_panel": name} for name in ("Data", "Model", "Training"))
Name = str | None
Count = int | None


def train(
    data: Annotated[
        str, typer.Argument(help="A CSV (.gz too) or Parquet file, or nyc_taxi or machine_temperature.", metavar="DATA")
    ],
    horizon: Annotated[int, typer.Option(min=1, help="Steps ahead to forecast.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="The folder that the run writes.")],
    id_column: Annotated[Name, typer.Option("--id", help="Column of the series' names.", **OF_DATA)] = None,
    time_column: Annotated[Name, typer.Option("--time", help="Column of the times.", **OF_DATA)] = None,
    target_column: Annotated[Name, typer.Option("--target", help="Column to forecast.", **OF_DATA)] = None,
    freq: Annotated[Name, typer.Option(help="Length of a step: 30min, 1h, 1d, …; else inferred.", **OF_DATA)] = None,
    snap: Annotated[bool, typer.Option("--snap", help="Move times to the nearest step.", **OF_DATA)] = False,
    covariates: Annotated[Name, typer.Option(help="Other columns to use: a,b or none; else all.", **OF_DATA)] = None,
    test_steps: Annotated[Count, typer.Option(min=1, help="Steps held out at the end.", **OF_DATA)] = None,
    validation_steps: Annotated[Count, typer.Option(min=1, help="Steps before them, to choose by.", **OF_DATA)] = None,
    lags: Annotated[Name, typer.Option(help="Seasons in steps: 24,168; else implied.", **OF_MODEL)] = None,
    hidden: Annotated[Count, typer.Option(min=1, help="Width of a layer.", **OF_MODEL)] = None,
    layers: Annotated[Count, typer.Option(min=1, help="Recurrent layers.", **OF_MODEL)] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=0.9, help="Between layers.", **OF_MODEL)] = None,
    steps: Annotated[Count, typer.Option(min=1, help="The budget.", **OF_TRAINING)] = None,
    batch: Annotated[Count, typer.Option(min=1, help="Crops in a step.", **OF_TRAINING)] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate at its peak.", **OF_TRAINING)] = None,
    clip: Annotated[float | None, typer.Option(help="Longest gradient; longer ones are cut.", **OF_TRAINING)] = None,
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
    from datasets.reader import read_table
    from datasets.split import require_context, split
    from datasets.table import DataError
    from models.training.checkpoint import ResumeError
    from models.training.loop import TrainingDiverged
    from models.training.run import RunError
    from models.training.trainer import train as train_run

    try:
        table = read_table(
            _source(data),
            id_column=id_column,
            time_column=time_column,
            target_column=target_column,
            covariates=_names(covariates),
            frequency=freq,
            snap=snap,
        )
        for warning in table.warnings:
            errors.print(f"[yellow]![/] {escape(warning)}", highlight=False)
        parts = split(table, horizon, test_steps, validation_steps)
        panel = _panel(table, parts)
        chosen: dict[str, dict[str, Any]] = {
            "model": {"lags": _lags(lags), "hidden": hidden, "layers": layers, "dropout": dropout},
            "training": {"steps": steps, "batch": batch, "rate": rate, "clip": clip, "seed": seed},
        }
        run = _run(table, panel, horizon, out, chosen, resume)
        require_context(table, run.config.window)
        if not resume and not replace and out.is_dir() and any(out.iterdir()):
            raise RunError(f"{out} is not empty: go on with --resume, train anew with --replace, or take another")
        _announce(table, panel, run)
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


def _source(data: str) -> Path:
    from datasets.bundled import bundled

    if Path(data).exists() or Path(data).suffix:
        return Path(data)
    try:
        return bundled(data)
    except ValueError:
        return Path(data)  # the reader says that there is no such file


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [] if text.strip() in ("", "none") else [name.strip() for name in text.split(",")]


def _lags(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise ValueError(f"--lags takes whole numbers of steps, 24,168 say, not {text!r}") from None


def _panel(table: SeriesTable, parts: Split) -> Panel:
    import numpy as np

    from models.evaluation.panel import Panel, Stretch

    stretches = tuple(
        Stretch(series.values, table.frequency.times(series.start, np.arange(len(series), dtype=np.int64)))
        for series in table.series
    )
    return Panel(stretches, tuple(parts.train_end.tolist()), tuple(parts.validation_end.tolist()))


def _run(
    table: SeriesTable, panel: Panel, horizon: int, out: Path, chosen: dict[str, dict[str, Any]], resume: bool
) -> Run:
    """The run as the options describe it; on `resume` an option that is not given is what it was."""
    from models.config import implied_config
    from models.training.run import Run, summarise
    from models.training.settings import TrainingSettings

    given = {part: {k: v for k, v in options.items() if v is not None} for part, options in chosen.items()}
    data = summarise(panel, table.source, table.frequency, table.time_zone, table.target, table.covariates)
    if resume:
        before = Run.open(out)
        model = {key: value for key, value in before.config.to_dict().items() if key in chosen["model"]}
        given = {"model": {**model, **given["model"]}, "training": {**before.settings.to_dict(), **given["training"]}}
    span = float(max(stretch.times[-1] - stretch.times[0] for stretch in panel.series))
    config = implied_config(table.frequency, horizon, span, table.covariates, **given["model"])
    return Run(out, config, TrainingSettings(**given["training"]), data)


def _announce(table: SeriesTable, panel: Panel, run: Run) -> None:
    series = f"{len(panel.series):,} series" if len(panel.series) > 1 else "1 series"
    console.print(
        f"[bold]{escape(table.source)}[/]: {series}, {run.data.readings:,} steps of {run.data.frequency}, "
        f"{run.data.first} to {run.data.last}; held out: the last {run.data.test_steps:,}",
        highlight=False,
        soft_wrap=True,
    )
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
