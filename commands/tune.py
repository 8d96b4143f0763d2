"""`gatecast tune`: looks for better settings in a declared space and leaves the best ready to train."""

from __future__ import annotations

import shlex
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
    span,
)
from commands.threads import sleep_soon

if TYPE_CHECKING:
    from datasets.table import SeriesTable
    from models.evaluation.panel import Panel
    from models.tuning.plan import Plan
    from models.tuning.study import TuningStudy

console = Console()
errors = Console(stderr=True)

TRIALS = 30
OF_SEARCH, OF_TRIALS = ({"rich_help_panel": name} for name in ("Search", "Trials"))


def _print_space(wanted: bool) -> None:
    if wanted:
        from models.tuning.space import DEFAULT

        typer.echo(DEFAULT, nl=False)
        raise typer.Exit


def tune(
    data: Data,
    horizon: Horizon,
    out: Annotated[Path, typer.Option(metavar="STUDY", help="The folder that the study writes.")],
    space: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML: what to tune; else what --print-space shows.", **OF_SEARCH),
    ] = None,
    sampler: Annotated[str | None, typer.Option(help="tpe (the default), random or grid.", **OF_SEARCH)] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help=f"How many in all; else {TRIALS}, or the whole grid.", **OF_SEARCH)
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which no trial begins.", **OF_SEARCH)
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials at a time, each on one core.", **OF_SEARCH)] = 1,
    pruner: Annotated[str | None, typer.Option(help="median (the default), hyperband or none.", **OF_SEARCH)] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same trials (one worker).", **OF_SEARCH)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped study.", **OF_SEARCH)] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="The budget of a trial.", **OF_TRIALS)] = None,
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
    print_space: Annotated[  # noqa: ARG001 - its callback has done it
        bool,
        typer.Option(
            "--print-space", callback=_print_space, is_eager=True, help="Show the built-in space.", **OF_SEARCH
        ),
    ] = False,
) -> None:
    """Search settings by the loss on the validation part; what is held out for the test is never looked at.

    Ctrl-C, or a kill, loses nothing but the trials that run; --resume then goes on.
    """
    sleep_soon()
    from datasets.table import DataError
    from models.training.interrupt import interruptible
    from models.tuning.crew import Crew
    from models.tuning.folder import StudyError, is_taken, owned, read_plan, write_plan
    from models.tuning.progress import TuningView
    from models.tuning.results import write_results
    from models.tuning.search import search
    from models.tuning.study import opened

    options = DataOptions(
        source=data,
        horizon=horizon,
        id_column=id_column,
        time_column=time_column,
        target_column=target_column,
        freq=freq,
        snap=snap,
        covariates=covariates,
        future=future,
        static=static,
        test_steps=test_steps,
        validation_steps=validation_steps,
        zone=zone,
        holidays=holidays,
    )
    try:
        before, asked = read_plan(out) if resume else ({}, None)
        table, panel = options.read(errors)
        given = {"sampler": sampler, "pruner": pruner, "seed": seed, "steps": steps}
        plan = _plan(table, panel, horizon, space, given, before)
        if not resume and is_taken(out):
            raise StudyError(f"{out} is not empty: go on with --resume, or take another --out")
        number = _trials(plan, trials or asked)
        season = table.frequency.seasons()[0]
        announce(console, describe(table, panel))
        _announce(plan, number, workers)
        with owned(out):
            write_plan(out, plan.identity, number)
            with opened(out, plan) as study:
                study.take_up()
                view = TuningView(console, study, number, workers)
                with interruptible() as interrupted, view.shown():
                    crew = Crew(workers, panel.before_test(horizon, plan.config.known), season)
                    reason = search(study, crew, number, view, interrupted, timeout)
                write_results(out, study)
                _conclude(study, out, options, reason)
    except (DataError, StudyError, ValueError) as problem:
        errors.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as problem:
        said = f"{out} cannot be written ({problem.strerror or problem}): choose another --out, or make room"
        errors.print(f"[red]✗[/] {escape(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _plan(
    table: SeriesTable,
    panel: Panel,
    horizon: int,
    file: Path | None,
    given: dict[str, Any],
    before: dict[str, Any],
) -> Plan:
    """The plan as the options describe it; on resume an option that is not given is what it was."""
    from dataclasses import replace

    from datasets.split import require_context
    from models.config import implied_config
    from models.table import decided_by
    from models.training.earlier import as_begun, completed
    from models.training.settings import TrainingSettings
    from models.tuning.folder import StudyError
    from models.tuning.plan import Plan, settings_of
    from models.tuning.space import DEFAULT, Space

    usual: dict[str, Any] = {"sampler": "tpe", "pruner": "median", "seed": 0, "steps": TrainingSettings().steps}
    if before:
        usual = {**before, "steps": before["training"]["steps"]}
    sampler, pruner, seed, steps = (usual[name] if given[name] is None else given[name] for name in given)
    if file is not None:
        space = Space.read(file)
    else:
        space = Space.from_dict(before["space"]) if before else Space.parse(DEFAULT)
    config = implied_config(table.frequency, horizon, span(panel), table.covariates, **decided_by(table))
    digest = describe(table, panel.before_test(horizon, config.known)).digest
    settings = as_begun(settings_of(steps, seed), before)
    plan = Plan(space, config, settings, sampler, pruner, seed, digest)
    for lags in space.chosen_values("lags") or [config.lags]:
        require_context(table, replace(config, lags=lags).window)
    if before and (then := completed(before, plan.identity)) != plan.identity:
        raise StudyError(f"this is another study: {_difference(then, plan.identity)}")
    return plan


