"""`gatecast serve --grpc-port`: a real process, its port, and its end."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import numpy as np
import tritonclient.grpc as over_grpc

from tests.api.test_serve import Start, bundle_folder, start, until_ready
from tests.oip.ways import inputs_of
from tests.served import free_ports

__all__ = ["bundle_folder", "start"]  # fixtures


def arguments(folder: Path, *further: str) -> tuple[str, ...]:
    return ("serve", str(folder), "--runtime", "fake", "--port", "0", "--log-format", "json", *further)


def infer(port: int, step: int) -> list[list[int]]:
    reading = inputs_of(over_grpc, {"y": np.array([[float(step)]])})
    begin = {"sequence_start": True, "parameters": {"ds": "2015-01-10T00:00:00"}} if step == 0 else {}
    with over_grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
        found: list[list[int]] = client.infer("fake", reading, sequence_id=7, **begin).as_numpy("step").tolist()
        return found


def test_a_port_of_grpc_is_told_served_and_drained(bundle_folder: Path, start: Start) -> None:
    port = free_ports(1)
    process = start(*arguments(bundle_folder, "--grpc-port", str(port)))
    _, printed = until_ready(process)
    assert f"gRPC on port {port}" in printed
    assert infer(port, 0) == [[0]]
    with over_grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
        client.start_stream(lambda **_: None)  # a stream on which nothing comes holds up no end
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert json.loads(said.splitlines()[-1])["clean"] is True
    again = start(*arguments(bundle_folder, "--grpc-port", str(port)))
    until_ready(again)
    assert infer(port, 1) == [[1]]  # from the journal


def test_without_the_setting_there_is_no_port(bundle_folder: Path, start: Start) -> None:
    _, printed = until_ready(start(*arguments(bundle_folder)))
    assert "gRPC" not in printed


def test_a_port_that_another_has_is_told_before_anything_is_opened(bundle_folder: Path, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(*arguments(bundle_folder, "--grpc-port", str(port)))
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in said
    assert "choose another --grpc-port" in said


def test_each_worker_has_a_port_of_its_own(bundle_folder: Path, start: Start) -> None:
    first = free_ports(2)
    process = start(*arguments(bundle_folder, "--grpc-port", str(first), "--workers", "2"))
    assert process.stdout is not None
    assert any(line.startswith("GatecastClient(") for line in process.stdout)
    for port in (first, first + 1):
        with over_grpc.InferenceServerClient(f"127.0.0.1:{port}") as client:
            assert client.is_server_ready()
