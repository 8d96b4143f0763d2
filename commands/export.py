"""`gatecast export`: a trained run becomes a bundle that has been proved; exit 1 if a runtime is off."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from commands.verify import report

console = Console()


def export(
    run: Annotated[Path, typer.Argument(help="The folder that `gatecast train` wrote.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the bundle goes; an older bundle there is replaced.")],
    name: Annotated[str | None, typer.Option(help="The model's name; by default that of the bundle's folder.")] = None,
) -> None:
    """Write ONNX and TorchScript graphs, golden answers and the manifest, then verify every runtime."""
    from export.description import Description
    from export.golden import Stretch
    from export.writer import write_bundle
    from models.training.run import Run, RunError
    from service.errors import GatecastError

    try:
        trained = Run.open(run)
        description = Description.of(
            name or out.stem, trained.data, trained.settings, trained.metrics(), trained.dependence()
        )
        stretches = [Stretch(*stretch) for stretch in trained.stretches()]
        with console.status("Exporting both graphs and recording the golden answers …"):
            bundle = write_bundle(trained.forecaster(), description, stretches, out)
        passed = report(bundle)
    except (RunError, GatecastError) as error:
        console.print(f"[red]✗[/] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from None
    except OSError as error:
        # Only the system's own errors carry a number; ours says it all already.
        room = f"{out} cannot be written ({error.strerror}): choose another --out, or make room"
        said = str(error) if error.errno is None else room
        console.print(f"[red]✗[/] {escape(said)}", soft_wrap=True)
        raise typer.Exit(1) from None
    if not passed:
        raise typer.Exit(1)
    size = sum(file.stat().st_size for file in bundle.path.iterdir()) / 1e6
    place = escape(str(out))
    console.print(f"Wrote [bold]{place}[/] ({size:.1f} MB). Next: [bold]gatecast serve {place}[/]", soft_wrap=True)
