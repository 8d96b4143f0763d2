"""The audit of dependencies: what could not be checked is never told as sound."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


SOUND = {"name": "numpy", "version": "1.0", "vulns": []}
KNOWN = {"name": "jinja2", "version": "2.0", "vulns": [{"id": "CVE-1", "fix_versions": ["2.1"]}]}
SKIPPED = {"name": "torch", "skip_reason": "could not be audited"}


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        (report(SOUND, SOUND), 0, "no vulnerability is known of 2 packages"),
        (report(SOUND, KNOWN), 1, "jinja2 2.0: CVE-1, mended in 2.1"),
        (report(KNOWN, SKIPPED), 1, "NOT ALL WAS CHECKED, 1 of 2: nothing could be had about torch"),
        (report(SOUND, SKIPPED), 75, "NOT ALL WAS CHECKED, 1 of 2: nothing could be had about torch"),
        (report(SKIPPED), 75, "NOTHING WAS CHECKED"),
        (report(), 75, "NOTHING WAS CHECKED"),
        ("", 75, "NOTHING WAS CHECKED"),
        ("ConnectionError", 75, "NOTHING WAS CHECKED"),
        ("[]", 75, "NOTHING WAS CHECKED"),
    ],
)
def test_the_verdict_says_what_was_found_and_what_was_not_checked(
    audit: ModuleType, text: str, status: int, told: str
) -> None:
    found, said = audit.verdict(text)
    assert found == status
    assert told in said


def test_what_is_audited_is_pinned_and_so_is_what_audits() -> None:
    for name in ("constraints.txt", ".ci/audit.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    assert any(line.startswith("pip_audit==") or line.startswith("pip-audit==") for line in lines)
