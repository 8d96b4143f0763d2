"""`gatecast serve` with keys and TLS, as a process: refused where it would serve strangers, silent about secrets."""

from __future__ import annotations

import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from service.keys import parts_of
from tests.api.keyring import Keyring, bearer
from tests.api.test_serve import START, bundle_folder, start
from tests.api.test_serve_workers import addresses
from tests.certificates import self_signed

__all__ = ["bundle_folder", "start"]  # fixtures


def arguments(folder: Path, *further: str) -> tuple[str, ...]:
    wanted = ("--runtime", "fake", "--port", "0", "--journal", "memory", "--log-format", "json", *further)
    return ("serve", str(folder), *wanted)


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("curl"):
            return line.split()[2].removesuffix("/v1/predict")
    raise AssertionError(process.stderr.read() if process.stderr else "")


def test_strangers_are_not_served_unless_that_was_said(start, bundle_folder) -> None:
    process = start(*arguments(bundle_folder, "--host", "0.0.0.0"))
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "others can reach this service, and it asks for no key" in said
    assert "--allow-anonymous" in said


@pytest.mark.parametrize(("options", "variables"), [(("--allow-anonymous",), {}), ((), {"ALLOW_ANONYMOUS": "true"})])
def test_strangers_are_served_where_that_was_said(start, bundle_folder, options: Any, variables: Any) -> None:
    environment = {f"GATECAST_{name}": value for name, value in variables.items()}
    url = address(start(*arguments(bundle_folder, "--host", "0.0.0.0", *options), **environment))
    assert httpx.get(f"{url}/v1/model").status_code == 200


def test_keys_that_cannot_be_read_are_said_in_a_line(start, bundle_folder, tmp_path: Path) -> None:
    process = start(*arguments(bundle_folder, "--keys", str(tmp_path / "none.json")))
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "there is no file of keys at" in said
    assert "Traceback" not in said


def test_no_secret_is_ever_printed_and_a_revoked_key_ends_without_a_restart(start, bundle_folder, tmp_path) -> None:
    certificate, tls_key = self_signed(tmp_path)
    ring = Keyring(tmp_path / "keys.json")
    key, other, reader = ring.add("acme"), ring.add("acme"), ring.add("acme", "read")
    options = ("--keys", str(ring.path), "--tls-certificate", str(certificate), "--tls-key", str(tls_key))
    process = start(*arguments(bundle_folder, "--host", "0.0.0.0", "--log-level", "debug", *options))
    url = address(process)
    assert url.startswith("https://127.0.0.1:")
    trust = ssl.create_default_context(cafile=str(certificate))
    stream = f"{url.replace('https', 'wss')}/v1/stream"
    wrong = [f"{key}x", f"gc_00ff00ff_{parts_of(key)[1]}", f"Basic {key}"]
    with httpx.Client(base_url=url, verify=trust, timeout=30) as http:
        assert http.put("/v1/sessions/s", json={"start": START}, headers=bearer(key)).status_code == 201
        for sent in wrong:
            assert http.get("/v1/model", headers={"Authorization": f"Bearer {sent}"}).status_code == 401
            assert http.get("/v1/model", headers={"Authorization": sent}).status_code == 401
        assert http.get(f"/v1/model?key={key}").status_code == 400
        assert http.get(f"/{key}").status_code == 401
        assert http.delete("/v1/sessions/s", headers=bearer(reader)).status_code == 403
        http.put(f"/v1/sessions/{key}", content=b"{", headers={**bearer(key), "content-type": "application/json"})
        offered: Any = ["gatecast", f"gatecast.key.{key}"]
        with connect(stream, ssl=trust, subprotocols=offered) as socket:
            socket.send(json.dumps({"session": "s", "step": 0, "y": 1}))
            assert json.loads(socket.recv(timeout=10))["step"] == 0
            ring.revoke(key)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
        assert http.get("/v1/model", headers=bearer(key)).status_code == 401
        assert http.get("/v1/sessions/s", headers=bearer(other)).json()["last_step"] == 0
    process.terminate()
    printed, logged = process.communicate(timeout=30)
    assert process.returncode == 0
    assert parts_of(key)[0] in logged
    for secret in ring.secrets:
        assert secret not in printed + logged
    assert "acme" not in printed + logged


def test_workers_ask_for_keys_and_speak_tls_too(start, bundle_folder, tmp_path) -> None:
    certificate, tls_key = self_signed(tmp_path)
    ring = Keyring(tmp_path / "keys.json")
    key = ring.add()
    options = ("--keys", str(ring.path), "--tls-certificate", str(certificate), "--tls-key", str(tls_key))
    trust = ssl.create_default_context(cafile=str(certificate))
    process = start(*arguments(bundle_folder, "--workers", "2", *options))
    for url in addresses(process):
        assert url.startswith("https://")
        assert httpx.get(f"{url}/v1/model", verify=trust).status_code == 401
        assert httpx.get(f"{url}/v1/model", verify=trust, headers=bearer(key)).status_code == 200
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0
