"""What `gatecast evaluate` is asked to evaluate: a run or a file becomes series, a configuration and folds."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from commands.data import panel_of, source_of

if TYPE_CHECKING:
    from datasets.split import Split
    from datasets.table import SeriesTable
    from models.config import ForecasterConfig
    from models.evaluation.panel import Panel
    from models.evaluation.rolling_origin import Study
    from models.training.run import Run
    from models.training.settings import TrainingSettings

Options = dict[str, Any]
HELD_OUT = 0.1  # of the median length, shared by the folds' tests, where no run says how much


class Task(NamedTuple):
    """A study, and how its forecasters come about."""

    study: Study
    settings: TrainingSettings
    run: Run | None
    table: SeriesTable
    idle: list[str]  # series that take part in no fold


def task_of(source: str, data: str | None, reading: Options, model: Options, training: Options, folds: Options) -> Task:
    """The task that the options describe; options that were not given are left out or None.

    DataError, RunError or ValueError say what cannot be, and what to do.
    """
    from models.evaluation.folds import FoldSettings, check_folds, check_unseen
    from models.evaluation.rolling_origin import Study

    reading, model, training, folds = (_given(options) for options in (reading, model, training, folds))
    run = _run(source, data, model, training, folds)
    if run is None:
        table = _table(source, reading)
        config, settings, held_out = _fresh(table, model, training, folds["count"])
    else:
        if reading.pop("holidays", None) is not None:
            raise ValueError("--holidays: a run knows its own. Leave it out, or evaluate the file without the run")
        table = _known_days(_table_of(run, data, reading), run)
        config = run.asked if folds["refit"] else run.config
        settings, held_out = replace(run.settings, **training), run.data.test_steps
        folds |= {"validation": _validation_share(run)}
    whole = max(1, held_out // max(1, folds["count"]) // config.horizon) * config.horizon
    chosen = FoldSettings(**{"test_steps": whole, "stride": config.horizon, **folds})
    stretches = panel_of(table, _unsplit(table)).series
    ids = tuple(series.unique_id for series in table.series)
    study = Study(ids, stretches, config, table.frequency.seasons()[0], chosen)
    idle = check_folds(stretches, study.folds, table.frequency, config, chosen)
    if run is not None and not chosen.refit:
        check_unseen(study.folds, _unseen_from(run, table), table.frequency)
    return Task(study, settings, run, table, [ids[series] for series in idle])


def _given(options: Options) -> Options:
    return {name: value for name, value in options.items() if value is not None}


def _run(source: str, data: str | None, model: Options, training: Options, folds: Options) -> Run | None:
    from models.training.run import Run

    if data is None and not Path(source).is_dir():
        if not folds["refit"]:
            raise ValueError("--no-refit takes the weights of a run: gatecast evaluate RUN --no-refit")
        if "horizon" not in model:
            raise ValueError(f"expected --horizon, since {source} is no folder of a run: add the steps ahead")
        return None
    if model:
        names = ", ".join(f"--{'model' if name == 'architecture' else name}" for name in model)
        raise ValueError(f"{names}: a run says what its model is. Leave it out, or evaluate the file without the run")
    if training and not folds["refit"]:
        names = ", ".join(f"--{name}" for name in training)
        raise ValueError(f"{names}: without --refit nothing is trained. Leave it out, or leave out --no-refit")
    return Run.open(Path(source))


def _table(data: str, reading: Options) -> SeriesTable:
    from datasets.reader import read_table

    return read_table(source_of(data), **reading)


def _fresh(
    table: SeriesTable, model: Options, training: Options, folds: int
) -> tuple[ForecasterConfig, TrainingSettings, int]:
    """What `gatecast train` would take; what readings imply is left open, for each fold by itself."""
    import numpy as np

    from models.architectures import require_used
    from models.config import implied_config
    from models.registry import build
    from models.table import decided_by
    from models.training.settings import TrainingSettings

    lengths = [len(series) for series in table.series]
    held_out = max(int(HELD_OUT * float(np.median(lengths))), folds * model["horizon"])
    chosen = {name: value for name, value in model.items() if name != "horizon"}
    chosen |= decided_by(table)
    config = implied_config(table.frequency, model["horizon"], None, table.covariates, **chosen)
    require_used(model, [config])
    build(config)  # says now, before the first fold, what cannot be built
    return config, TrainingSettings(**training), held_out


def _table_of(run: Run, data: str | None, reading: Options) -> SeriesTable:
    """The file of a run, if it is the same still, or another one of the same kind."""
    from models.training.run import RunError

    recorded = dict(run.reading or {})
    file = recorded.pop("path", None)
    if data is None and (file is None or not Path(file).is_file()):
        said = f"the file that {run.path} was trained on, {file or run.data.source}, is not there"
        raise RunError(f"{said}: say where it is: gatecast evaluate {run.path} DATA")
    if not recorded:
        config = run.config
        recorded = {"target_column": run.data.target, "covariates": list(config.covariates)}
        recorded |= {"future": list(config.future), "static": list(config.static), "zone": config.calendar_zone}
    table = _table(data or file, {"frequency": run.data.frequency, **_given(recorded), **reading})
    config = run.config
    for name, expected, got in zip(
        ("steps of", "the covariates", "known ahead", "the static features", "times in the zone", "a calendar of"),
        (run.data.frequency, config.covariates, config.future, config.static, run.data.time_zone, config.calendar_zone),
        (table.frequency.alias, table.covariates, table.future, table.static, table.time_zone, table.calendar_zone),
        strict=True,
    ):
        if expected != got:
            raise RunError(
                f"{table.source}: expected {name} {_said(expected)} as {run.path} was trained on, got {_said(got)}: "
                "give data of the same kind, or evaluate the file without the run"
            )
    if data is None and _panel_of(run, table) is None:
        raise RunError(
            f"{file} is no longer what {run.path} was trained on: to evaluate on it as it is now, name it: "
            f"gatecast evaluate {run.path} {file}"
        )
    return table


def _known_days(table: SeriesTable, run: Run) -> SeriesTable:
    """The table with the run's holidays, and a warning where its readings go on for longer than they are known."""
    from datasets.public_holidays import odd

    if (known := run.config.holidays) is None:
        return table
    size = table.frequency.size
    ends = min(one.start for one in table.series), max(one.start + size * (len(one) - 1) for one in table.series)
    return replace(table, holidays=known, warnings=(*table.warnings, *odd(known, *ends)))


