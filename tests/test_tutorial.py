"""docs/tutorial.md: every command and snippet runs as it stands, in order, against a service that is really running."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import Served

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(bash|python|serve)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
SERVED_AT = [kind for kind, _ in BLOCKS].index("serve")


def run(arguments: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(400)
def test_the_tutorial_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the port and the budgets of training differ."""
    for kind, body in BLOCKS[:SERVED_AT]:
        assert kind == "bash"
        run(["bash", "-ec", body.replace("--steps 300", "--steps 4")], tmp_path)
    assert (tmp_path / "evaluations" / "meters" / "report.html").stat().st_size > 10_000
    setting, command = BLOCKS[SERVED_AT][1].split(" ", 1)
    assert command == "gatecast serve meters.bundle --port 8000\n"
    name, value = setting.split("=")
    monkeypatch.setenv(name, value)
    served, told = Served(tmp_path / "meters.bundle", "memory"), []
    try:
        served.start()
        for kind, body in BLOCKS[SERVED_AT + 1 :]:
            here = body.replace("127.0.0.1:8000", f"127.0.0.1:{served.port}")
            told.append(run([sys.executable, "-c", here] if kind == "python" else ["bash", "-ec", here], tmp_path))
    finally:
        served.end()
    assert told[0].startswith("2099 ")
    assert '"median"' in told[1]
    assert '"skill"' in told[1]
    assert (tmp_path / "reports" / "load" / "report.html").stat().st_size > 5_000
    assert "gatecast_ready" in told[-1]
