"""Bundles of every format ever written are still read, and still answer as their models did."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.verify import Verification
from service.bundle import FORMAT_VERSION, Bundle
from service.runtimes import open_runtime

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_there_is_a_fixture_of_every_format() -> None:
    assert sorted(path.name for path in FIXTURES.glob("format-*.bundle")) == [
        f"format-{number}.bundle" for number in range(1, FORMAT_VERSION + 1)
    ]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("format-*.bundle")), ids=lambda path: path.stem)
@pytest.mark.parametrize("runtime", ["onnx", "torchscript"])
def test_a_bundle_of_a_past_format_passes_its_own_golden_answers(path: Path, runtime: str) -> None:
    checks = list(Verification(bundle := Bundle.open(path)).run(open_runtime(runtime, bundle)))
    assert checks
    assert [check for check in checks if not check.passed] == []
