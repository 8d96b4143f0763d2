"""Holds every pinned version of constraints.txt against the known vulnerabilities, by pip-audit; `make audit`.

Exit status 0: none is known of any of them. 1: of some. 75: not all could be checked, without a network say, and
nothing is said of those: pip-audit itself would exit with 0.
"""

from __future__ import annotations

import json
import subprocess
import sys

FOUND, UNCHECKED = 1, 75  # the latter is sysexits' "try again later"
COMMAND = ("-m", "pip_audit", "-r", "constraints.txt", "--no-deps", "--disable-pip", "--progress-spinner", "off")


def verdict(report: str) -> tuple[int, str]:
    """Exit status and what is told, of pip-audit's report in JSON; what is none is no report."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        packages = []
    if not packages:
        return UNCHECKED, "NOTHING WAS CHECKED: the known vulnerabilities could not be had. Is there a network?"
    faults = [
        f"{each['name']} {each['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none yet'}"
        for each in packages
        for fault in each.get("vulns", [])
    ]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    if skipped:
        checked = len(packages) - len(skipped)
        all_ = "NOTHING WAS CHECKED" if not checked else f"NOT ALL WAS CHECKED, {checked} of {len(packages)}"
        faults.append(f"{all_}: nothing could be had about {', '.join(skipped)}. Is there a network?")
    if len(faults) > bool(skipped):
        return FOUND, "\n".join(faults)
    return (UNCHECKED, faults[0]) if skipped else (0, f"no vulnerability is known of {len(packages)} packages")


def main() -> int:
    run = subprocess.run([sys.executable, *COMMAND, "--format", "json"], capture_output=True, text=True, check=False)
    status, told = verdict(run.stdout)
    print(told)
    if not run.stdout.strip() and run.stderr:  # beside a report it says of what was not checked that it is sound
        print(run.stderr.strip().splitlines()[-1], file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
