"""`gatecast doctor`: reads what a training run wrote of itself and says what it suffers from, and what to try next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from models.diagnosis.case import Case
    from models.diagnosis.finding import Finding

console = Console()
errors = Console(stderr=True)

FOUND, UNREADABLE = 1, 2  # exit codes; 0 is healthy


def doctor(
    run: Annotated[Path, typer.Argument(help="The folder that `gatecast train` wrote.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Say what a training run suffers from, with the evidence and the flag of `gatecast train` to try next.

    A picture, doctor.png, is left in RUN. Exit code 0: healthy; 1: something was found; 2: RUN cannot be read.
    """
    from models.diagnosis.case import Case
    from models.diagnosis.doctor import diagnose, healthy_signs
    from models.diagnosis.plot import plot_case
    from models.training.run import DOCTOR_PLOT, Run, RunError

    try:
        case = Case.of(Run.open(run))
    except (RunError, OSError) as problem:
        errors.print(f"[red]✗[/] {escape(str(problem))}", highlight=False, soft_wrap=True)
        raise typer.Exit(UNREADABLE) from None
    findings, signs = diagnose(case), healthy_signs(case)
    picture: Path | None = run / DOCTOR_PLOT
    try:
        plot_case(case, run / DOCTOR_PLOT)
    except OSError as problem:
        picture = None
        said = f"{run / DOCTOR_PLOT} cannot be written ({problem.strerror or problem}): make room to see the picture"
        errors.print(f"[yellow]![/] {escape(said)}", highlight=False, soft_wrap=True)
    if as_json:
        console.print_json(data=_as_data(run, case, findings, signs, picture))
    else:
        _tell(run, case, findings, signs, picture)
    if findings:
        raise typer.Exit(FOUND)


def _as_data(run: Path, case: Case, findings: list[Finding], signs: list[str], picture: Path | None) -> dict[str, Any]:
    return {
        "run": str(run),
        "steps": len(case.records),
        "ended": case.metrics is not None,
        "monitored": case.monitored,
        "healthy": not findings,
        "findings": [finding.to_dict() for finding in findings],
        "figures": signs,
        "picture": str(picture) if picture else None,
    }


def _tell(run: Path, case: Case, findings: list[Finding], signs: list[str], picture: Path | None) -> None:
    from models.architectures import describe

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    validations = len(case.validations[0])
    ended = "" if case.metrics is not None else "; training has not ended"
    say(
        f"[bold]{escape(str(run))}[/]: {len(case.records):,} steps and {validations:,} validations of "
        f"{describe(case.config)} at a rate of {case.settings.rate:g}{ended}"
    )
    if not case.monitored:
        say("[yellow]![/] This log has losses and gradient norms alone: gates, units and input were not watched then.")
    if not findings:
        say("[green]✓[/] Nothing to report: healthy.")
        for sign in signs:
            say(f"    {escape(sign)}")
    for finding in findings:
        say(f"\n[red]✗[/] [bold]{escape(finding.name)}[/]")
        say(f"  {escape(finding.verdict)}")
        for line in finding.evidence:
            say(f"    {escape(line)}")
        if finding.consequences:
            say(f"  Brings with it: {escape(', '.join(finding.consequences))}.")
        say(f"  Try next: [bold]{escape(finding.suggestion)}[/] ({escape(finding.reason)})")
    if picture:
        say(f"\nThe picture is {escape(str(picture))}.")
