"""Every command of the README runs as it stands, against a service that is really running."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.conftest import daily_wave
from tests.served import Served

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OWN_TARGETS = ("make ", "docker ")  # commands that run this very test, or need a container engine


def blocks(language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    return [body for name, body in fences if name == language]


def commands() -> list[str]:
    """The shell commands, each with its continued lines, without comments."""
    text = "\n".join(blocks("bash"))
    joined = re.sub(r"\\\n\s*", " ", text)
    found: list[str] = []
    for line in joined.splitlines():
        if found and found[-1].count("'") % 2:
            found[-1] += "\n" + line
        elif line.strip():
            found.append(line.split("    #")[0].strip())
    return found


COMMANDS = commands()
OFFLINE = [command for command in COMMANDS if re.match(r"gatecast (train|export|verify)", command)]
KEYED = [command for command in COMMANDS if "keys" in command]  # made, then served with
ONLINE = [command for command in COMMANDS if command.startswith(("curl", "gatecast demo"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the newcomer's data in it: two hourly meters."""
    place = tmp_path_factory.mktemp("newcomer")
    rows = ["unique_id,ds,y"]
    for meter in ("north", "south"):
        values = daily_wave(900, seed=len(meter))
        hours = np.datetime64("2024-01-01T00:00:00") + np.arange(900).astype("timedelta64[h]")
        rows += [f"{meter},{hour},{value:.3f}" for hour, value in zip(hours, values, strict=True)]
    (place / "meters.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


def run(command: str, folder: Path, port: int | None = None, seconds: float = 170) -> str:
    """Runs a command of the README in `folder`; its output. Only the port and the budget of training differ."""
    if port is not None:
        command = command.replace(":8000", f":{port}")
    if command == "gatecast demo":
        command += f" --url http://127.0.0.1:{port} --limit 40 --readings-per-second 200"
    if command.startswith("gatecast train"):
        command += " --steps 8"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    served = [command for command in COMMANDS if command.startswith("gatecast serve") and command not in KEYED]
    assert len(OFFLINE) == 3
    assert len(served) == 1
    assert len(ONLINE) == 7
    assert len(KEYED) == 2
    assert sorted(OFFLINE + ONLINE + served + KEYED) == sorted(COMMANDS)
    plain = [line for block in blocks("") for line in block.splitlines() if line.strip()]
    assert all(line.startswith(OWN_TARGETS) for line in plain), plain


@pytest.mark.timeout(300)
def test_the_newcomers_own_data_becomes_a_service(folder: Path) -> None:
    for command in OFFLINE:
        run(command, folder)
    served = Served(folder / "meters.bundle", "memory")
    try:
        served.start()
    finally:
        status, output = served.end()
    assert status == 0, output


def test_a_service_for_others_asks_for_the_key_that_was_made(folder: Path) -> None:
    made, serve = KEYED
    key = run(made, folder).splitlines()[-1]
    bundle, *options = serve.removeprefix("gatecast serve ").split()
    options[-1] = str(folder / options[-1])
    served = Served(folder / bundle, "memory", *options)
    try:
        served.start()
        assert httpx.get(f"{served.url}/v1/model").status_code == 401
        assert httpx.get(f"{served.url}/v1/model", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    finally:
        served.end()


@pytest.fixture(scope="module")
def taxi_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What `make run` serves, with a shorter training."""
    place = tmp_path_factory.mktemp("taxi")
    data = ROOT / "datasets" / "bundled" / "nyc_taxi.csv"
    run(f"gatecast train {data} --horizon 48 --out taxi --hidden 8 --layers 1 --batch 4", place)
    run("gatecast export taxi --out taxi.bundle", place)
    served = Served(place / "taxi.bundle", f"sqlite:{place / 'journal.sqlite'}")
    served.start()
    yield served
    served.end()


@pytest.mark.timeout(300)
def test_the_commands_against_a_running_service_answer(taxi_service: Served, folder: Path) -> None:
    for command in ONLINE:
        output = run(command, folder, taxi_service.port)
        if command.startswith("curl"):
            answer = json.loads(output)
            assert "code" not in answer, answer


def test_the_program_from_python_streams_and_goes_on_where_it_stopped(taxi_service: Served, folder: Path) -> None:
    (program,) = blocks("python")
    program = program.replace(":8000", f":{taxi_service.port}")
    (folder / "meter.py").write_text(program, encoding="utf-8")
    steps = [line.split()[0] for line in run("python meter.py", folder).splitlines()]
    assert steps == [str(step) for step in range(6)]
    assert run("python meter.py", folder) == ""  # all are there
    longer = program.replace("9106]", "9106, 8011]")
    (folder / "meter.py").write_text(longer, encoding="utf-8")
    (line,) = run("python meter.py", folder).splitlines()
    assert line.startswith("6 disk ")
    assert len(json.loads(line.removeprefix("6 disk "))) == 2


def test_the_stream_example_is_the_next_reading_of_the_session_above(taxi_service: Served) -> None:
    from websockets.sync.client import connect

    (example,) = blocks("json")
    with connect(taxi_service.stream) as stream:
        stream.send(example.strip())
        answer = json.loads(stream.recv(timeout=30))
    assert answer["step"] == 5, answer
    assert len(answer["forecast"]["median"]) == 48
