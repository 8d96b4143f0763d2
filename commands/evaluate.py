"""`gatecast evaluate`: a backtest over several folds in time, each trained on what was known before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from commands.data import Covariates, Days, Future, Static, Zone
from commands.lists import lags_in, members_in, names_in
from commands.retyped import again_of
from commands.study import Task, task_of
from commands.threads import sleep_soon

if TYPE_CHECKING:
    from models.evaluation.advice.again import Again
    from models.evaluation.ledger import Ledger
    from models.evaluation.scores import Scores

console = Console()
errors = Console(stderr=True)

OF_FOLDS, OF_DATA, OF_MODEL, OF_TRAINING = (
    {"rich_help_panel": name} for name in ("Folds", "Data", "Model (without a RUN)", "Training")
)
Name = str | None
Count = int | None


def evaluate(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="RUN|DATA", help="A run's folder, or a file as train takes it.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where page, forecasts, metrics and plots go.")],
    data: Annotated[
        Name, typer.Argument(metavar="DATA", help="Another file than the run's.", show_default=False)
    ] = None,
    folds: Annotated[int, typer.Option(min=1, help="Cutoffs in time; each has its own test.", **OF_FOLDS)] = 5,
    window: Annotated[str, typer.Option(help="expanding: train on all before; sliding: on the last.", **OF_FOLDS)] = (
        "expanding"
    ),
    size: Annotated[Count, typer.Option(min=1, help="Steps of a sliding window.", **OF_FOLDS)] = None,
    test_steps: Annotated[Count, typer.Option(min=1, help="Steps that a fold is tested on.", **OF_FOLDS)] = None,
    gap: Annotated[int, typer.Option(min=0, help="Steps left out before a cutoff in training.", **OF_FOLDS)] = 0,
    stride: Annotated[Count, typer.Option(min=1, help="Steps between origins; else the horizon.", **OF_FOLDS)] = None,
    refit: Annotated[
        bool, typer.Option(help="Train anew for each fold, or take the run's weights.", **OF_FOLDS)
    ] = True,
    id_column: Annotated[Name, typer.Option("--id", help="Column of the series' names.", **OF_DATA)] = None,
    time_column: Annotated[Name, typer.Option("--time", help="Column of the times.", **OF_DATA)] = None,
    target_column: Annotated[Name, typer.Option("--target", help="Column to forecast.", **OF_DATA)] = None,
    freq: Annotated[Name, typer.Option(help="Length of a step: 30min, 1h, 1d, …; else inferred.", **OF_DATA)] = None,
    snap: Annotated[bool, typer.Option("--snap", help="Move times to the nearest step.", **OF_DATA)] = False,
    zone: Zone = None,
    holidays: Days = None,
    covariates: Covariates = None,
    future: Future = None,
    static: Static = None,
    horizon: Annotated[Count, typer.Option(min=1, help="Steps ahead to forecast.", **OF_MODEL)] = None,
    model: Annotated[Name, typer.Option(help="The architecture.", **OF_MODEL)] = None,
    lags: Annotated[Name, typer.Option(help="Seasons in steps: 24,168; else implied.", **OF_MODEL)] = None,
    hidden: Annotated[Count, typer.Option(min=1, help="Width of a layer.", **OF_MODEL)] = None,
    layers: Annotated[Count, typer.Option(min=1, help="Recurrent layers.", **OF_MODEL)] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=0.9, help="Between layers.", **OF_MODEL)] = None,
    members: Annotated[Name, typer.Option(help="ensemble: such as gru,lstm or gru,bi-gru.", **OF_MODEL)] = None,
    steps: Annotated[Count, typer.Option(min=1, help="The budget of a fold.", **OF_TRAINING)] = None,
    batch: Annotated[Count, typer.Option(min=1, help="Crops in a step.", **OF_TRAINING)] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate at its peak.", **OF_TRAINING)] = None,
    seed: Annotated[Count, typer.Option(min=0, help="Same seed, same weights.", **OF_TRAINING)] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores; each takes a part of a batch.", **OF_TRAINING)] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the folds that are not done.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Evaluate anew over what is there.")] = False,
) -> None:
    """Backtest a run's configuration, or one straight from a file, over folds in time, beside the seasonal naive.

    Each fold trains afresh on the readings before its cutoff and is tested on those behind it. Ctrl-C keeps the folds
    that are done; --resume then goes on.
    """
    sleep_soon()
    from datasets.table import DataError
    from models.evaluation.ledger import IDENTITY, EvaluationError
    from models.evaluation.rolling_origin import Stopped
    from models.training.earlier import as_begun, read_identity
    from models.training.loop import TrainingDiverged
    from models.training.run import RunError

    try:
        task = task_of(
            source,
            data,
            reading={
                "id_column": id_column,
                "time_column": time_column,
                "target_column": target_column,
                "covariates": names_in(covariates),
                "future": names_in(future),
                "static": names_in(static),
                "frequency": freq,
                "snap": snap or None,
                "zone": zone,
                "holidays": holidays,
            },
            model={
                "horizon": horizon,
                "architecture": model,
                "lags": lags_in(lags),
                "hidden": hidden,
                "layers": layers,
                "dropout": dropout,
                "members": members_in(members),
            },
            training={"steps": steps, "batch": batch, "rate": rate, "seed": seed},
            folds={
                "count": folds,
                "window": window,
                "size": size,
                "test_steps": test_steps,
                "gap": gap,
                "stride": stride,
                "refit": refit,
            },
        )
        if resume:
            task = task._replace(settings=as_begun(task.settings, read_identity(out / IDENTITY)))
        ledger = _ledger(task, out)
        _announce(task)
        ledger.open(resume, replace)
        scores = _evaluate(task, ledger, threads)
        again = again_of(context, task, source, data, out)
        page = _write(task, scores, ledger, again)
    except (DataError, RunError, EvaluationError, TrainingDiverged, ValueError) as problem:
        errors.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as problem:
        said = f"{out} cannot be written ({problem.strerror or problem}): choose another --out, or make room"
        errors.print(f"[red]✗[/] {escape(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except Stopped:
        done = sum(ledger.done(fold.number) for fold in task.study.folds)
        errors.print(f"[yellow]![/] Stopped. {done} of {folds} folds are done and kept: --resume goes on.")
        raise typer.Exit(130) from None
    _conclude(task, scores, again, page)


def _ledger(task: Task, out: Path) -> Ledger:
    from models.evaluation.ledger import Ledger

    identity: dict[str, Any] = task.study.identity
    if task.run is not None and not task.study.settings.refit:
        identity |= {"weights": task.run.weights_digest()}
    else:
        identity |= {"training": task.settings.to_dict()}
    return Ledger(out, identity, task.study.config)


def _evaluate(task: Task, ledger: Ledger, threads: int) -> Scores:
    from models.evaluation.rolling_origin import evaluate as evaluate_study
    from models.training.interrupt import interruptible
    from models.training.refit import fit_of
    from models.training.trainings import TrainingsView

    study = task.study
    weights = task.run.forecaster() if task.run is not None and not study.settings.refit else None
    view = TrainingsView(console, study.settings.count, task.settings.steps_in_all)
    with interruptible() as interrupted, view.shown():
        fit = fit_of(study, task.settings, weights, view, interrupted, threads)
        return evaluate_study(study, ledger, fit, view, interrupted)


def _write(task: Task, scores: Scores, ledger: Ledger, again: Again) -> Path:
    """The plots and the page; its path."""
    from models.evaluation.fold_plots import plot_folds
    from models.evaluation.page.page import write_page

    plot_folds(task.study, scores, ledger.read, ledger.path)
    source = Path(task.table.source).name
    return write_page(task.study, scores, ledger, task.settings, again, source)


def _announce(task: Task) -> None:
    from datasets.frequency import format_time

    for warning in task.table.warnings:
        errors.print(f"[yellow]![/] {escape(warning)}", highlight=False)
    study, folds = task.study, task.study.folds
    if task.idle:
        names = ", ".join(task.idle[:3]) + (" …" if len(task.idle) > 3 else "")
        said = f"{len(task.idle)} of {len(study.ids)} series take part in no fold ({names}): they begin too late or end"
        errors.print(f"[yellow]![/] {escape(said)} before the first cutoff", highlight=False, soft_wrap=True)
    chosen = study.settings
    known = "all readings before it" if chosen.window == "expanding" else "a sliding window before it"
    how = f"trained on {known}, {task.settings.steps:,} steps" if chosen.refit else "with the weights of the run"
    console.print(
        f"[bold]{escape(task.table.source)}[/]: {len(study.ids):,} series; {_folds(len(folds))} of "
        f"{chosen.test_steps:,} steps, from {format_time(folds[0].cutoff, study.frequency)}, each {how}; "
        f"horizon {study.config.horizon}, an origin every {chosen.stride} steps. Ctrl-C keeps the folds done.",
        highlight=False,
        soft_wrap=True,
    )


def _folds(count: int) -> str:
    return "1 fold" if count == 1 else f"{count} folds"


def _conclude(task: Task, scores: Scores, again: Again, page: Path) -> None:
    from models.evaluation.fold_report import fold_table
    from models.evaluation.report import comparison_table, shortfall

    result = scores.overall()
    console.print()
    console.print(comparison_table(result, task.study.frequency, _folds(task.study.settings.count)))
    console.print(fold_table(task.study, scores))
    if (short := shortfall(result, task.study.season)) is not None:
        console.print(f"[yellow]![/] {short}", highlight=False, soft_wrap=True)
    console.print(
        f"\nThe page to read and to show: [bold]{escape(str(page))}[/]; forecasts, metrics and plots are beside it.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"Next: [bold]{escape(again.gone_on())}[/]", highlight=False, soft_wrap=True)
