"""The alerts that we ship: Prometheus takes them, each fires when it should, and the service has what they ask for."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tests.certificates import self_signed
from tests.observe.names import names_of
from tests.observe.prometheus import DEPLOY, promtool

RULES = DEPLOY / "prometheus" / "alerts.yml"
TESTS = DEPLOY / "prometheus" / "alerts_test.yml"


def rules() -> list[dict[str, object]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    for what, path in (("rules", RULES), ("config", DEPLOY / "prometheus" / "prometheus.yml")):
        done = promtool("check", what, path)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_in_trouble_and_at_nothing_else() -> None:
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    tests = {each["name"]: each["promql_expr_test"] for each in yaml.safe_load(TESTS.read_text())["tests"]}
    assert sorted(tests) == sorted(str(rule["alert"]) for rule in rules())
    for name, (before, later) in tests.items():
        assert all(f'alertname="{name}"' in each["expr"] for each in (before, later))
        assert (before["exp_samples"], [each["value"] for each in later["exp_samples"]]) == ([], [1]), name


def test_an_alert_that_does_not_fire_is_found(tmp_path: Path) -> None:
    """The planted fault: a threshold that is never reached."""
    (tmp_path / "alerts.yml").write_text(RULES.read_text().replace("gatecast_ready == 0", "gatecast_ready == 7"))
    (tmp_path / "alerts_test.yml").write_text(TESTS.read_text())
    done = promtool("test", "rules", tmp_path / "alerts_test.yml")
    assert done.returncode != 0
    assert "GatecastNotReady" in done.stdout + done.stderr


def test_each_alert_says_whom_it_concerns_and_what_to_do() -> None:
    page = (DEPLOY.parent / "docs" / "operations.md").read_text()
    for rule in rules():
        said = rule["annotations"]
        assert isinstance(said, dict)
        assert "$labels.instance" in said["summary"], rule["alert"]
        assert said["description"]
        assert f"`{rule['alert']}`" in page, rule["alert"]


async def test_a_running_service_has_every_metric_that_an_alert_names(open_inside, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    settings = {"journal": f"sqlite:{tmp_path / 'j'}", "tls_certificate": certificate, "tls_key": key}
    async with open_inside(settings) as running:
        await running.http.get("/v1/model")
        told = (await running.http.get("/metrics")).text
    there = set(re.findall(r"^([a-z_]+)[{ ]", told, re.MULTILINE)) | {"up"}  # which Prometheus makes itself
    for rule in rules():
        named = names_of(str(rule["expr"]))
        assert named, rule
        assert named <= there, f"{rule['alert']}: {sorted(named - there)} is not in /metrics"


async def test_a_code_that_an_alert_counts_is_there_before_its_first_error(open_inside) -> None:
    """A rate is blind to the first event of a series that begins with it."""
    async with open_inside() as running:
        told = (await running.http.get("/metrics")).text
    assert 'gatecast_problems_total{code="overloaded"} 0.0' in told
    assert 'gatecast_refused_total{code="overloaded"} 0.0' in told
    assert 'gatecast_faults_total{kind="JournalError"} 0.0' in told