def _said(value: object) -> str:
    return (", ".join(value) if isinstance(value, tuple) else str(value or "")) or "none"


def _validation_share(run: Run) -> float:
    """The share of its readings by which the run chose its weights."""
    known = run.data.readings / run.data.series - run.data.test_steps
    return min(0.25, run.data.validation_steps / max(1.0, known))


def _panel_of(run: Run, table: SeriesTable) -> Panel | None:
    """With the marks where the run's training and validation ended, if the table holds the very readings of it."""
    found = _split_of(run, table)
    return None if found is None else found[0]


def held_out_by(run: Run, table: SeriesTable) -> dict[str, str | None]:
    """The options by which the run held out what it did, if the table holds the very readings of it."""
    found = _split_of(run, table)
    steps = (None, None) if found is None else found[1:]
    named = zip(("--test-steps", "--validation-steps"), steps, strict=True)
    return {name: str(count) for name, count in named if count is not None}


def _split_of(run: Run, table: SeriesTable) -> tuple[Panel, int | None, int | None] | None:
    """The panel, and how many steps for test and for validation were said; None: the usual."""
    from datasets.split import split, without_short
    from datasets.table import DataError
    from models.training.run import summarise

    names = (table.time_zone, table.target, table.covariates)
    for test, validation in product((None, run.data.test_steps), (None, run.data.validation_steps)):
        try:
            taken = without_short(table, run.config.horizon, test, validation)
            panel = panel_of(taken, split(taken, run.config.horizon, test, validation))
            summary = summarise(panel, table.source, table.frequency, *names)
        except (DataError, ValueError):
            continue
        if summary.digest == run.data.digest:
            return panel, test, validation
    return None


def _unseen_from(run: Run, table: SeriesTable) -> int:
    """The first time that the weights have not seen: where the run held out, if its readings are in the table and
    perhaps newer ones behind them; else what lies behind all of its readings."""
    from datasets.frequency import parse_time

    last = parse_time(run.data.last, None)
    then = _until(table, last)
    panel = _panel_of(run, then) if then.series else None
    if panel is None:
        return last + 1
    ends = zip(panel.series, panel.validation_end, strict=True)
    return max(int(stretch.times[end - 1]) for stretch, end in ends) + 1


def _until(table: SeriesTable, last: int) -> SeriesTable:
    """The readings up to a time, and the series that had any then."""
    panel = panel_of(table, _unsplit(table))
    kept = [
        replace(series, values=series.values[: int((stretch.times <= last).sum())])
        for series, stretch in zip(table.series, panel.series, strict=True)
    ]
    return replace(table, series=tuple(series for series in kept if len(series)))


def _unsplit(table: SeriesTable) -> Split:
    import numpy as np

    from datasets.split import Split

    ends = np.array([len(series) for series in table.series], dtype=np.int64)
    return Split(ends, ends)
