"""The options of a command as they were typed, to be typed again with something changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from commands.study import Task
    from models.evaluation.advice.again import Again
    from models.training.run import Run

FOLDS, DATA, MODEL, TRAINING = "Folds", "Data", "Model (without a RUN)", "Training"  # panels of `evaluate`
READING = {  # a run's word for how its file is read, and the option of `gatecast train`
    "id_column": "--id",
    "time_column": "--time",
    "target_column": "--target",
    "covariates": "--covariates",
    "future": "--future",
    "static": "--static",
    "frequency": "--freq",
    "zone": "--zone",
    "snap": "--snap",
}
Options = dict[str, str | None]


def again_of(context: Any, task: Task, source: str, data: str | None, out: Path) -> Again:
    """What was typed to evaluate, and how the same would be trained; `context` is that of the command."""
    from commands.study import held_out_by
    from models.evaluation.advice.again import Again

    typed = {panel: typed_options(context, panel) for panel in (MODEL, DATA, TRAINING, FOLDS)}
    settings = task.study.settings
    folds = {"--test-steps": str(settings.test_steps), **typed[FOLDS]}
    options = {name: value for panel in typed.values() for name, value in panel.items()}
    if task.run is None:
        return Again(
            source=(source,),
            out=str(out),
            takes=options_of(context, FOLDS, MODEL, TRAINING),
            data=source,
            run=f"runs/{name_of(task.table.source)}",
            options=options,
            folds=folds,
            reading=typed[DATA],
            settings={**typed[MODEL], **typed[TRAINING]},
        )
    fixed = frozenset({"--window", "--gap"}) if not settings.refit else frozenset()
    panels = (FOLDS, TRAINING) if settings.refit else (FOLDS,)
    same: Options = {"--horizon": str(task.study.config.horizon), "--config": str(task.run.path / "config.json")}
    recorded = task.run.reading or {}
    return Again(
        source=(source,) if data is None else (source, data),
        out=str(out),
        takes=options_of(context, *panels) - fixed,
        data=data or str(recorded.get("path", task.table.source)),
        run=str(task.run.path),
        options=options,
        folds=folds,
        reading={**_read(task.run), **typed[DATA], **held_out_by(task.run, task.table)},
        settings={**same, **typed[TRAINING]},
        trained=True,
    )


def typed_options(context: Any, panel: str) -> Options:
    """The options of a panel of the help that were given, with their values; None for a flag."""
    found: Options = {}
    for parameter in _parameters(context, panel):
        value = context.params[parameter.name]
        if context.get_parameter_source(parameter.name).name != "COMMANDLINE":
            continue
        if isinstance(value, bool):
            found[parameter.opts[0] if value else parameter.secondary_opts[0]] = None
        else:
            found[parameter.opts[0]] = str(value)
    return found


def options_of(context: Any, *panels: str) -> frozenset[str]:
    """The options that those panels have."""
    return frozenset(option for panel in panels for each in _parameters(context, panel) for option in each.opts)


def name_of(source: str) -> str:
    """A file's name without what comes after the first dot."""
    return Path(source).name.split(".")[0]


def _parameters(context: Any, panel: str) -> list[Any]:
    return [each for each in context.command.params if getattr(each, "rich_help_panel", None) == panel]


def _read(run: Run) -> Options:
    """How a run reads its file, and whose holidays it knows; where a file of them was, nobody knows any more."""
    found: Options = {}
    if run.config.holidays is not None:
        found["--holidays"] = ",".join(run.config.holidays.names)
    for name, option in READING.items():
        value = (run.reading or {}).get(name)
        if name == "covariates" and value == []:
            found[option] = "none"
        elif value is True:
            found[option] = None
        elif value:
            found[option] = ",".join(value) if isinstance(value, list) else str(value)
    return found
