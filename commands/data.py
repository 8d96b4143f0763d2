"""The data that a command works on: the options that say how a table is read, and the panel that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from commands.lists import names_in

if TYPE_CHECKING:
    from datasets.split import Split
    from datasets.table import SeriesTable
    from models.evaluation.panel import Panel
    from models.training.run import DataSummary

OF_DATA = {"rich_help_panel": "Data"}
Data = Annotated[
    str, typer.Argument(help="A CSV (.gz too) or Parquet file, or nyc_taxi or machine_temperature.", metavar="DATA")
]
Horizon = Annotated[int, typer.Option(min=1, help="Steps ahead to forecast.")]
IdColumn = Annotated[str | None, typer.Option("--id", help="Column of the series' names.", **OF_DATA)]
TimeColumn = Annotated[str | None, typer.Option("--time", help="Column of the times.", **OF_DATA)]
TargetColumn = Annotated[str | None, typer.Option("--target", help="Column to forecast.", **OF_DATA)]
Freq = Annotated[str | None, typer.Option(help="Length of a step: 30min, 1h, 1d, …; else inferred.", **OF_DATA)]
Snap = Annotated[bool, typer.Option("--snap", help="Move times to the nearest step.", **OF_DATA)]
Zone = Annotated[
    str | None,
    typer.Option(help="Zone whose clock people live by: Europe/Berlin. Steps are of UTC then.", **OF_DATA),
]
Days = Annotated[
    str | None, typer.Option(help="Days to know ahead: DE, US-NY or days.csv; several with commas.", **OF_DATA)
]
Covariates = Annotated[str | None, typer.Option(help="Other columns to use: a,b or none; else all.", **OF_DATA)]
Future = Annotated[str | None, typer.Option(help="Covariates that are known ahead: a,b.", **OF_DATA)]
Static = Annotated[str | None, typer.Option(help="Columns that are constant for a series: a,b.", **OF_DATA)]
TestSteps = Annotated[int | None, typer.Option(min=1, help="Steps held out at the end.", **OF_DATA)]
ValidationSteps = Annotated[int | None, typer.Option(min=1, help="Steps before them, to choose by.", **OF_DATA)]


@dataclass(frozen=True)
class DataOptions:
    """How a table is read and split, as it was typed."""

    source: str
    horizon: int
    id_column: str | None = None
    time_column: str | None = None
    target_column: str | None = None
    freq: str | None = None
    snap: bool = False
    covariates: str | None = None
    future: str | None = None
    static: str | None = None
    test_steps: int | None = None
    validation_steps: int | None = None
    zone: str | None = None
    holidays: str | None = None

    def read(self, errors: Console) -> tuple[SeriesTable, Panel]:
        """The table and its panel; what is odd about the data goes to `errors`. DataError if it is wrong."""
        from datasets.reader import read_table
        from datasets.split import split, without_short

        options = self.reading()
        table = read_table(options.pop("path"), holidays=self.holidays, **options)
        table = without_short(table, self.horizon, self.test_steps, self.validation_steps)
        for warning in table.warnings:
            errors.print(f"[yellow]![/] {escape(warning)}", highlight=False)
        parts = split(table, self.horizon, self.test_steps, self.validation_steps)
        return table, panel_of(table, parts)

    def reading(self) -> dict[str, Any]:
        """The file and how it is read, as a run keeps it to find its data again; its holidays it has by itself."""
        return {
            "path": str(source_of(self.source).resolve()),
            "id_column": self.id_column,
            "time_column": self.time_column,
            "target_column": self.target_column,
            "covariates": names_in(self.covariates),
            "future": names_in(self.future) or [],
            "static": names_in(self.static) or [],
            "frequency": self.freq,
            "snap": self.snap,
            **({} if self.zone is None else {"zone": self.zone}),
        }

    def typed(self) -> list[str]:
        """These options once more, for a command that goes on from here."""
        named = {
            "--id": self.id_column,
            "--time": self.time_column,
            "--target": self.target_column,
            "--freq": self.freq,
            "--zone": self.zone,
            "--holidays": self.holidays,
            "--covariates": self.covariates,
            "--future": self.future,
            "--static": self.static,
            "--test-steps": self.test_steps,
            "--validation-steps": self.validation_steps,
        }
        options = [part for name, value in named.items() if value is not None for part in (name, str(value))]
        return [self.source, "--horizon", str(self.horizon), *options, *(["--snap"] if self.snap else [])]


def panel_of(table: SeriesTable, parts: Split) -> Panel:
    """The series with their times, marked where training and validation end."""
    from models.evaluation.panel import Panel

    return Panel.of(table, parts)


def describe(table: SeriesTable, panel: Panel) -> DataSummary:
    """What stands about a panel in a run's folder."""
    from models.training.run import summarise

    names = (table.time_zone, table.target, table.covariates, table.future, table.static)
    return summarise(panel, table.source, table.frequency, *names)


def span(panel: Panel) -> float:
    """The longest time from the first to the last reading of a series' training part, in seconds or counts."""
    return panel.span


def announce(console: Console, data: DataSummary) -> None:
    """One line that says what was read."""
    series = f"{data.series:,} series" if data.series > 1 else "1 series"
    console.print(
        f"[bold]{escape(data.source)}[/]: {series}, {data.readings:,} steps of {data.frequency}, "
        f"{data.first} to {data.last}; held out: the last {data.test_steps:,}",
        highlight=False,
        soft_wrap=True,
    )


def source_of(data: str) -> Path:
    """The file that is meant: a path, or the name of bundled data."""
    from datasets.bundled import bundled

    if Path(data).exists() or Path(data).suffix:
        return Path(data)
    try:
        return bundled(data)
    except ValueError:
        return Path(data)  # the reader says that there is no such file
