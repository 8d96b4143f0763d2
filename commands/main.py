"""The `gatecast` command: its subcommands, each imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# One line a subcommand: the function of the same name in the module of the same name.
SUBCOMMANDS = {
    "train": "Train a forecaster on a table of series.",
    "evaluate": "Backtest a configuration over several folds in time.",
    "tune": "Search a space of settings and leave the best ready to train.",
    "compare": "Hold architectures against each other: cost, error, and which to take.",
    "gradients": "Show how far back the gradients of each architecture reach.",
    "doctor": "Say what a training run suffers from, and what to try next.",
    "export": "Make a bundle of a trained run: ONNX, TorchScript, golden answers.",
    "verify": "Hold every runtime against a bundle's golden answers.",
    "serve": "Serve a bundle: REST, streams, metrics.",
    "keys": "Make, list and revoke the keys that a service admits.",
    "deploy": "Bring a new version of the model up under live traffic.",
    "rollback": "Let the version before serve again.",
    "journal": "Look into a journal, check, copy, restore, compact or migrate it, export its readings.",
    "gates": "Show what the gates of a bundle do while a series goes by.",
    "loadtest": "Load a service with readings on a schedule, and report how long each waited.",
    "demo": "Stream readings to a service and watch its forecasts.",
}


class Subcommands(TyperGroup):
    """Lists subcommands from the table above and imports the one that is run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the group's)
        return list(SUBCOMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (the group's)
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        summary = SUBCOMMANDS.get(cmd_name)
        return None if summary is None else TyperCommand(cmd_name, help=summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in SUBCOMMANDS and args[0] not in self.commands:
            self.commands[args[0]] = load(args[0])
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """The subcommand itself."""
    found = getattr(import_module(f"commands.{name}"), name)
    if isinstance(found, typer.Typer):  # one with subcommands of its own
        return typer.main.get_command(found)
    single = typer.Typer(rich_markup_mode="rich", add_completion=False)
    single.command(name)(found)
    return typer.main.get_command(single)


app = typer.Typer(
    cls=Subcommands,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="A CSV of time series becomes a live forecast service.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gatecast {version('gatecast')}")
        raise typer.Exit


@app.callback()
def gatecast(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """A CSV of time series becomes a live forecast service."""


def main() -> None:
    """What the console script calls."""
    app()


if __name__ == "__main__":
    main()
