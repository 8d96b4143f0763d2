"""`gatecast train`: from a table of series to a run folder, and the table that says how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from commands.options import (
    OF_DATA,
    OF_TRAINING,
    Accumulate,
    Attended,
    Batching,
    BatchSteps,
    Covariates,
    Decay,
    Device,
    Dropout,
    Future,
    Heads,
    Hidden,
    Jitter,
    Kernel,
    Lags,
    Layers,
    Longest,
    Mask,
    Members,
    Missing,
    Model,
    Normalisation,
    Patience,
    Periods,
    Precision,
    Scaling,
    Schedule,
    Shortest,
    Stacks,
    Static,
    Stride,
    WarmUp,
    Warp,
    Widths,
    Zoneout,
)

if TYPE_CHECKING:
    from datasets.split import Split
    from datasets.table import SeriesTable
    from models.evaluation.panel import Panel
    from models.training.run import Run
    from models.training.settings import TrainingSettings

console = Console()
errors = Console(stderr=True)

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
    covariates: Covariates = None,
    future: Future = None,
    static: Static = None,
    test_steps: Annotated[Count, typer.Option(min=1, help="Steps held out at the end.", **OF_DATA)] = None,
    validation_steps: Annotated[Count, typer.Option(min=1, help="Steps before them, to choose by.", **OF_DATA)] = None,
    model: Model = None,
    lags: Lags = None,
    hidden: Hidden = None,
    layers: Layers = None,
    dropout: Dropout = None,
    zoneout: Zoneout = None,
    normalisation: Normalisation = None,
    scaling: Scaling = None,
    missing: Missing = None,
    stacks: Stacks = None,
    widths: Widths = None,
    kernel: Kernel = None,
    periods: Periods = None,
    attended: Attended = None,
    heads: Heads = None,
    members: Members = None,
    steps: Annotated[Count, typer.Option(min=1, help="The budget.", **OF_TRAINING)] = None,
    batch: Annotated[Count, typer.Option(min=1, help="Crops in a step.", **OF_TRAINING)] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate at its peak.", **OF_TRAINING)] = None,
    seed: Annotated[Count, typer.Option(min=0, help="Same seed, same weights.", **OF_TRAINING)] = None,
    batching: Batching = None,
    shortest: Shortest = None,
    longest: Longest = None,
    batch_steps: BatchSteps = None,
    accumulate: Accumulate = None,
    stride: Stride = None,
    jitter: Jitter = None,
    warp: Warp = None,
    mask: Mask = None,
    schedule: Schedule = None,
    warm_up: WarmUp = None,
    decay: Decay = None,
    patience: Patience = None,
    precision: Precision = None,
    device: Device = "cpu",
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
        reading: dict[str, Any] = {
            "id_column": id_column,
            "time_column": time_column,
            "target_column": target_column,
            "covariates": names_in(covariates),
            "future": names_in(future) or [],
            "static": names_in(static) or [],
            "frequency": freq,
            "snap": snap,
        }
        table = read_table(source_of(data), **reading)
        for warning in table.warnings:
            errors.print(f"[yellow]![/] {escape(warning)}", highlight=False)
        parts = split(table, horizon, test_steps, validation_steps)
        panel = panel_of(table, parts)
        chosen: dict[str, dict[str, Any]] = {
            "model": {
                "architecture": model,
                "lags": lags_in(lags),
                "hidden": hidden,
                "layers": layers,
                "dropout": dropout,
                "zoneout": zoneout,
                "normalisation": normalisation,
                "scaling": scaling,
                "missing": missing,
                "stacks": numbers_in("--stacks", stacks),
                "widths": numbers_in("--widths", widths),
                "kernel": kernel,
                "periods": numbers_in("--periods", periods),
                "attended": attended,
                "heads": heads,
                "members": None if members is None else tuple(names_in(members) or ()),
            },
            "training": {
                "steps": steps,
                "batch": batch,
                "batching": batching,
                "shortest": shortest,
                "longest": longest,
                "batch_steps": batch_steps,
                "accumulate": accumulate,
                "stride": stride,
                "jitter": jitter,
                "warp": warp,
                "mask": mask,
                "rate": rate,
                "schedule": schedule,
                "warm_up": warm_up,
                "decay": decay,
                "patience": patience,
                "precision": precision,
                "seed": seed,
            },
        }
        reading |= {"path": str(source_of(data).resolve())}
        run = _run(table, panel, horizon, out, chosen, resume, reading)
        require_context(table, run.config.window)
        if not resume and not replace and out.is_dir() and any(out.iterdir()):
            raise RunError(f"{out} is not empty: go on with --resume, train anew with --replace, or take another")
        _announce(table, panel, run)
        result, outcome = train_run(panel, run, console, resume, threads, device)
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


def source_of(data: str) -> Path:
    """The file that is meant: a path, or the name of bundled data."""
    from datasets.bundled import bundled

    if Path(data).exists() or Path(data).suffix:
        return Path(data)
    try:
        return bundled(data)
    except ValueError:
        return Path(data)  # the reader says that there is no such file


def names_in(text: str | None) -> list[str] | None:
    """The columns named in "a,b"; "none" names none."""
    if text is None:
        return None
    return [] if text.strip() in ("", "none") else [name.strip() for name in text.split(",")]


def lags_in(text: str | None) -> tuple[int, ...] | None:
    """The steps in "24,168", ascending; ValueError for anything else."""
    found = numbers_in("--lags", text)
    return None if found is None else tuple(sorted(set(found)))


def numbers_in(flag: str, text: str | None) -> tuple[int, ...] | None:
    """The whole numbers in "96,64"; ValueError for anything else."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{flag} takes whole numbers, 24,168 say, not {text!r}") from None


