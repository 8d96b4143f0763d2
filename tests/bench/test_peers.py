"""The tables of peers say what was found, what was not and why; environments are exactly what is pinned."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bench.peers import table
from bench.peers.environment import FOLDER, Environment, InstallError
from bench.peers.process import Launch, Running, descendants
from bench.peers.questions import Found, _refusal, _short
from bench.peers.registry import LIBRARIES, OURS, SERVERS
from bench.peers.singles import Single, read
from bench.section import begin_of, entered

OURS_JSON = Found(table.BASE, "websocket, JSON", "json", 0.0005, 0.001, 8_000, 0.004, 0.1, 50_000, "everything")
SLOWER = Found("Other", "HTTP, JSON", "json", 0.001, 0.002, 2_000, 0.016, 0.1, 5_000, "nothing")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_peer_stands_beside_us_by_how_many_times_we_are_better() -> None:
    ours, other = table.servers([OURS_JSON, SLOWER])[2:]
    assert cells(ours)[2:4] == ["0.50 / 1.00 ms", "8,000"]
    assert cells(other)[2:] == [
        "1.00 / 2.00 ms (2.0 x)", "2,000 (4.0 x)", "16.0 ms", "5,000 (10 x)", "nothing", "10%",
    ]  # fmt: skip


def test_where_a_peer_is_better_it_says_so() -> None:
    faster = Found("Other", "…", "json", 0.00025, 0.0005, 16_000, 0.002, 0.1, 100_000, "nothing")
    assert [re.findall(r"\((.*) x\)", cell) for cell in cells(table.servers([OURS_JSON, faster])[3])[2:6]] == [
        ["0.5"], ["0.5"], [], ["0.5"],
    ]  # fmt: skip


def test_a_row_in_another_form_is_held_against_ours_in_that_form_or_against_none() -> None:
    binary = Found("Other", "gRPC", "msgpack", 0.001, 0.002, 2_000, 0.016, 0.1, 5_000, "nothing")
    assert "x)" not in table.servers([OURS_JSON, binary])[3]


def test_what_could_not_be_measured_is_a_row_with_its_reason() -> None:
    lines = table.servers([OURS_JSON, Found("Other", "…", "json", failed="not installed: no such version")])
    assert cells(lines[3])[:3] == ["Other", "…", "could not be measured: not installed: no such version"]
    assert {len(cells(line)) for line in lines} == {8}
    assert "no such version" in table.singles([Single("Lib", "–", failed="no such version")])[2]


def test_single_forecasts_are_held_against_the_first() -> None:
    step = Single("Ours", "step", 0.000004, 0.000005)
    lines = table.singles([Single("Ours", "whole", 0.001, 0.002), step, Single("Lib", "GRU", 0.0203, 0.03)])
    assert cells(lines[3]) == ["Ours", "step", "0.004 / 0.005 ms", "0.004 x"]
    assert cells(lines[4]) == ["Lib", "GRU", "20.3 / 30.0 ms", "20 x"]


def test_reports_are_found_among_what_a_library_prints() -> None:
    said = "Seed set to 1\n" + json.dumps({"what": "GRU", "shape": [24, 3], "seconds": [0.03, 0.01, 0.02]}) + "\n"
    assert read("Lib", said) == [Single("Lib", "GRU", 0.02, 0.03)]
    assert read("Lib", "nothing of use") == []


def test_reasons_take_one_line_of_a_table() -> None:
    traceback = RuntimeError("the generator failed:\nTraceback (most recent call last):\n  File\nValueError: a | b")
    assert _short(traceback) == "ValueError: a / b"
    assert _short(RuntimeError("it said:\nfirst\nlast")) == "it said: first last"
    assert _refusal('got: b\'HTTP/1.1 400\\r\\n{"error":"START flag"}\'') == "START flag"


@pytest.mark.parametrize("name", sorted({each.name for each in (*SERVERS, *LIBRARIES)}))
def test_every_version_of_a_peer_is_pinned(name: str) -> None:
    lines = Environment(name).requirements.read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9_.\-]+==[0-9][A-Za-z0-9.]*", line)]
    assert not wrong


def test_peers_are_told_apart_and_named_with_their_versions() -> None:
    names = [each.name for each in (*OURS, *SERVERS, *LIBRARIES)]
    assert len(set(names)) == len(names)
    for peer in SERVERS:
        assert re.search(r"\d+\.\d+", peer.title), peer.name
        prefixes = {peer.prefix(speech, "one") for speech in peer.speeches}
        assert len(prefixes) == len(peer.speeches)
    with pytest.raises(ValueError, match="was expected to pin torchvision"):
        Environment("ray").version("torchvision")


def test_an_environment_is_made_anew_when_another_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    environment = Environment("fastapi")
    assert not environment.installed
    environment.folder.mkdir()
    (environment.folder / "installed").write_text(environment.digest, encoding="utf-8")
    assert environment.installed
    assert environment.digest != Environment("litserve").digest
    (environment.folder / "installed").write_text("another", encoding="utf-8")
    assert not environment.installed


def test_an_environment_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    monkeypatch.setenv(FOLDER, str(blocked))
    with pytest.raises(InstallError, match="file"):
        Environment("fastapi").install()


SERVER = """
    import http.server, subprocess, sys
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/ready" else 404)
            self.end_headers()
        def log_message(self, *_):
            pass
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def test_a_peer_is_waited_for_and_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(textwrap.dedent(SERVER), encoding="utf-8")
    before = descendants(os.getpid())
    with Running(Launch([sys.executable, str(script), "{port}"], "/ready")) as server:
        assert len(descendants(os.getpid()) - before) == 2
        server.kill()
        assert descendants(os.getpid()) == before
    with Running(Launch([sys.executable, str(script), "{port}"], "/ready")):
        pass
    assert descendants(os.getpid()) == before


def test_a_peer_that_does_not_start_is_quoted() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such model')"]
    with pytest.raises(RuntimeError, match="no such model"), Running(Launch(command, "/ready")):
        pass


def test_what_a_command_writes_stands_between_its_own_marks() -> None:
    page = f"before\n{begin_of('a')}\nold\n<!-- until here -->\n{begin_of('b')}\nkept\n<!-- until here -->\nafter"
    written = entered(page, "a", ["new", "lines"])
    assert written == page.replace("old", "new\nlines")
    with pytest.raises(ValueError, match="expected to have the marks"):
        entered(page, "c", [])


def test_commands_name_what_they_can_be_asked_for() -> None:
    said = subprocess.run([sys.executable, "-m", "bench.peers", "--help"], capture_output=True, text=True, check=True)
    for peer in SERVERS:
        assert peer.name in said.stdout
