"""The page and the documentation as a browser is given them: our own files, safe headers, a tag, no key."""

from __future__ import annotations

import gzip
import json
import re
from importlib.resources import files

import pytest

from datasets.bundled import bundled
from tests.api.keyring import locked

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PAGES = ("/", "/docs")
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
LOADED = re.compile(r"""(?:src|href)="([^"#]+)"|from "\./([\w.]+)\"""")


async def loaded(http, page: str) -> dict[str, str]:
    """Everything that a page loads, and that loads, by its path."""
    found: dict[str, str] = {}
    waiting = [page]
    while waiting:
        path = waiting.pop()
        if path in found or path == "/openapi.json" or (path in PAGES and path != page):
            continue
        answer = await http.get(path, headers=BROWSER)
        assert answer.status_code == 200, path
        found[path] = answer.text
        if not path.endswith(("iife.min.js", ".svg", ".css")):
            waiting += [whole or f"/page/{module}" for whole, module in LOADED.findall(answer.text)]
    return found


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_and_all_that_it_loads_comes_from_the_service_itself(http, path: str) -> None:
    texts = await loaded(http, path)
    assert len(texts) > 5
    for name, text in texts.items():
        if "uplot" not in name:
            outside = set(re.findall(r"(?:https?:)?//[a-z][\w-]*\.[\w.-]+", text)) - {"http://www.w3.org"}
            assert not outside, (name, outside)


async def test_no_file_of_the_page_holds_script_or_style_among_its_markup(http) -> None:
    for path in PAGES:
        markup = (await http.get(path)).text
        assert not re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", markup)
    scripts = [each for each in files("service.page").iterdir() if each.name.endswith(".js")]
    assert len(scripts) > 15
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            script
        )


@pytest.mark.parametrize("path", [*PAGES, "/page/main.js", "/page/style.css", "/page/uplot/uPlot.iife.min.js"])
async def test_what_a_browser_is_given_may_load_nothing_else_and_be_framed_by_nobody(http, path: str) -> None:
    answer = await http.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_file_that_did_not_change_is_not_sent_again(http) -> None:
    for encoding in ("identity", "gzip"):
        first = await http.get("/page/main.js", headers={"accept-encoding": encoding})
        again = {"accept-encoding": encoding, "if-none-match": first.headers["etag"]}
        assert first.headers["cache-control"] == "no-cache"
        assert (await http.get("/page/main.js", headers=again)).status_code == 304
        other = await http.get("/page/main.js", headers={**again, "if-none-match": '"another"'})
        assert (other.status_code, other.text) == (200, first.text)


async def test_a_file_comes_compressed_to_whom_takes_it_so(http) -> None:
    plain = await http.get("/page/uplot/uPlot.iife.min.js", headers={"accept-encoding": "identity"})
    async with http.stream("GET", "/page/uplot/uPlot.iife.min.js", headers={"accept-encoding": "br, gzip"}) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert len(raw) < len(plain.content) / 2
    assert gzip.decompress(raw) == plain.content


async def test_all_that_the_page_loads_stays_small(http) -> None:
    packed = sum(len(gzip.compress(text.encode())) for text in (await loaded(http, "/")).values())
    assert packed < 75_000


@pytest.mark.parametrize("accept", [BROWSER["accept"], "*/*", "", "text/*;q=0.5"])
async def test_the_address_alone_is_the_page(http, accept: str) -> None:
    answer = await http.get("/", headers={"accept": accept})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (await http.head("/", headers={"accept": accept})).status_code == 200


async def test_a_program_that_asks_for_json_is_told_where_the_paths_are(http) -> None:
    answer = await http.get("/", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "/openapi.json" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/page/", "/page/nothing.js", "/page/../app.py", "/page/__init__.py", "/page/%2e%2e/x"]
)
async def test_nothing_but_the_pages_own_files_is_served(http, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_bundled_series_are_listed_with_their_frequency_and_served_as_they_are(http) -> None:
    listed = {each["name"]: each for each in (await http.get("/page/series.json")).json()}
    assert {name: each["frequency"] for name, each in listed.items()} == {
        "machine_temperature": "5min",
        "nyc_taxi": "30min",
    }
    for name, each in listed.items():
        assert (await http.get(each["path"])).content == bundled(name).read_bytes()


async def test_log_and_metrics_know_the_pages_routes(open_inside) -> None:
    async with open_inside() as running:
        for path in ("/", "/docs", "/page/main.js"):
            await running.http.get(path)
        lines = [json.loads(line) for line in running.log.getvalue().splitlines()]
    routes = [line["route"] for line in lines if line["event"] == "request"]
    assert routes == ["/", "/docs", "/page/{name:path}"]


@pytest.mark.parametrize("path", [*PAGES, "/page/main.js", "/page/series.json"])
def test_the_page_is_there_before_a_key_is_typed_and_what_it_shows_is_not(tmp_path, path: str) -> None:
    with locked(tmp_path) as (running, _):
        assert running.http.get(path).status_code == 200
        assert running.http.post(path).status_code == 405
        assert running.http.get("/v1/model").status_code == 401
        assert running.http.get("/openapi.json").status_code == 401
