"""`gatecast gates`: what the gates of a bundle do while a series goes by, as a picture and as a page."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from commands.data import Data, Freq, IdColumn, Snap, TargetColumn, TimeColumn, source_of

if TYPE_CHECKING:
    from commands.gating.view import View

console = Console()
errors = Console(stderr=True)

PICTURE, PAGE = "gates.png", "gates.html"
NEEDED = ("matplotlib", "polars")
OF_VIEW = {"rich_help_panel": "What is shown"}
Text = str | None


def gates(
    bundle: Annotated[Path, typer.Argument(help="The folder that `gatecast export` wrote.", show_default=False)],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help=f"Where {PICTURE} and {PAGE} go.")],
    series: Annotated[Text, typer.Option(metavar="ID", help="The series; else the first.", **OF_VIEW)] = None,
    begin: Annotated[
        Text, typer.Option("--from", metavar="TIME", help="The first time; else two longest seasons.", **OF_VIEW)
    ] = None,
    end: Annotated[Text, typer.Option("--to", metavar="TIME", help="The last time; else the end.", **OF_VIEW)] = None,
    layer: Annotated[Text, typer.Option(help="1, 2, …; 1/2 for member/layer; else the first.", **OF_VIEW)] = None,
    units: Annotated[int, typer.Option(min=1, max=20, help="Most responsive units of each gate.", **OF_VIEW)] = 4,
    mark: Annotated[
        list[str] | None, typer.Option(metavar="TIME=LABEL", help="An event; more than one may be given.", **OF_VIEW)
    ] = None,
    id_column: IdColumn = None,
    time_column: TimeColumn = None,
    target_column: TargetColumn = None,
    freq: Freq = None,
    snap: Snap = False,
) -> None:
    """Show the input, the gates that respond most, their means and all hidden units on one time axis.

    The readings before --from are run through the bundle too, so the state is that of a stream that saw them all. Needs
    no torch.
    """
    missing = [name for name in NEEDED if not _installed(name)]
    if missing:
        _refuse(
            f"this needs {' and '.join(missing)}, which is not installed here: pip install {' '.join(missing)}; "
            "the extra train (pip install '.[train]') brings all, with torch, which is not needed for this"
        )
    from commands.gating.refusal import Refusal
    from datasets.table import DataError
    from service.errors import GatecastError

    reading = {"id_column": id_column, "time_column": time_column, "target_column": target_column, "frequency": freq}
    try:
        view = _view(bundle, data, reading, snap, series, (begin, end), layer, units, mark or [])
        _write(view, out)
    except (DataError, GatecastError, Refusal) as problem:
        _refuse(str(problem))
    except OSError as problem:
        _refuse(f"{out} cannot be written ({problem.strerror or problem}): choose another --out, or make room")
    _tell(view, out)


def _view(
    path: Path,
    data: str,
    reading: dict[str, Text],
    snap: bool,
    series: Text,
    span: tuple[Text, Text],
    layer: Text,
    units: int,
    marks: list[str],
) -> View:
    from commands.gating.excerpt import excerpt_of
    from commands.gating.layers import choose_layer, layers_of
    from commands.gating.trace import trace
    from commands.gating.view import view_of
    from datasets.reader import read_table
    from service.bundle import Bundle
    from service.runtimes import open_runtime

    bundle = Bundle.open(path)
    manifest = bundle.manifest
    layers = layers_of(manifest)
    chosen = choose_layer(layers, layer)
    columns = {"covariates": manifest.covariates, "future": manifest.future, "static": manifest.static}
    named = {**reading, "target_column": reading["target_column"] or manifest.target}
    table = read_table(source_of(data), **named, **columns, snap=snap, zone=manifest.calendar_zone)  # type: ignore[arg-type]
    for warning in table.warnings:
        errors.print(f"[yellow]![/] {escape(warning)}", highlight=False)
    excerpt = excerpt_of(manifest, table, series, *span)
    with console.status("Running the series through the bundle …"):
        found = trace(open_runtime("onnx", bundle), excerpt, chosen)
    return view_of(manifest, table, excerpt, layers, chosen, found, units, marks)


def _write(view: View, out: Path) -> None:
    from commands.gating.page import page_of
    from commands.gating.picture import draw

    out.mkdir(parents=True, exist_ok=True)
    draw(view, out / PICTURE)
    (out / PAGE).write_text(page_of(view), encoding="utf-8")


def _tell(view: View, out: Path) -> None:
    from commands.gating.wording import NAMES
    from datasets.frequency import format_time

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    first, last = (format_time(int(time), view.frequency) for time in (view.times[0], view.times[-1]))
    say(f"[bold]{escape(view.series)}[/], {first} to {last}: {escape(view.model)}, {escape(view.layer)}")
    for gate in view.gates:
        units = ", ".join(map(str, gate.units))
        say(f"  {NAMES[gate.letter]}: mean {gate.mean.mean():.2f}; the units that respond most: {units}")
    for line in view.conventions:
        say(f"  {escape(line)}")
    say(f"The picture is {escape(str(out / PICTURE))}, the page to explore {escape(str(out / PAGE))}.")


def _installed(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def _refuse(message: str) -> None:
    errors.print(f"[red]✗[/] {escape(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(1) from None
