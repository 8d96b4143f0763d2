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
    Days,
    Freq,
    Future,
    Horizon,
    IdColumn,
    Snap,
    Static,
    TargetColumn,
    TestSteps,
    TimeColumn,
    ValidationSteps,
    Zone,
    announce,
)
from commands.described_run import run_of, start_of
from commands.lists import lags_in, members_in, numbers_in
from commands.options import (
    OF_TRAINING,
    Accumulate,
    Attended,
    Batching,
    BatchSteps,
    Cooldown,
    Decay,
    Device,
    Dropout,
    Every,
    Heads,
    Hidden,
    Integer,
    Jitter,
    Kernel,
    Lags,
    Layers,
    Longest,
    Mask,
    Members,
    Missing,
    Model,
    NonNegative,
    Normalisation,
    Offset,
    Patience,
    Periods,
    Precision,
    Scaling,
    Schedule,
    Shortest,
    Stacks,
    Stride,
    WarmUp,
    Warp,
    Widen,
    Widths,
    Zoneout,
)
from commands.threads import sleep_soon

if TYPE_CHECKING:
    from models.training.run import Run

console = Console()
errors = Console(stderr=True)
Count = int | None


def train(
    data: Data,
    horizon: Horizon,
    out: Annotated[Path, typer.Option(metavar="RUN", help="The folder that the run writes.")],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings: a study's best.json; options given here win.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="BUNDLE", help="Begin with the weights of a bundle, or of another run."),
    ] = None,
    id_column: IdColumn = None,
    time_column: TimeColumn = None,
    target_column: TargetColumn = None,
    freq: Freq = None,
    snap: Snap = False,
    zone: Zone = None,
    holidays: Days = None,
    covariates: Covariates = None,
    future: Future = None,
    static: Static = None,
    test_steps: TestSteps = None,
    validation_steps: ValidationSteps = None,
    model: Model = None,
    lags: Lags = None,
    hidden: Hidden = None,
    layers: Layers = None,
    dropout: Dropout = None,
    zoneout: Zoneout = None,
    normalisation: Normalisation = None,
    scaling: Scaling = None,
    offset: Offset = None,
    missing: Missing = None,
    non_negative: NonNegative = None,
    integer: Integer = None,
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
    clip: Annotated[float | None, typer.Option(help="Longest gradient; longer ones are cut.", **OF_TRAINING)] = None,
    seed: Annotated[Count, typer.Option(min=0, help="Same seed, same weights.", **OF_TRAINING)] = None,
    batching: Batching = None,
    shortest: Shortest = None,
    longest: Longest = None,
    batch_steps: BatchSteps = None,
    every: Every = None,
    accumulate: Accumulate = None,
    stride: Stride = None,
    jitter: Jitter = None,
    warp: Warp = None,
    mask: Mask = None,
    schedule: Schedule = None,
    warm_up: WarmUp = None,
    decay: Decay = None,
    patience: Patience = None,
    cooldown: Cooldown = None,
    widen: Widen = None,
    precision: Precision = None,
    device: Device = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Cores; each takes a part of a batch.", **OF_TRAINING)] = 1,
    require_better: Annotated[
        bool, typer.Option("--require-better", help="Exit 1 unless it beats the seasonal naive.", **OF_TRAINING)
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.", **OF_TRAINING)] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Train anew over a run.", **OF_TRAINING)] = False,
) -> None:
    """Train a forecaster on a table of time series and compare it with the seasonal naive on the held-out end.

    Ctrl-C keeps the best weights so far; --resume then goes on as if nothing had happened.
    """
    sleep_soon()
    from datasets.split import require_context
    from datasets.table import DataError
    from models.training.checkpoint import ResumeError
    from models.training.loop import TrainingDiverged
    from models.training.run import RunError
    from models.training.trainer import train as train_run
    from service.errors import BundleError

    options = DataOptions(
        data,
        horizon,
        id_column,
        time_column,
        target_column,
        freq,
        snap,
        covariates,
        future,
        static,
        test_steps,
        validation_steps,
        zone,
        holidays,
    )
    try:
        table, panel = options.read(errors)
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
                "offset": offset,
                "missing": missing,
                "non_negative": non_negative,
                "integer": integer,
                "stacks": numbers_in("--stacks", stacks),
                "widths": numbers_in("--widths", widths),
                "kernel": kernel,
                "periods": numbers_in("--periods", periods),
                "attended": attended,
                "heads": heads,
                "members": members_in(members),
            },
            "training": {
                "steps": steps,
                "batch": batch,
                "batching": batching,
                "shortest": shortest,
                "longest": longest,
                "batch_steps": batch_steps,
                "every": every,
                "accumulate": accumulate,
                "stride": stride,
                "jitter": jitter,
                "warp": warp,
                "mask": mask,
                "rate": rate,
                "clip": clip,
                "schedule": schedule,
                "warm_up": warm_up,
                "decay": decay,
                "patience": patience,
                "cooldown": cooldown,
                "widen": widen,
                "precision": precision,
                "seed": seed,
            },
        }
        start = start_of(source, resume)
        run = run_of(table, panel, horizon, out, config, chosen, resume, options.reading(), start)
        require_context(table, run.config.window)
        if not resume and not replace and out.is_dir() and any(out.iterdir()):
            raise RunError(f"{out} is not empty: go on with --resume, train anew with --replace, or take another")
        _announce(run)
        result, outcome = train_run(panel, run, console, resume, threads, device, start)
    except (BundleError, DataError, ResumeError, RunError, TrainingDiverged, ValueError) as problem:
        errors.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as problem:
        said = f"{out} cannot be written ({problem.strerror or problem}): choose another --out, or make room"
        errors.print(f"[red]✗[/] {escape(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    _conclude(run, result, outcome)
    if require_better and not result.beats_naive:
        raise typer.Exit(1)


def _announce(run: Run) -> None:
    from models.architectures import describe as describe_net

    announce(console, run.data)
    config, lags = run.config, ", ".join(map(str, run.config.lags))
    if config.holidays is not None:
        console.print(f"Holidays: {escape(str(config.holidays))}.", highlight=False, soft_wrap=True)
    cooling = f", then {run.settings.cooling:,} at a low rate" if run.settings.cooling else ""
    console.print(
        f"{describe_net(config)}, seasonal lags {lags}, horizon {config.horizon}; "
        f"{run.settings.steps:,} steps of {run.settings.batch_in_words}{cooling}. Ctrl-C keeps the best weights.",
        highlight=False,
    )


def _conclude(run: Run, result: Any, outcome: Any) -> None:
    from datasets.frequency import Frequency
    from models.evaluation.report import comparison_table, shortfall

    ends = {
        "budget": "after the whole budget",
        "early": "early: nothing had got better for long",
        "interrupted": "because it was interrupted; --resume goes on",
    }
    place = outcome.place
    cooled = " and cooled down from there" if place.cooled else ""
    cooled += ", its bands widened" if place.widened else ""
    console.print(
        f"Ended {ends[outcome.reason]}. {place.step:,} steps in {place.seconds:.0f} s, best validation loss "
        f"{place.best:.4f} at step {place.best_step:,}{cooled}, {place.skipped} steps skipped.\n",
        highlight=False,
    )
    console.print(comparison_table(result, Frequency.parse(run.config.frequency)))
    if (short := shortfall(result, run.data.season)) is not None:
        console.print(f"[yellow]![/] {short}", highlight=False, soft_wrap=True)
    command = f"gatecast export {run.path} --out {run.path}.bundle"
    ready = f"\nPlots and metrics are in {escape(str(run.path))}. Next: [bold]{escape(command)}[/]"
    console.print(ready, highlight=False, soft_wrap=True)
