"""`gatecast deploy` and `gatecast rollback` against a service behind a real port."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from commands.main import app
from service.api.server import DrainingServer, listen
from service.app import open_service
from service.logs import open_log
from service.settings import Settings
from tests.api.keyring import Keyring
from tests.api.test_serve import written

START = "2015-01-10T00:00:00"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as address:
        yield address


@contextmanager
def serving(tmp_path: Path, **chosen: object) -> Iterator[str]:
    """A service over a directory of models with v1, which serves, v2, and one that does not fit."""
    models = tmp_path / "models"
    models.mkdir()
    written(models / "v1", name="first")
    written(models / "v2", name="second")
    written(models / "misfit", horizon=9)
    settings = Settings.read(bundle=models / "v1", models=models, runtime="fake", journal="memory", **chosen)
    log = open_log("error", "json", io.StringIO())
    service = open_service(settings, log)
    bound = listen("127.0.0.1", 0)
    listening = threading.Event()

    async def announce() -> None:
        listening.set()

    server = DrainingServer(service.app, settings, log, service.drain, announce)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    try:
        assert listening.wait(30)
        yield "http://{}:{}".format(*bound.getsockname())
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def gatecast(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def current(url: str) -> str:
    version: str = httpx.get(f"{url}/v1/models").json()["current"]["version"]
    return version


def test_a_version_is_deployed_and_taken_back(url: str) -> None:
    done = gatecast("deploy", "v2", "--url", url)
    assert done.exit_code == 0, done.output
    assert "v2 serves" in done.output
    assert current(url) == "v2"
    back = gatecast("rollback", "--url", url)
    assert back.exit_code == 0, back.output
    assert "v1 serves again" in back.output
    assert current(url) == "v1"


def test_of_several_services_those_that_serve_it_already_are_passed_over(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "one") as one, serving(tmp_path / "other") as other:
        assert gatecast("deploy", "v2", "--url", one).exit_code == 0  # and then the command was broken off
        done = gatecast("deploy", "v2", "--url", f"{one},{other}")
        assert done.exit_code == 0, done.output
        assert "v2 serves already" in done.output
        assert (current(one), current(other)) == ("v2", "v2")
        done = gatecast("deploy", "v2", "--promote-if-better", "5", "--url", f"{one},{other}")
        assert done.exit_code == 0, done.output
        httpx.post(f"{one}/v1/models/rollback").raise_for_status()
        back = gatecast("rollback", "--url", f"http://127.0.0.1:9,{one},{other}")
        assert back.exit_code == 1
        assert "is it running" in back.output
        assert "not at hand" in back.output
        assert (current(one), current(other)) == ("v1", "v1")


def test_a_deploy_that_was_begun_by_a_command_that_is_gone_is_gone_on_with(url: str) -> None:
    httpx.post(f"{url}/v1/models/v2/deploy?shadow=true").raise_for_status()
    done = gatecast("deploy", "v2", "--shadow", "--url", url)
    assert done.exit_code == 0, done.output
    assert "v2 runs in the shadow" in done.output
    done = gatecast("deploy", "v2", "--url", url)  # and may take over from the shadow, and not the other way round
    assert done.exit_code == 0, done.output
    assert current(url) == "v2"


def test_a_version_in_the_shadow_is_promoted_once_its_error_is_known_not_to_be_larger(url: str) -> None:
    httpx.put(f"{url}/v1/sessions/a", json={"start": START}).raise_for_status()
    ended = threading.Event()

    def stream() -> None:
        value = 0
        while not ended.is_set():
            value += 1
            httpx.post(f"{url}/v1/sessions/a/observations", json={"y": value % 7}).raise_for_status()

    load = threading.Thread(target=stream)
    load.start()
    try:
        shadow = gatecast("deploy", "v2", "--shadow", "--url", url)
        assert shadow.exit_code == 0, shadow.output
        assert current(url) == "v1"
        done = gatecast("deploy", "v2", "--promote-if-better", "5", "--url", url)
    finally:
        ended.set()
        load.join(30)
    assert done.exit_code == 0, done.output
    assert "quantile loss" in done.output
    assert current(url) == "v2"


def test_a_version_in_the_shadow_takes_over_when_it_is_deployed_without(url: str) -> None:
    for _ in range(2):
        shadow = gatecast("deploy", "v2", "--shadow", "--url", url)
        assert (shadow.exit_code, "runs in the shadow" in shadow.output) == (0, True), shadow.output
    assert current(url) == "v1"
    done = gatecast("deploy", "v2", "--url", url)
    assert (done.exit_code, "v2 serves" in done.output) == (0, True), done.output
    assert current(url) == "v2"


def test_a_second_candidate_is_told_what_to_do_with_the_first(url: str, tmp_path: Path) -> None:
    written(tmp_path / "models" / "v3", name="third")
    assert gatecast("deploy", "v2", "--shadow", "--url", url).exit_code == 0
    refused = gatecast("deploy", "v3", "--url", url)
    assert refused.exit_code == 1
    assert "POST /v1/models/v2/promote" in refused.output
    assert "DELETE /v1/models/candidate" in refused.output


def test_a_refusal_is_told_in_the_services_words(url: str) -> None:
    for words, said in (
        (("deploy", "misfit"), "horizon is 3, here 9"),
        (("deploy", "nobody"), "no version 'nobody'"),
        (("deploy", "../v1"), "no version '../v1'"),
        (("rollback",), "not at hand"),
    ):
        refused = gatecast(*words, "--url", url)
        assert refused.exit_code == 1
        assert said in refused.output


def test_a_service_that_is_not_there_is_named() -> None:
    refused = gatecast("deploy", "v2", "--url", "http://127.0.0.1:9")
    assert refused.exit_code == 1
    assert "is it running" in refused.output
    assert "urlopen" not in refused.output
    misspelt = gatecast("deploy", "v2", "--url", "127.0.0.1:8000")
    assert misspelt.exit_code == 1
    assert "--url: an address such as http://" in misspelt.output


def test_a_key_that_is_none_is_refused_and_not_shown() -> None:
    refused = gatecast("deploy", "v2", "--url", "http://127.0.0.1:9", "--key", "gc_secret\nword")
    assert refused.exit_code == 1
    assert "key: one word" in refused.output
    assert "secret" not in refused.output


def test_where_keys_are_asked_for_it_takes_one_of_an_admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring(tmp_path / "keys.json")
    admin, writer = ring.add("default", "admin"), ring.add("default", "read", "write")
    with serving(tmp_path, keys=ring.path) as url:
        for words in (("deploy", "v2"), ("rollback",)):
            without = gatecast(*words, "--url", url)
            assert (without.exit_code, "a key was expected" in without.output) == (1, True), without.output
            wrong = gatecast(*words, "--url", url, "--key", writer)
            assert (wrong.exit_code, "scope 'admin'" in wrong.output) == (1, True), wrong.output
        monkeypatch.setenv("GATECAST_KEY", admin)
        done = gatecast("deploy", "v2", "--url", url)
        assert done.exit_code == 0, done.output
        assert "v1 serves again" in gatecast("rollback", "--url", url).output
        assert admin not in done.output
