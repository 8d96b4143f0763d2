"""The chaos report: what was done, what was found, and where it was taken, as lines of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.chaos.harness.findings import Check, Finding
from tests.chaos.harness.tally import Tally

SHOWN = 20  # findings that are told one by one


def report(command: str, where: str, tallies: Sequence[Tally], caught: Mapping[str, Finding | None]) -> list[str]:
    """`caught`: what the harness found first of each planted fault."""
    lines = [
        "# Chaos",
        "",
        f"`{command}`: a real service, killed with -9 at random moments under the load of many clients",
        "(streams in all forms, requests, callers of the client library), started again, and in the end held",
        "against a run without a break: every acknowledged reading is in the journal once and in order, and every",
        "forecast ever given and every final state is that run's.",
        "",
        where,
        "",
        f"| | {' | '.join(tally.journal for tally in tallies)} |",
        f"| --- |{' ---: |' * len(tallies)}",
    ]
    columns = [_column(tally) for tally in tallies]
    lines += [
        f"| {name} | {' | '.join(column[name] for column in columns)} |" for name in (columns[0] if columns else ())
    ]
    lines += ["", *_found(tallies), "", "## The harness itself", ""]
    lines += ["A service with a fault planted from outside, under the same load:", ""]
    lines += ["| planted | caught by | as it was seen first |", "| --- | --- | --- |"]
    for fault, finding in caught.items():
        lines.append(f"| {fault} | {f'{finding.check} | {finding.seen}' if finding else '**not caught** |'} |")
    return lines


def _column(tally: Tally) -> dict[str, str]:
    compared = tally.compared
    return {
        "kills under load": f"{tally.cycles:,}",
        "of these, with readings in flight": f"{tally.share:.1%}",
        "readings in flight at a kill, at most": f"{max(tally.in_flight, default=0):,}",
        "further kills before the service was ready": f"{tally.at_start:,}",
        "sessions": f"{tally.sessions:,}",
        "readings acknowledged": f"{tally.acknowledged:,}",
        "recorded, and their answer cut off": f"{tally.unheard:,}",
        "**lost**": f"**{tally.lost}**",
        "**doubled**": f"**{tally.doubled}**",
        "calls of the client library, across all kills": f"{tally.calls:,}",
        "of these, failed": f"{tally.failed_calls}",
        "forecasts compared": f"{compared.forecasts:,}",
        "worst deviation of a forecast, of what is allowed": f"{compared.worst_forecast:.2f}",
        "final states compared": f"{compared.states:,}",
        "worst deviation of a state, of what is allowed": f"{compared.worst_state:.2f}",
        "from the start of the process to ready, median": f"{tally.median_restart:.2f} s",
        "worst": f"{max(tally.restarts):.2f} s",
        "time in all": f"{tally.seconds:.0f} s",
    }


def _found(tallies: Sequence[Tally]) -> list[str]:
    findings = [(tally.journal, finding) for tally in tallies for finding in tally.findings.all]
    if not findings:
        allowed = "What is allowed of a deviation is 1e-5 · (deviation of the series or slice + |value|)."
        return ["Nothing was found against any of these:", "", *(f"* {check}" for check in Check), "", allowed]
    told = [f"* {journal}, {finding.session}: **{finding.check}**: {finding.seen}" for journal, finding in findings]
    return [f"**{len(findings)} findings:**", "", *told[:SHOWN]]
