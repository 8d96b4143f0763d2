"""Every question that the dashboard asks has an answer, from a real Prometheus over a service that is streamed to.

Grafana itself is not run here: that it draws what it is given is its own to promise.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import pytest
import yaml
from gatecast_client import GatecastClient, Reading

from service.runtimes.fake import fake_bundle
from tests.client.live import LiveService
from tests.observe.names import names_of
from tests.observe.prometheus import DEPLOY, Prometheus
from tests.observe.test_alerts import rules

DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "gatecast.json").read_text())
SECONDS = 60.0  # within which all is answered; mostly it takes a few
INTERVAL = "2s"  # what Grafana would make of $__rate_interval; scraped every 0.2 s


def questions() -> dict[str, list[str]]:
    """By panel, as Grafana would ask."""
    asked: dict[str, list[str]] = {}
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", INTERVAL).replace("$instance", ".+")
            assert "$" not in expression, expression
            asked.setdefault(f"{panel['id']} {panel['title']}", []).append(expression)
    return asked


@pytest.fixture
async def watched(tmp_path: Path):
    """A Prometheus that scrapes a service."""
    service = LiveService(fake_bundle(), tmp_path / "journal.sqlite")
    await service.start()
    (tmp_path / "prometheus").mkdir()
    prometheus = Prometheus(tmp_path / "prometheus", service.url.removeprefix("http://"))
    try:
        await asyncio.to_thread(prometheus.start)
        yield service, prometheus
    finally:
        prometheus.stop()
        await service.stop()


async def keep_streaming(url: str) -> None:
    """Readings, histories and one that is refused, again and again."""
    async with GatecastClient(url) as client:
        for name in ("a", "b"):
            await client.open_session(name, start="2024-01-01T00:00:00")
        async with client.stream() as stream:
            step = 0
            while True:
                await stream.observe_many([Reading(name, float(step), step) for name in ("a", "b")])
                step += 1
                if step % 20 == 0:
                    await stream.observe_many([Reading("a", 1.0, step + 1000)])  # a gap
                    await client.open_session("c", history=[1.0] * 30, start="2024-01-01T00:00:00", replace=True)
                await asyncio.sleep(0)


async def unanswered(prometheus: Prometheus, asked: dict[str, list[str]]) -> dict[str, list[str]]:
    """What has no answer yet."""

    def lacking() -> dict[str, list[str]]:
        found = {panel: [each for each in some if not prometheus.numbers(each)] for panel, some in asked.items()}
        return {panel: some for panel, some in found.items() if some}

    return await asyncio.to_thread(lacking)


@pytest.mark.timeout(180)
async def test_every_question_of_the_dashboard_is_answered(watched) -> None:
    service, prometheus = watched
    streaming = asyncio.create_task(keep_streaming(service.url))
    try:
        left, end = questions(), time.monotonic() + SECONDS
        assert sum(map(len, left.values())) > 50
        while left and time.monotonic() < end:
            assert not streaming.done(), streaming.result()
            left = await unanswered(prometheus, left)
        assert not left, left
        fired = await asyncio.to_thread(prometheus.ask, "rules")
        known = {rule["name"]: rule["health"] for group in fired["groups"] for rule in group["rules"]}
        assert known == dict.fromkeys((str(rule["alert"]) for rule in rules()), "ok")
        assert await unanswered(prometheus, {"none": ["gatecast_misspelt"]}) == {"none": ["gatecast_misspelt"]}
    finally:
        streaming.cancel()
        await asyncio.wait([streaming])


def test_dashboard_and_provisioning_agree() -> None:
    provisioned = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioned / "datasources" / "prometheus.yml").read_text())["datasources"]
    used = set(re.findall(r'"uid": "([^"]+)"', json.dumps(DASHBOARD["panels"] + DASHBOARD["templating"]["list"])))
    assert used == {source["uid"]}
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    taken = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(taken) == len(set(taken)), "panels lie on each other"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)


def test_no_question_names_a_session_or_asks_for_what_there_is_not() -> None:
    for asked in questions().values():
        for expression in asked:
            assert names_of(expression), expression
            assert "session=" not in expression
