"""The page on comparisons: its commands are understood, its options are there."""

from __future__ import annotations

import re
from pathlib import Path

from commands.main import load

PAGE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_are_understood() -> None:
    fences = re.findall(r"^```bash\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    commands = [line.split() for fence in fences for line in fence.splitlines()]
    assert [command[1] for command in commands] == ["compare", "gradients", "gradients"]
    for _, name, *rest in commands:
        assert load(name).make_context(name, rest).params["out"]


def test_the_options_of_the_page_are_there() -> None:
    compare, gradients = PAGE.split("## How far gradients reach")
    for name, text in (("compare", compare), ("gradients", gradients)):
        known = {option for parameter in load(name).params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert set(re.findall(r"--[a-z][a-z-]+", text)) <= known
