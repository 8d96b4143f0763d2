"""Alerts reach whoever is to be told: tried again while they cannot be taken, signed, and never in anybody's way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
from collections import Counter
from collections.abc import Iterator

import pytest

from service import webhooks
from service.alerts import Alert
from service.logs import open_log
from service.webhooks import Outbox, Webhooks, post
from tests.service.receiving import Receiver


@pytest.fixture
def receivers() -> Iterator:
    open_ones: list[Receiver] = []

    def make(*statuses: int) -> Receiver:
        open_ones.append(Receiver(*statuses))
        return open_ones[-1]

    yield make
    for each in open_ones:
        each.stop()


class Pauses:
    """Instead of waiting: how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


def alert(step: int) -> Alert:
    return Alert("anomaly", "a", step, 0, 0.001, "digest")


def outbox(*addresses: str, key: bytes | None = None, pause: Pauses | None = None):
    counts: Counter[str] = Counter()
    log = io.StringIO()

    def count(outcome: str, alerts: int) -> None:
        counts[outcome] += alerts

    hooks = Webhooks(
        addresses,
        key,
        lambda each: {"step": each.step},
        count,
        open_log("debug", "json", log),
        post,
        pause or Pauses(),
        lambda: 1_700_000_000.0,
    )
    return Outbox(hooks), counts, log


def steps_of(body: bytes) -> list[int]:
    return [each["step"] for each in json.loads(body)["alerts"]]


async def test_what_cannot_be_taken_at_first_is_sent_again_after_growing_pauses(receivers) -> None:
    receiver, pause = receivers(503, 500, 429), Pauses()
    box, counts, _ = outbox(receiver.address, pause=pause)
    box.start()
    box.tell(alert(7))
    await asyncio.sleep(0)
    await box.close(10)
    assert [steps_of(body) for _, _, body in receiver.got] == [[7]] * 4
    assert {path for path, _, _ in receiver.got} == {"/hook?to=me"}
    assert len({headers["gatecast-delivery"] for _, headers, _ in receiver.got}) == 1  # so it is known to be the same
    assert (pause.seconds, counts) == ([1.0, 2.0, 4.0], {"sent": 1})


async def test_one_that_nobody_takes_is_given_up_and_the_next_is_tried(receivers) -> None:
    receiver = receivers(*[500] * webhooks.ATTEMPTS)
    box, counts, log = outbox(receiver.address)
    box.start()
    for step in (1, 2):
        box.tell(alert(step))
        while len(receiver.got) < (webhooks.ATTEMPTS if step == 1 else webhooks.ATTEMPTS + 1):
            await asyncio.sleep(0.01)
    await box.close(10)
    assert counts == {"failed": 1, "sent": 1}
    assert "status 500" in log.getvalue()
    assert "to=me" not in log.getvalue()  # an address may hold a secret


async def test_a_redirect_is_not_followed_and_a_refusal_is_final(receivers) -> None:
    for status in (302, 307, 400, 404):
        receiver = receivers(status)
        box, counts, _ = outbox(receiver.address)
        box.start()
        box.tell(alert(1))
        await asyncio.sleep(0)
        await box.close(10)
        assert ([path for path, _, _ in receiver.got], counts) == (["/hook?to=me"], {"failed": 1})


async def test_an_address_that_is_away_does_not_hold_up_another(receivers) -> None:
    gone = receivers()
    gone.stop()
    there = receivers()
    box, counts, _ = outbox(gone.address, there.address)
    box.start()
    for step in range(3):
        box.tell(alert(step))
    await asyncio.sleep(0)
    await box.close(10)
    assert [step for _, _, body in there.got for step in steps_of(body)] == [0, 1, 2]
    assert counts == {"sent": 3, "failed": 3}


async def test_more_than_may_wait_are_dropped_the_oldest_first(receivers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST", 5)
    monkeypatch.setattr(webhooks, "TOGETHER", 2)
    receiver = receivers()
    box, counts, _ = outbox(receiver.address)
    box.start()
    for step in range(9):  # all before the loop has its turn
        box.tell(alert(step))
    await asyncio.sleep(0)
    await box.close(10)
    assert [steps_of(body) for _, _, body in receiver.got] == [[4, 5], [6, 7], [8]]
    assert counts == {"dropped": 4, "sent": 5}
    box.tell(alert(10))  # nobody is there any more
    await asyncio.sleep(0)
    assert len(receiver.got) == 3


async def test_a_message_is_signed_where_there_is_a_key(receivers) -> None:
    receiver = receivers()
    for key in (b"secret", None):
        box, _, _ = outbox(receiver.address, key=key)
        box.start()
        box.tell(alert(1))
        await asyncio.sleep(0)
        await box.close(10)
    (_, signed, body), (_, plain, _) = receiver.got
    expected = hmac.new(b"secret", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert (signed["gatecast-signature"], signed["gatecast-timestamp"]) == (f"sha256={expected}", "1700000000")
    assert "gatecast-signature" not in plain
