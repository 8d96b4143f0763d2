"""`gatecast verify`: holds every runtime against a bundle's golden answers; exit 1 if one is off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from export.verify import Check
    from service.bundle import Bundle

console = Console()


def verify(
    bundle: Annotated[Path, typer.Argument(help="The folder that `gatecast export` wrote.", show_default=False)],
    device: Annotated[str, typer.Option(help="Where the torchscript runtime computes: cpu or cuda.")] = "cpu",
) -> None:
    """Replay the golden answers and a 1,000-step chain through every runtime, forecast and state, at other sizes."""
    from service.bundle import Bundle
    from service.errors import GatecastError

    if device.partition(":")[0] not in ("cpu", "cuda"):
        raise typer.BadParameter(f"expected cpu or cuda, got {device!r}", param_hint="--device")
    try:
        passed = report(Bundle.open(bundle), device)
    except GatecastError as error:
        console.print(f"[red]✗[/] {escape(error.message)}", soft_wrap=True)
        raise typer.Exit(1) from None
    if not passed:
        raise typer.Exit(1)


def report(bundle: Bundle, device: str = "cpu") -> bool:
    """Runs and prints all checks; True if every runtime that can run here passed."""
    from export.verify import TOLERANCE, Verification
    from service.errors import RuntimeUnavailable
    from service.runtimes import open_runtime, why_not_native

    table = Table(title=escape(f"{bundle.path.name} · {bundle.digest[:12]}"), title_justify="left")
    for column, justify in (("runtime", "left"), ("check", "left"), ("worst, in tolerances", "right"), ("", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    verification, passed = Verification(bundle), True
    with console.status("Replaying the golden answers …"):
        for name in ("native", "onnx", "torchscript"):
            if name == "native" and (reason := why_not_native(bundle)):
                table.add_row(name, escape(f"not run: {reason}"), "", "[yellow]–[/]")
                continue
            try:
                runtime = open_runtime(name, bundle, device if name == "torchscript" else "cpu")
            except RuntimeUnavailable as absent:
                if not isinstance(absent.__cause__, ImportError):
                    raise
                table.add_row(name, f"not run: {absent.__cause__.name} is not installed here", "", "[yellow]–[/]")
                continue
            for check in verification.run(runtime):
                passed &= check.passed
                _add(table, check)
    console.print(table)
    if passed:
        console.print(f"[green]✓[/] Every answer is within {TOLERANCE:g} · (deviation + size) of torch's own.")
    else:
        console.print("[red]✗ This bundle does not answer as its model did; do not serve it. Export the run again.[/]")
    return passed


def _add(table: Table, check: Check) -> None:
    where = "" if check.passed else f"[red]{escape(check.where)}[/]"
    table.add_row(check.runtime, check.name, f"{check.worst:.3f}", where or "[green]✓[/]")
