"""`gatecast deploy`: a new version of the model under live traffic, with a bar while its states are rebuilt."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from commands.asking import Refused, Service, services

_LOOK = 0.2  # seconds between two looks at how far it is

Version = Annotated[str, typer.Argument(help="A folder of the service's directory of models.", show_default=False)]
Url = Annotated[str, typer.Option(help="The service's address; of several workers all, with commas.")]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="GATECAST_KEY",
        help="One with the scope admin, where the service asks for keys; better by its variable.",
        show_default=False,
    ),
]
_Shadow = Annotated[bool, typer.Option("--shadow", help="Run beside the current model and answer nobody, for now.")]
_Better = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Promote once so many readings were forecast by both, if its error is not larger.",
        show_default=False,
    ),
]


def deploy(
    version: Version,
    url: Url = "http://127.0.0.1:8000",
    key: Key = None,
    shadow: _Shadow = False,
    promote_if_better: _Better = None,
) -> None:
    """Bring a version up beside the model that serves, and let it take over between two batches.

    No reading waits for it or is lost. The model before keeps up for a while: gatecast rollback takes it back.
    A version that runs in the shadow already takes over from there.
    """
    console, told = Console(), Console(stderr=True, soft_wrap=True)
    try:
        bound = promote_if_better is not None
        begun = [each for each in services(url, key) if _deploy(console, each, version, shadow or bound)]
        if promote_if_better is not None:
            for service in begun:
                _promote(console, service, version, promote_if_better)
    except Refused as refusal:
        told.print(f"[red]✗[/] {escape(str(refusal))}")
        raise typer.Exit(1) from None


def _deploy(console: Console, service: Service, version: str, shadow: bool) -> bool:
    """Returns when it serves, or is ready in the shadow; False where it served already."""
    path = f"/v1/models/{quote(version, safe='')}"
    try:
        service.ask("POST", f"{path}/deploy?shadow={str(shadow).lower()}")
    except Refused as refusal:
        # Of several services some may be done: this command was broken off, or one was started again meanwhile.
        models = service.ask("GET", "/v1/models")
        if refusal.code == "already_served" and models["current"]["version"] == version:
            console.print(f"[green]✓[/] {escape(version)} serves already at {escape(service.url)}")
            return False
        candidate = _candidate(models, version)
        if refusal.code != "deploy_under_way" or candidate is None or shadow > candidate["shadow"]:
            raise
    with Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"), TimeElapsedColumn(),
                  console=console) as bar:  # fmt: skip
        task = bar.add_task(f"loading {escape(version)}", total=None, left="")
        while True:
            models = service.ask("GET", "/v1/models")
            candidate = _candidate(models, version)
            if candidate is None or (candidate["shadow"] and candidate["state"] == "ready"):
                break  # one that is not in the shadow still has to take over, ready or not
            if candidate["state"] == "rebuilding":
                sessions = candidate["sessions"]
                done, left = sessions["rebuilt"], sessions["left"]
                bar.update(
                    task, description="rebuilding states", total=done + left, completed=done, left=f"{left} left"
                )
            time.sleep(_LOOK)
        bar.update(task, description="states rebuilt", total=1, completed=1, left="")
    if candidate is None and models["current"]["version"] != version:
        raise Refused(f"version {version} was given up by someone else", "no_candidate")
    if candidate is not None and not shadow:
        service.ask("POST", f"{path}/promote")
    where = "runs in the shadow" if shadow else "serves; gatecast rollback takes the version before back"
    console.print(f"[green]✓[/] {escape(version)} {where}")
    if shadow:
        said = f"  its errors: {service.url}/v1/models; gatecast deploy {escape(version)} lets it serve"
        console.print(said, highlight=False, soft_wrap=True)
    return True


def _promote(console: Console, service: Service, version: str, readings: int) -> None:
    """Once the errors of so many readings are known."""
    with console.status("comparing …") as status:
        while True:
            candidate = _candidate(service.ask("GET", "/v1/models"), version)
            if candidate is None:
                raise Refused(f"version {version} was given up by someone else", "no_candidate")
            scores = candidate["scores"]
            if scores["readings"] >= readings:
                break
            status.update(f"{scores['readings']} of {readings} readings compared …")
            time.sleep(_LOOK)
    service.ask("POST", f"/v1/models/{quote(version, safe='')}/promote?max_ratio=1&readings={readings}")
    current, new = scores["current"]["quantile_loss"], scores["candidate"]["quantile_loss"]
    console.print(f"[green]✓[/] {escape(version)} serves: quantile loss {new:.4g}, the version before {current:.4g}")


def _candidate(models: dict[str, Any], version: str) -> dict[str, Any] | None:
    """The candidate if it is this version; `Refused` if it has failed."""
    candidate: dict[str, Any] | None = models["candidate"]
    if candidate is None or candidate["version"] != version:
        return None
    if candidate["error"] is not None:
        raise Refused(candidate["error"]["message"], candidate["error"]["code"])
    return candidate