def panel_of(table: SeriesTable, parts: Split) -> Panel:
    """The series with their times, marked where training and validation end."""
    import numpy as np

    from models.evaluation.panel import Panel, Stretch

    stretches = tuple(
        Stretch(
            series.values,
            table.frequency.times(series.start, np.arange(len(series), dtype=np.int64)),
            series.static,
        )
        for series in table.series
    )
    return Panel(stretches, tuple(parts.train_end.tolist()), tuple(parts.validation_end.tolist()))


def _run(
    table: SeriesTable,
    panel: Panel,
    horizon: int,
    out: Path,
    chosen: dict[str, dict[str, Any]],
    resume: bool,
    reading: dict[str, Any],
) -> Run:
    """The run as the options describe it; on `resume` an option that is not given is what it was."""
    from models.config import implied_config
    from models.training.run import Run, summarise
    from models.training.settings import TrainingSettings

    given = {part: {k: v for k, v in options.items() if v is not None} for part, options in chosen.items()}
    data = summarise(
        panel,
        table.source,
        table.frequency,
        table.time_zone,
        table.target,
        table.covariates,
        table.future,
        table.static,
    )
    if resume:
        before = Run.open(out)
        model = {key: value for key, value in before.config.to_dict().items() if key in chosen["model"]}
        given = {"model": {**model, **given["model"]}, "training": {**before.settings.to_dict(), **given["training"]}}
    span = float(max(stretch.times[-1] - stretch.times[0] for stretch in panel.series))
    given["model"] |= {"future": table.future, "static": table.static}
    config = implied_config(table.frequency, horizon, span, table.covariates, **given["model"])
    return Run(out, config, TrainingSettings(**given["training"]), data, reading)


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
        f"{run.config.architecture} {run.config.layers} x {run.config.hidden}, seasonal lags {lags}, "
        f"horizon {run.config.horizon}; "
        f"{run.settings.steps:,} steps of {_batch(run.settings)}. Ctrl-C keeps the best weights.",
        highlight=False,
    )


def _batch(settings: TrainingSettings) -> str:
    by_steps = settings.batching == "steps"
    size = f"{settings.steps_in_a_batch:,} readings" if by_steps else f"{settings.batch} crops"
    return size if settings.accumulate == 1 else f"{settings.accumulate} x {size}"


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
