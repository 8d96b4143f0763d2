"""`gatecast compare`: architectures under one budget, what they cost and whether their errors differ, as a report."""

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
    describe,
)
from commands.lists import lags_in, members_in, names_in, numbers_in
from commands.options import OF_MODEL, OF_TRAINING, Dropout, Hidden, Lags, Layers, Longest, Members, Shortest
from commands.threads import sleep_soon

if TYPE_CHECKING:
    from datasets.table import SeriesTable
    from models.comparison.folder import Folder
    from models.comparison.measuring import Serve
    from models.comparison.plan import Plan
    from models.evaluation.panel import Panel
    from models.training.run import DataSummary

console = Console()
errors = Console(stderr=True)
Count = int | None


def compare(
    data: Data,
    horizon: Horizon,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the report and what it is made of go.")],
    models: Annotated[str, typer.Option(help="Architectures, two or more: gru,lstm,rnn.", **OF_MODEL)] = "gru,lstm",
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
    lags: Lags = None,
    hidden: Hidden = None,
    layers: Layers = None,
    dropout: Dropout = None,
    members: Members = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each model.", **OF_TRAINING)] = 3,
    steps: Annotated[Count, typer.Option(min=1, help="The budget of each training.", **OF_TRAINING)] = None,
    batch: Annotated[Count, typer.Option(min=1, help="Crops in a step.", **OF_TRAINING)] = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate at its peak.", **OF_TRAINING)] = None,
    shortest: Shortest = None,
    longest: Longest = None,
    same_time: Annotated[
        bool, typer.Option("--same-time", help="As long as the fastest takes, not as many steps.", **OF_TRAINING)
    ] = False,
    lengths: Annotated[
        str, typer.Option(help="Readings in the rows whose training steps are timed.", **OF_TRAINING)
    ] = "20,50,100,200,500,1000",
    threads: Annotated[int, typer.Option(min=1, help="Cores; small nets gain little from more.", **OF_TRAINING)] = 1,
    serving: Annotated[bool, typer.Option(help="Export each model and time it as it is served.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is not done.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Compare anew over what is there.")] = False,
) -> None:
    """Train architectures under the same budget with several seeds, measure what each costs, and say which to take.

    Ctrl-C keeps the trainings that are done; --resume then goes on.
    """
    sleep_soon()
    from datasets.table import DataError
    from models.comparison.folder import IDENTITY, ComparisonError, Folder
    from models.evaluation.rolling_origin import Stopped
    from models.training.earlier import read_identity
    from models.training.loop import TrainingDiverged

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
    chosen = {"lags": lags, "hidden": hidden, "layers": layers, "dropout": dropout, "members": members}
    training = {"steps": steps, "batch": batch, "rate": rate, "shortest": shortest, "longest": longest}
    try:
        table, panel = options.read(errors)
        asked = {
            "models": tuple(names_in(models) or ()),
            "seeds": seeds,
            "same_time": same_time,
            "lengths": numbers_in("--lengths", lengths),
        }
        plan = _plan(table, panel, horizon, chosen, training, asked, read_identity(out / IDENTITY) if resume else {})
        folder = Folder(out, plan)
        data_summary = describe(table, panel)
        announce(console, data_summary)
        _announce(plan)
        folder.open(resume, replace)
        serve = _serve(plan, panel) if serving else None
        report = _measure(plan, panel, folder, data_summary, serve, threads)
    except (DataError, ComparisonError, TrainingDiverged, ValueError) as problem:
        errors.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as problem:
        said = f"{out} cannot be written ({problem.strerror or problem}): choose another --out, or make room"
        errors.print(f"[red]✗[/] {escape(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except Stopped:
        errors.print(f"[yellow]![/] Stopped. What is done is kept in {escape(str(out))}: --resume goes on.")
        raise typer.Exit(130) from None
    _conclude(report, out)


def _plan(
    table: SeriesTable,
    panel: Panel,
    horizon: int,
    chosen: dict[str, Any],
    training: dict[str, Any],
    asked: dict[str, Any],
    before: dict[str, Any],
) -> Plan:
    from datasets.split import require_context
    from models.architectures import require_used
    from models.comparison.plan import Plan
    from models.config import implied_config
    from models.table import decided_by
    from models.training.earlier import as_begun
    from models.training.settings import TrainingSettings
    from models.training.trainer import resolved

    wanted = {**chosen, "lags": lags_in(chosen["lags"]), "members": members_in(chosen["members"])}
    config = implied_config(table.frequency, horizon, None, table.covariates, **decided_by(table), **wanted)
    require_context(table, config.window)
    season = table.frequency.seasons()[0]
    config = resolved(config, panel, season)  # what is timed and served is what is trained
    settings = TrainingSettings(**{name: value for name, value in training.items() if value is not None})
    plan = Plan(config, as_begun(settings, before), season=season, data=describe(table, panel).digest, **asked)
    given = [name for name, value in {**chosen, **training}.items() if value is not None]
    require_used(given, [plan.config_of(name) for name in plan.models])
    return plan


def _serve(plan: Plan, panel: Panel) -> Serve:
    from export.golden import Stretch
    from export.serving import serving
    from models.training.trainer import golden_stretches

    stretches = [
        Stretch(int(each.times[0]), each.values, each.static) for each in golden_stretches(panel, plan.config.window)
    ]
    return lambda models: serving(models, stretches, plan.reference)


def _measure(
    plan: Plan, panel: Panel, folder: Folder, data: DataSummary, serve: Serve | None, threads: int
) -> dict[str, Any]:
    from dataclasses import asdict

    from models.comparison.machine import taken
    from models.comparison.measuring import Measuring
    from models.comparison.page import page_of
    from models.comparison.report import report_of
    from models.training.interrupt import interruptible
    from models.training.trainings import TrainingsView

    view = TrainingsView(console, len(plan.models) * plan.seeds, plan.settings.steps_in_all)
    with interruptible() as interrupted, view.shown():
        measured = Measuring(plan, panel, folder, view, interrupted, threads).run(serve)
    report = report_of(plan, asdict(data), sum(panel.train_end), taken(threads), measured)
    folder.conclude(report, page_of(report))
    return report


def _announce(plan: Plan) -> None:
    from models.architectures import describe as describe_net

    seeds = f"{plan.seeds} seeds" if plan.seeds > 1 else "1 seed"
    time = " of the fastest, the others as long" if plan.same_time else ""
    nets = ", ".join(describe_net(plan.config_of(name)) for name in plan.models)
    console.print(
        f"{nets}; horizon {plan.config.horizon}; "
        f"{seeds} each, {plan.settings.steps:,} steps of {plan.settings.batch} crops{time}. Ctrl-C keeps what is done.",
        highlight=False,
        soft_wrap=True,
    )


def _conclude(report: dict[str, Any], out: Path) -> None:
    from models.comparison.folder import PAGE
    from models.comparison.table import claims_table, figures_table

    console.print()
    console.print(figures_table(report))
    console.print(claims_table(report))
    said = f"{escape(report['recommendation']['text'])}\n\nThe report is in [bold]{escape(str(out / PAGE))}[/]"
    console.print(said, highlight=False, soft_wrap=True)
