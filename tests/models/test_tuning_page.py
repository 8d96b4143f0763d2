"""The page on tuning: its space can be searched, its commands are understood, its files are those written."""

from __future__ import annotations

import re
from pathlib import Path

from commands.main import load
from models.tuning import folder
from models.tuning.space import Space

PAGE = (Path(__file__).parents[2] / "docs" / "tune.md").read_text(encoding="utf-8")


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_the_space_of_the_page_can_be_searched() -> None:
    (declared,) = fences("toml")
    space = Space.parse(declared)
    assert space.combinations == 3 * 4 * 2
    assert space.chosen({"lags": "[48, 336]", "layers": 1})["model"] == {"lags": (48, 336), "layers": 1}


def test_the_commands_of_the_page_are_understood() -> None:
    commands = [line.split() for fence in fences("bash") for line in fence.splitlines()]
    assert [command[1] for command in commands] == ["tune", "train"]
    for _, name, *rest in commands:
        context = load(name).make_context(name, rest)
        assert context.params["horizon"] == 48


def test_the_files_and_options_of_the_page_are_those_there_are() -> None:
    names = {value for name, value in vars(folder).items() if name.isupper() and isinstance(value, str)}
    assert names - set(re.findall(r"`([\w.]+)`", PAGE)) == {folder.LOCK}
    options = {option for parameter in load("tune").params for option in parameter.opts}
    assert set(re.findall(r"`(--\w+)`(?=[ ,])", PAGE.split("## The search")[1].split("##")[0])) <= options
