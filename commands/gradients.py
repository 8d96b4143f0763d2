"""`gatecast gradients`: the norm of an output's gradient by lag, for architectures at the start and after training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from commands.data import (
    Covariates,
    DataOptions,
    Days,
    Freq,
    Future,
    IdColumn,
    Snap,
    Static,
    TargetColumn,
    TimeColumn,
    Zone,
)
from commands.lists import lags_in, names_in
from commands.threads import sleep_soon

if TYPE_CHECKING:
    from models.comparison.gradients import Reach
    from models.evaluation.panel import Panel

console = Console()
errors = Console(stderr=True)
NUMBERS, PLOT = "gradients.json", "gradients.png"
START = "at the start"
HIDDEN, LAYERS = 64, 1


def gradients(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help=f"Where {NUMBERS} and {PLOT} go.")],
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="A file as train takes it; else noise.", show_default=False)
    ] = None,
    models: Annotated[str, typer.Option(help="Architectures: rnn,gru,lstm.")] = "rnn,gru,lstm",
    length: Annotated[int, typer.Option(min=2, help="Steps back.")] = 200,
    hidden: Annotated[int | None, typer.Option(min=1, help=f"Width of a layer; else {HIDDEN}.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help=f"Recurrent layers; else {LAYERS}.")] = None,
    steps: Annotated[int, typer.Option(min=0, help="Steps of training on DATA, after which it is looked again.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights, the training and the noise.")] = 0,
    horizon: Annotated[int, typer.Option(min=1, help="Steps ahead to forecast, in training.")] = 24,
    lags: Annotated[str | None, typer.Option(help="Seasons in steps: 24,168; else implied.")] = None,
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
) -> None:
    """Show how far back gradients reach: the norm of dh_T/ds_t against the lag T - t, as numbers and as a picture.

    Exact, step by step (Bengio et al. 1994; Pascanu et al. 2013), on features of DATA or on noise.
    """
    sleep_soon()
    from datasets.table import DataError
    from models.training.loop import TrainingDiverged

    names = names_in(models) or []
    try:
        if steps and data is None:
            raise ValueError("--steps trains on DATA: name a file, or leave --steps out")
        if not names:
            raise ValueError("--models names no architecture: rnn,gru,lstm say")
        named = (id_column, time_column, target_column, freq, snap, covariates, future, static)
        if data is None and any((*named, zone, holidays)):
            raise ValueError("options of data say how DATA is read: name a file, or leave them out")
        options = None if data is None else DataOptions(data, horizon, *named, zone=zone, holidays=holidays)
        model = {"hidden": hidden, "layers": layers, "lags": lags_in(lags)}
        reaches = _measured(names, options, model, horizon, length, steps, seed)
        _write(reaches, out)
    except (DataError, TrainingDiverged, ValueError) as problem:
        errors.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as problem:
        said = f"{out} cannot be written ({problem.strerror or problem}): choose another --out, or make room"
        errors.print(f"[red]✗[/] {escape(said)}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    _show(reaches, out)


def _measured(
    names: list[str],
    options: DataOptions | None,
    model: dict[str, Any],
    horizon: int,
    length: int,
    steps: int,
    seed: int,
) -> list[Reach]:
    from dataclasses import replace

    from datasets.frequency import Frequency
    from models.architectures import require_used
    from models.comparison.gradients import features_on, noise, reach, require_steps, started
    from models.config import implied_config
    from models.table import decided_by
    from models.training.settings import TrainingSettings
    from models.training.trainer import resolved

    usual = {"hidden": HIDDEN, "layers": LAYERS}
    given = {name: value for name, value in model.items() if value is not None}
    model = {**usual, **given}
    panel: Panel | None = None
    frequency = Frequency.parse("1h")
    if options is None:
        config = implied_config(frequency, horizon, 0.0, **model)
    else:
        table, panel = options.read(errors)
        frequency = table.frequency
        config = implied_config(frequency, horizon, None, table.covariates, **decided_by(table), **model)
        config = resolved(config, panel, frequency.seasons()[0])
    settings = TrainingSettings(steps=max(1, steps), seed=seed)
    season = frequency.seasons()[0]
    configs = {name: replace(config, architecture=name) for name in names}
    require_used(given, list(configs.values()))
    built = {name: started(each, seed, panel) for name, each in configs.items()}
    require_steps(names, list(built.values()))
    found = []
    for name, untrained in built.items():
        features = noise(untrained, name, length, seed) if panel is None else features_on(untrained, panel, length)
        found.append(reach(untrained, name, START, features))
    if steps and panel is not None:
        from models.training.refit import refit

        for name in names:
            console.print(f"{name}: training, {steps:,} steps", highlight=False)
            trained, _ = refit(panel, configs[name], settings, season)
            found.append(reach(trained, name, f"after {steps:,} steps", features_on(trained, panel, length)))
    return found


def _write(reaches: list[Reach], out: Path) -> None:
    import json

    from models.comparison.gradient_plot import plot_reach
    from models.training.checkpoint import write_atomically

    out.mkdir(parents=True, exist_ok=True)
    content = {"format": 1, "norm": "spectral, of dh_T/ds_t by lag", "networks": [each.to_dict() for each in reaches]}
    write_atomically(out / NUMBERS, (json.dumps(content, indent=2) + "\n").encode())
    plot_reach(reaches, out / PLOT)


def _show(reaches: list[Reach], out: Path) -> None:
    from rich.table import Table

    from models.comparison.gradients import HALF, HUNDREDTH

    length = len(reaches[0].norms) - 1
    table = Table(title=f"What is left of a gradient, up to {length} steps back", title_justify="left")
    for heading in ("", "when", "half-life", "a hundredth after", "largest", "at the longest lag"):
        table.add_column(heading, justify="left" if heading in ("", "when") else "right")
    for found in reaches:
        half, hundredth = found.lag_at(HALF), found.lag_at(HUNDREDTH)
        place, ratio = found.largest
        cells = [f"> {length} steps" if lag is None else f"{lag} steps" for lag in (half, hundredth)]
        table.add_row(found.name, found.when, *cells, f"{ratio:.3g} x at {place}", f"{found.last:.2g} x")
    console.print(table)
    console.print(f"Norms by lag are in {escape(str(out / NUMBERS))}, the picture is {escape(str(out / PLOT))}")
