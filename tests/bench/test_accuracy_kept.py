"""Results outlive a run that is cut off, and the report leaves nobody out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.accuracy import race
from bench.accuracy.__main__ import SECTION
from bench.accuracy.coverage import Coverage
from bench.accuracy.kept import FILE, OURS, Kept, Result, digest_of
from bench.accuracy.measures import COVERS_80, MASE
from bench.accuracy.registry import SETS
from bench.accuracy.report import middle, section
from bench.section import RESULTS, entered
from tests.bench.small_protocol import small_protocol

MANY = tuple(np.linspace(0.7, 0.9, 20).tolist())
BAND = Coverage(0.8, 0.81, 0.5, 0.75, 0.2, 0.4, 0.7, 0.8, 0.9, MANY)


def result(seed: int = 0, error: float | None = 0.7, **chosen: object) -> Result:
    given = Result(
        "small", OURS, seed, "d", {MASE: error}, {COVERS_80: BAND}, 12.0, 3.0, 2, f"a machine, commit {seed % 2}", 2.1
    )  # fmt: skip
    return replace(given, **chosen)  # type: ignore[arg-type]


def cells(lines: list[str], title: str) -> list[str]:
    line = next(line for line in lines if line.startswith(f"| {title} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_what_is_kept_is_found_by_another_process(tmp_path: Path) -> None:
    Kept(tmp_path / "new").add(result(1))
    assert Kept(tmp_path / "new").find("small", OURS, 1, "d") == result(1)
    assert Kept(tmp_path / "new").find("small", OURS, 1, "another") is None
    assert Kept(None).find("small", OURS, 1, "d") is None


def test_a_line_that_was_cut_short_is_as_if_it_had_not_been_written(tmp_path: Path) -> None:
    Kept(tmp_path).add(result(0))
    whole = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(whole + result(1).line()[:40])
    kept = Kept(tmp_path)
    assert kept.find("small", OURS, 0, "d") is not None
    assert kept.find("small", OURS, 1, "d") is None


def test_a_failure_gives_way_to_a_result_and_never_takes_its_place(tmp_path: Path) -> None:
    for each in (result(failed="no"), result(), result(failed="again")):
        Kept(tmp_path).add(each)
    found = Kept(tmp_path).find("small", OURS, 0, "d")
    assert found is not None
    assert found.failed is None


def test_another_reading_window_or_setting_is_another_kind_of_result() -> None:
    protocol = small_protocol()
    changed = small_protocol()
    changed.panel.series[1].values[7] += 1
    digests = {
        digest_of(protocol, {"rate": 1}),
        digest_of(protocol, {"rate": 2}),
        digest_of(changed, {"rate": 1}),
        digest_of(small_protocol(origins=tuple(at[1:] for at in protocol.origins)), {"rate": 1}),
    }
    assert len(digests) == 4
    assert digest_of(small_protocol(), {"rate": 1}) in digests


def test_the_median_of_the_seeds_stands_below_them() -> None:
    lines = section(
        small_protocol(), [result(seed, error) for seed, error in enumerate((0.7, 0.9, 0.75))], [], {MASE: 1.0}
    )
    assert cells(lines, "**Gatecast**, seed 1")[1] == "0.900"
    assert cells(lines, "**Gatecast**, median of 3 seeds")[1] == "0.750"
    assert cells(lines, "goal")[1] == "≤ .4"
    assert cells(lines, "Somebody")[1] == ".500"
    assert lines[:2] == ["a machine, commit 0", "a machine, commit 1"]


def test_work_beside_is_spoken_of() -> None:
    assert not [line for line in section(small_protocol(), [result()], [], {}) if "provisional" in line]
    lines = section(small_protocol(), [result(), result(load=6.0)], [], {})
    assert "Times are provisional: taken beside other work (load up to 4.0 beside ours)." in lines


def test_seconds_on_the_clock_stand_beside_those_of_the_processor() -> None:
    lines = section(small_protocol(), [result(processor=9.0)], [], {})
    assert cells(lines, "**Gatecast**, seed 0")[-1] == "12 s (9 s of processor) + 3 s, 2 threads"


def test_a_median_is_of_the_seeds_that_have_a_figure() -> None:
    assert middle([{MASE: None}, {MASE: 2.0}]) == {MASE: 2.0}
    assert middle([{MASE: None}]) == {MASE: None}


def test_who_failed_and_who_was_not_asked_are_told_by_name() -> None:
    failed = ("DeepAR (gluonts 1)", result(failed="it ran out of memory"))
    lines = section(small_protocol(), [result()], [failed], {}, None, ["AutoETS (statsforecast 2)"])
    assert cells(lines, "DeepAR (gluonts 1), here")[1] == "could not be measured: it ran out of memory"
    assert "Not asked here: AutoETS (statsforecast 2)." in lines


def test_peers_on_fewer_windows_stand_beside_ours_on_the_same() -> None:
    peers = [("Peer", result(error=0.8, told="on a short history"))]
    lines = section(small_protocol(every=5), [result(thinned={MASE: 0.65})], peers, {MASE: 1.0}, {MASE: 1.1})
    split = next(at for at, line in enumerate(lines) if line.startswith("Other libraries, on every 5th origin"))
    first, second = lines[:split], lines[split:]
    assert not any(line.startswith("| Peer") for line in first)
    assert cells(second, "**Gatecast**, median of 1 seeds")[1] == "0.650"
    assert cells(second, "Peer, here")[1] == "0.800"
    assert cells(second, "seasonal naive (4), here")[1] == "1.100"
    assert any("Peer: on a short history" in line for line in second)


def test_tables_have_as_many_cells_in_every_row() -> None:
    failed = ("Peer", result(failed="no"))
    lines = section(small_protocol(every=2), [result(thinned={MASE: 1.0})], [failed], {}, {})
    widths, width = [], 0
    for line in lines:
        width = 0 if not line.startswith("|") else width or line.count("|")
        if line.startswith("|"):
            widths.append(line.count("|") == width)
    assert all(widths)
    assert len(widths) > 10


def test_bands_are_shown_with_what_chance_would_do() -> None:
    lines = section(small_protocol(), [result()], [], {})
    (line,) = [line for line in lines if "50% (20%)" in line]
    assert "75% (40%)" in line
    assert "| 70.0 / 80.0 / 90.0 % |" in line


def test_few_series_are_told_of_one_by_one() -> None:
    lines = section(small_protocol(), [result(coverage={COVERS_80: replace(BAND, shares=(0.71, 0.8))})], [], {})
    assert any("| 71.0 / 80.0 % |" in line for line in lines)


@pytest.mark.parametrize("command", [*(f"{SECTION} {name}" for name in SETS), race.SECTION])
def test_every_set_has_a_place_in_the_results(command: str) -> None:
    assert entered(RESULTS.read_text(encoding="utf-8"), command, ["new"]).count("\nnew\n") == 1
