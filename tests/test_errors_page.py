"""docs/errors.md: every code that the service can answer with, each once, with its status, and none besides."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import service
from service.errors import GatecastError

PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]
BEFORE = ("settings", "keys", "bundle", "runtime_unavailable")  # errors of the start, which no client meets


def statuses() -> dict[str, int]:
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: dict[str, int] = {}
    waiting: list[type[GatecastError]] = [GatecastError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__.startswith("service."):
            found[kind.code] = kind.status
        waiting += kind.__subclasses__()
    return found


def told() -> list[tuple[str, set[int]]]:
    cells = [row.split("|")[1:3] for row in ROWS]
    return [
        (code, set(map(int, re.findall(r"\d+", text))))
        for codes, text in cells
        for code in re.findall(r"`(\w+)`", codes)
    ]


def test_every_code_is_told_once_with_its_status() -> None:
    known = statuses()
    names = [code for code, _ in told()]
    assert sorted([*names, *BEFORE]) == sorted(known)
    for code, possible in told():
        assert known[code] in possible, code


def test_no_status_is_told_that_none_of_the_codes_beside_it_has() -> None:
    known = statuses()
    for row in ROWS:
        codes, text = row.split("|")[1:3]
        assert set(map(int, re.findall(r"\d+", text))) == {known[code] for code in re.findall(r"`(\w+)`", codes)}
