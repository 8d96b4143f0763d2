"""docs/open-inference.md: its example runs as it stands, and what it says of names is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.api.oip.parameters import _OURS
from tests.api.conftest import Behind, behind

PAGE = (Path(__file__).parents[2] / "docs" / "open-inference.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def running() -> Iterator[Behind]:
    with behind({"grpc_port": 0}, name="taxi", frequency="30min", horizon=24) as opened:
        yield opened


@pytest.mark.parametrize("module", ["http", "grpc"])
def test_the_example_runs(running: Behind, module: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert running.service.rpc is not None
    address = {"http": running.address, "grpc": f"127.0.0.1:{running.service.rpc.port}"}[module]
    text = EXAMPLE.replace("127.0.0.1:8000", address).replace("tritonclient.http", f"tritonclient.{module}")
    assert text.count(address) == 1
    scope: dict[str, object] = {}
    exec(compile(text, "docs/open-inference.md", "exec"), scope)
    told = capsys.readouterr().out
    assert told.startswith("[[1]] [[")
    assert told.endswith("(1, 12, 3)\n")
    assert np.asarray(running.http.get("/v1/sessions/meter%207").json()["last_step"]) == 1
    scope["client"].close()  # type: ignore[attr-defined]


def test_every_parameter_is_in_the_table() -> None:
    table = PAGE.partition("| parameter |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) - {"missing", "history"} == _OURS
