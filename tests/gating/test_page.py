"""The page holds the data, takes names for names, and asks for nothing from outside."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import commands.gating
from commands.band import Band
from commands.gating.page import as_script, content, page_of
from commands.gating.view import Bounds, Gate, Mark, View
from datasets.frequency import Frequency
from tests.conftest import HOUR, START

FOLDER = Path(commands.gating.__file__).parent
SCRIPTS = [file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.js"))]
HOSTILE = ("</script><script>alert(1)</script>", "<!--<script>", "[[DATA]]", "a & b \u2028 \"quoted\" 'too'", "]]>")


def view(**changes: Any) -> View:
    steps = np.arange(5.0)
    whole = View(
        series="north",
        model="small (gru)",
        layer="layer 1 of 2",
        target="y",
        frequency=Frequency.parse("1h"),
        times=START + HOUR * np.arange(5),
        readings=np.array([1.0, np.nan, 3.0, 4.0, 5.0]),
        median=np.array([np.nan, 1.0, 2.0, 3.0, 4.0]),
        bounds=Bounds(Band(0.1, 0.9), steps - 1, steps + 1),
        gates=(Gate("r", steps / 10, (2,), steps[None] / 8), Gate("z", steps / 9, (2, 0), np.stack([steps, steps]))),
        order=(1, 2, 0),
        hidden=np.stack([steps, -steps, steps / 2]) / 10,
        conventions=("z near 1 keeps the past (h' = (1-z)·n + z·h).",),
        marks=(Mark(START + 2 * HOUR, "holiday"),),
    )
    return replace(whole, **changes)


class Reading(HTMLParser):
    """What a browser would see: the text of each element, and all attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "script":
            self.texts.append((tag, ""))

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open, data))

    def scripts(self) -> list[str]:
        return [text for tag, text in self.texts if tag == "script" and text.strip()]


def test_the_page_holds_the_data() -> None:
    held, _ = Reading(page_of(view())).scripts()
    found = json.loads(held)
    assert found == content(view())
    assert found["reading"] == [1.0, None, 3.0, 4.0, 5.0]
    assert found["median"][0] is None
    assert found["gates"][1]["units"] == [2, 0]
    assert found["order"] == [1, 2, 0]
    assert found["band"] == "80% band"
    assert found["marks"] == [{"time": START + 2 * HOUR, "label": "holiday"}]
    assert "z near 1 keeps the past" in found["conventions"][0]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_only_a_name(name: str) -> None:
    hostile = view(series=name, model=name, target=name, marks=(Mark(START, name),))
    page = Reading(page_of(hostile))
    held, script = page.scripts()
    found = json.loads(held)
    assert [found["series"], found["target"], found["marks"][0]["label"]] == [name] * 3
    plain = Reading(page_of(view()))
    assert script == plain.scripts()[1]
    assert page.attributes == plain.attributes
    assert next(text for tag, text in page.texts if tag == "title") == f"Gates: {name}"


def test_nothing_in_the_data_could_end_their_script() -> None:
    text = as_script({"name": "".join(HOSTILE)})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {"name": "".join(HOSTILE)}


def test_the_page_asks_for_nothing_from_outside() -> None:
    page = Reading(page_of(view()))
    policy = next(
        value for tag, name, value in page.attributes if tag == "meta" and name == "content" and "src" in str(value)
    )
    assert str(policy).startswith("default-src 'none'")
    assert not [each for each in page.attributes if each[1] in ("src", "href")]
    assert "://" not in page_of(view())


def test_the_script_uses_what_the_page_has() -> None:
    script, page = "\n".join(SCRIPTS), page_of(view())
    assert set(re.findall(r"\bdata\.([a-z]\w*)", script)) == set(content(view()))
    assert set(re.findall(r'getElementById\("(\w+)"\)', script)) <= set(re.findall(r'id="(\w+)"', page))
    assert "innerHTML" not in script  # names are text


def test_the_files_of_the_page_are_installed_and_short() -> None:
    project = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["commands.gating"]
    others = [file for file in FOLDER.iterdir() if file.is_file() and file.suffix != ".py"]
    assert len(others) >= 4
    assert all(any(fnmatch(file.name, pattern) for pattern in patterns) for file in others)
    assert all(len(text.splitlines()) < 300 for text in SCRIPTS)
