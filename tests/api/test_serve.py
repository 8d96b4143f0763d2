"""`gatecast serve` as people and orchestrators use it: a process, its words, its signals, its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from commands.main import app
from service.app import Service, open_service
from service.bundle import digest_of, files_of, write_manifest
from service.errors import JournalError
from service.logs import silent_log
from service.runtimes.fake import fake_bundle
from service.settings import Settings

ROOT = Path(__file__).parents[2]
START = "2015-01-10T00:00:00"
Start = Callable[..., "subprocess.Popen[str]"]


def written(folder: Path, **changes: Any) -> Path:
    """A bundle that the fake runtime can serve: a sound manifest, and files that only have their digests."""
    folder.mkdir()
    for name in files_of(streams=True):
        (folder / name).write_bytes(name.encode())
    manifest = fake_bundle(**changes).manifest.model_copy(
        update={"files": {name: digest_of(folder / name) for name in files_of(streams=True)}}
    )
    write_manifest(folder, manifest.model_dump_json())
    return folder


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return written(tmp_path / "fake.bundle")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `gatecast` with these arguments in a folder of its own, and kills what still runs at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GATECAST_")}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "commands.main", *arguments],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def until_ready(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The address, and all that was printed up to the curl line."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith("curl"):
            break
    found = re.search(r"http://([\d.]+:\d+)/docs", printed)
    assert found, printed + (process.stderr.read() if process.stderr else "")
    return found[1], printed


def until_closed(stream: ClientConnection) -> Iterator[dict[str, Any]]:
    """The answers that still come."""
    while True:
        try:
            yield json.loads(stream.recv(timeout=10))
        except ConnectionClosed:
            return


def test_serving_tells_where_to_look_and_a_line_that_can_be_pasted(start, bundle_folder) -> None:
    process = start("serve", str(bundle_folder), "--runtime", "fake", "--port", "0", "--journal", "memory")
    address, printed = until_ready(process)
    assert "/docs" in printed
    assert "/v1/stream" in printed
    (line,) = [line for line in printed.splitlines() if line.startswith("curl")]
    body = line.split("-d ", 1)[1].strip("'")
    answer = httpx.post(f"http://{address}/v1/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200


def test_a_term_signal_answers_what_was_taken_closes_streams_and_exits_with_0(start, bundle_folder) -> None:
    process = start("serve", str(bundle_folder), "--runtime", "fake", "--port", "0", "--log-format", "json")
    address, _ = until_ready(process)
    httpx.put(f"http://{address}/v1/sessions/taxi-17", json={"start": START})
    with connect(f"ws://{address}/v1/stream") as stream:
        for step in range(3):
            stream.send(json.dumps({"session": "taxi-17", "step": step, "y": 424242}))
        first = json.loads(stream.recv(timeout=10))
        process.send_signal(signal.SIGTERM)
        answers = [first, *until_closed(stream)]
        assert stream.close_code == 1012
    assert [answer["step"] for answer in answers] == list(range(len(answers)))
    assert all(answer["durable"] == "disk" for answer in answers)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert "draining" in events
    assert events[-1] == "ended"
    assert "taxi-17" not in log
    assert "424242" not in log


def test_sessions_are_there_after_an_end_and_after_a_kill(start, bundle_folder) -> None:
    arguments = ("serve", str(bundle_folder), "--runtime", "fake", "--port", "0")
    for step, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)):
        process = start(*arguments)
        address, _ = until_ready(process)
        with httpx.Client(base_url=f"http://{address}", timeout=30) as http:
            if step == 0:
                http.put("/v1/sessions/s", json={"start": START})
            answer = http.post("/v1/sessions/s/observations", json={"step": step, "y": step}).json()
        assert answer["step"] == step
        process.send_signal(end)
        process.communicate(timeout=20)


@pytest.mark.parametrize("chosen", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_service_ends_at_once(start, bundle_folder, chosen: signal.Signals) -> None:
    process = start("serve", str(bundle_folder), "--runtime", "fake", "--port", "0", "--journal", "memory")
    until_ready(process)
    process.send_signal(chosen)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_second_signal_ends_what_a_client_that_does_not_read_would_hold_up(start, bundle_folder) -> None:
    arguments = ("serve", str(bundle_folder), "--runtime", "fake", "--port", "0", "--journal", "memory")
    process = start(*arguments, "--log-format", "json", GATECAST_DRAIN_SECONDS="60")
    address, _ = until_ready(process)
    httpx.put(f"http://{address}/v1/sessions/s", json={"start": START})
    sent: list[int] = []
    with connect(f"ws://{address}/v1/stream", close_timeout=1, max_queue=1) as stream:

        def flood() -> None:
            with suppress(ConnectionClosed):
                for first in range(0, 4000 * 1000, 4000):
                    readings = [{"session": "s", "step": first + step, "y": 1} for step in range(4000)]
                    stream.send(json.dumps(readings))
                    sent.append(first)

        sender = threading.Thread(target=flood)
        sender.start()
        before = -1
        while before < len(sent):  # until the answers fill all that lies between, and the service has stopped reading
            before = len(sent)
            sender.join(1)
        assert sender.is_alive()
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any('"draining"' in line for line in process.stderr)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 1
        sender.join(10)


def test_a_bundle_that_is_none_is_said_plainly(start, tmp_path: Path) -> None:
    process = start("serve", str(tmp_path / "nothing"))
    printed, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "is not a bundle" in said
    assert "Traceback" not in said + printed


def test_a_changed_bundle_is_said_plainly(start, bundle_folder) -> None:
    (bundle_folder / files_of(streams=True)[0]).write_bytes(b"changed")
    process = start("serve", str(bundle_folder), "--runtime", "fake")
    printed, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert files_of(streams=True)[0] in said
    assert "Traceback" not in said + printed


def test_a_port_in_use_is_said_plainly(start, bundle_folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("serve", str(bundle_folder), "--runtime", "fake", "--port", str(port))
        printed, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"port {port}" in said
    assert "already in use" in said
    assert "Traceback" not in said + printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runtime", "telepathy"], "there is no runtime"),
        (["--runtime", "fake", "--journal", "stone:tablet"], "there is no journal"),
        (["--runtime", "onnx"], "onnx cannot run"),
        (["--durable", "maybe"], "--durable"),
        (["--host", "no.such.host.invalid"], "--host"),
    ],
)
def test_options_that_cannot_be_used_are_said_plainly(start, bundle_folder, arguments, said) -> None:
    process = start("serve", str(bundle_folder), "--port", "0", *arguments)
    printed, error = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said in error
    assert "Traceback" not in error + printed


@pytest.mark.parametrize("arguments", [["--port", "99999"], ["--threads", "0"], ["--port", "99999", "--threads", "0"]])
def test_a_number_out_of_bounds_is_said_in_one_line(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["serve", "some.bundle", *arguments])
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert all(option in line for option in arguments if option.startswith("--"))
    assert all(f"got {value}" in line for value in arguments if value.isdigit())


def test_a_journal_that_another_service_holds_is_said_plainly(start, bundle_folder) -> None:
    first = start("serve", str(bundle_folder), "--runtime", "fake", "--port", "0")
    until_ready(first)
    second = start("serve", str(bundle_folder), "--runtime", "fake", "--port", "0")
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert str(first.pid) in said


async def test_a_journal_is_not_replayed_into_the_columns_of_another_model(tmp_path: Path) -> None:
    def service(name: str, *covariates: str, time_zone: str | None = None) -> Service:
        bundle = written(tmp_path / name, covariates=covariates, time_zone=time_zone)
        journal = f"sqlite:{tmp_path / 'journal.sqlite'}"
        settings = Settings(bundle=bundle, runtime="fake", journal=journal, durable="process")  # type: ignore[call-arg]
        return open_service(settings, silent_log())

    await service("first", "price", "rain").drain()
    for name, *covariates in (("turned", "rain", "price"), ("others", "price", "wind")):
        with pytest.raises(JournalError, match=r'the covariates \["price", "rain"\], this model has'):
            service(name, *covariates)
    with pytest.raises(JournalError, match="the time zone none, this model has the time zone Europe/Berlin"):
        service("zoned", "price", "rain", time_zone="Europe/Berlin")
    await service("again", "price", "rain").drain()


def test_every_option_is_also_a_variable(start, bundle_folder) -> None:
    process = start(
        "serve",
        GATECAST_BUNDLE=str(bundle_folder),
        GATECAST_RUNTIME="fake",
        GATECAST_PORT="0",
        GATECAST_JOURNAL="memory",
        GATECAST_SERIES_PER_REQUEST="7",
    )
    address, _ = until_ready(process)
    model = httpx.get(f"http://{address}/v1/model").json()
    assert (model["durable"], model["limits"]["series_per_request"]) == ("none", 7)


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"]])
def test_help_and_serve_import_neither_torch_nor_polars(start, arguments: list[str]) -> None:
    process = start(*arguments, PYTHONPROFILEIMPORTTIME="1")
    printed, imports = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "serve" in printed.lower()
    assert not re.search(r"\| +(torch|polars|matplotlib)$", imports, re.MULTILINE)


def test_a_serving_process_imports_neither_torch_nor_polars() -> None:
    code = (
        "import sys, service.app, service.api.server, service.runtimes.onnx, service.journal.sqlite, commands.serve\n"
        "found = {'torch', 'polars', 'matplotlib', 'models', 'export'} & set(sys.modules)\n"
        "sys.exit(f'imported: {found}' if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
