"""Every answer has an id under which the log tells of it: the client's own, or a new one."""

from __future__ import annotations

import json
import socket

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.keyring import locked

HEADER = "X-Request-ID"
OWN = "checkout.2026-11_22"


def lines(log: str, **wanted: object) -> list[dict[str, object]]:
    found = [json.loads(line) for line in log.splitlines()]
    return [line for line in found if all(line.get(name) == value for name, value in wanted.items())]


def test_a_clients_own_id_comes_back_and_is_in_the_log(live) -> None:
    answer = live.http.get("/v1/model", headers={HEADER: OWN})
    assert answer.headers.get_list(HEADER) == [OWN]
    (line,) = lines(live.log.getvalue(), request=OWN)
    assert (line["event"], line["route"], line["status"]) == ("request", "/v1/model", 200)


def test_two_requests_without_one_have_different_ids(live) -> None:
    ids = {live.http.get("/live").headers[HEADER] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize("wrong", ["", "two words", "x" * 65, 'a"b', "naïve", "a\tb"])
def test_what_is_no_plain_word_is_not_taken_over(live, wrong: str) -> None:
    answer = live.http.get("/live", headers={HEADER: wrong.encode("latin-1")})
    assert len(answer.headers[HEADER]) == 16
    assert wrong == "" or wrong not in live.log.getvalue()


def test_a_refusal_carries_it_too(live) -> None:
    for path, status in (("/nowhere", 404), ("/v1/sessions/nobody", 404), ("/v1/sessions?typo=1", 422)):
        answer = live.http.get(path, headers={HEADER: OWN})
        assert (answer.status_code, answer.headers[HEADER]) == (status, OWN), answer.text


def test_a_stream_has_that_of_its_handshake(live) -> None:
    with connect(live.stream(), additional_headers={HEADER: "stream-1"}) as stream:
        assert stream.response is not None
        assert stream.response.headers[HEADER] == "stream-1"
        stream.send('{"session": "nobody", "y": 1}')
        stream.recv(timeout=20)
    live.http.get("/live")
    for _ in range(200):
        if found := lines(live.log.getvalue(), event="stream closed", request="stream-1"):
            break
        live.http.get("/live")
    assert found[0]["frames"] == 1


def test_a_refused_handshake_has_it(live) -> None:
    for query in ("?typo=1", "?horizon=99"):
        with pytest.raises(InvalidStatus) as refused:
            connect(live.stream(query), additional_headers={HEADER: OWN})
        assert refused.value.response.headers[HEADER] == OWN


def test_who_is_not_let_in_is_told_it_by_the_door(tmp_path) -> None:
    with locked(tmp_path) as (running, _):
        assert running.http.get("/v1/model", headers={HEADER: OWN}).headers[HEADER] == OWN
        with pytest.raises(InvalidStatus) as refused:
            connect(running.stream(), additional_headers={HEADER: OWN})
        assert (refused.value.response.status_code, refused.value.response.headers[HEADER]) == (401, OWN)


def test_what_is_turned_away_before_it_is_a_request_has_one(open_behind) -> None:
    with open_behind({"head_bytes": 1024}) as running:
        host, port = running.address.split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(b"GET /live HTTP/1.1\r\nX-Long: " + b"a" * 200_000)
            head = connection.recv(65_536).decode("latin-1").lower()
    name = head.split("x-request-id: ")[1].split("\r\n")[0]
    assert lines(running.log.getvalue(), event="turned away", request=name)[0]["code"] == "head_too_large"