def _difference(then: dict[str, Any], now: dict[str, Any]) -> str:
    from datasets.holidays import difference

    if then["data"] != now["data"] and all(then[part] == now[part] for part in now if part != "data"):
        return "readings, times or the split are not the same. Resume with the same file and split, or begin anew"
    pairs = [(f"{part}", then.get(part), now[part]) for part in ("sampler", "pruner", "seed", "space")]
    pairs += [(name, then[part].get(name), now[part][name]) for part in ("model", "training") for name in now[part]]
    changed = [difference(name, was, value) for name, was, value in pairs if was != value]
    return "; ".join(changed) + ". Leave these options as they were, or begin anew with another --out"


def _trials(plan: Plan, asked: int | None) -> int:
    if plan.sampler == "grid":
        return min(asked or plan.space.combinations, plan.space.combinations)
    return asked or TRIALS


def _announce(plan: Plan, number: int, workers: int) -> None:
    names = ", ".join(plan.space.dimensions)
    how = f"{plan.sampler}, pruner {plan.pruner}, {workers} {'worker' if workers == 1 else 'workers'}"
    console.print(
        f"{number:,} trials over {names}; {how}; {plan.budget:,} steps each at most. Ctrl-C keeps what is done.",
        highlight=False,
        soft_wrap=True,
    )


def _conclude(study: TuningStudy, out: Path, options: DataOptions, reason: str) -> None:
    from models.tuning.folder import BEST, StudyError
    from models.tuning.progress import settings_line
    from models.tuning.study import WHY

    counts, best = study.counts(), study.best()
    why = {"done": "", "timeout": " when its time was up", "interrupted": " because it was interrupted"}[reason]
    on = "" if reason == "done" else "; --resume goes on"
    console.print(
        f"Ended{why}{on}: {counts.complete} complete, {counts.pruned} pruned, {counts.failed} failed.",
        highlight=False,
        soft_wrap=True,
    )
    if best is None:
        if reason == "interrupted":
            return
        said = next((trial.user_attrs[WHY] for trial in reversed(study.trials()) if WHY in trial.user_attrs), "")
        raise StudyError(f"no trial is complete, so there is no best one. {said}".strip())
    console.print(
        f"Best: validation loss [bold]{best.value:.4f}[/] in trial {best.number}: {escape(settings_line(best.params))}",
        highlight=False,
        soft_wrap=True,
    )
    command = shlex.join(
        ["gatecast", "train", *options.typed(), "--out", f"{out / 'run'}", "--config", f"{out / BEST}"]
    )
    ready = f"\nTrials and plots are in {escape(str(out))}. Ready to train: [bold]{escape(command)}[/]"
    console.print(ready, highlight=False, soft_wrap=True)
