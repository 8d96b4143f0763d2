"""The commands of an evaluation once more, with something changed: what advice ends in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

Options = Mapping[str, str | None]  # as they are typed, with their value; None: a flag


@dataclass(frozen=True)
class Again:
    """What was typed. `takes` are the options that such an evaluation may be given, of those that advice names."""

    source: tuple[str, ...]  # a run or a file, and perhaps other data
    out: str  # the folder of the evaluation
    takes: frozenset[str]
    data: str  # the file
    run: str  # where a new run would go
    options: Options = field(default_factory=dict)  # of the evaluation, but for its folder
    folds: Options = field(default_factory=dict)  # those of them that lay the folds
    reading: Options = field(default_factory=dict)  # how `gatecast train` reads the file
    settings: Options = field(default_factory=dict)  # what makes `gatecast train` train the same
    trained: bool = False  # whether there is a run already

    def changed(self, changes: Options, word: str, without: frozenset[str] = frozenset()) -> str:
        """The evaluation with these options; where it does not take them, a training with them and its evaluation.

        `word` tells the new folders from those there are.
        """
        kept = {name: value for name, value in self.options.items() if name not in without}
        if set(changes) <= self.takes:
            return _typed("evaluate", self.source, {**kept, **changes, "--out": f"{self.out}-{word}"})
        run = f"{self.run}-{word}"
        train = {**self.reading, **self.settings, **changes, "--out": run}
        evaluate = {**self.folds, "--out": f"{self.out}-{word}"}
        return f"{_typed('train', (self.data,), train)}\n{_typed('evaluate', (run,), evaluate)}"

    def tuned(self, horizon: int) -> str:
        """A search for better settings on the same file."""
        return _typed("tune", (self.data,), {"--horizon": str(horizon), **self.reading, "--out": f"{self.run}-tuned"})

    def gone_on(self) -> str:
        """What comes next where nothing is to be changed."""
        if self.trained:
            return _typed("export", (self.run,), {"--out": f"{self.run}.bundle"})
        return _typed("train", (self.data,), {**self.reading, **self.settings, "--out": self.run})


def _typed(command: str, arguments: tuple[str, ...], options: Options) -> str:
    words = [part for name, value in options.items() for part in ((name,) if value is None else (name, value))]
    return shlex.join(["gatecast", command, *arguments, *words])
