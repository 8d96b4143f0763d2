"""Copies what the documentation site is made of into a folder, as it lies in the repository: every page, and every file
that a page links to."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("*.md", "docs/*.md", "docs/adr/*.md", "bench/*.md", "client/*.md")
LINK = re.compile(r"\]\(([^)#\s]+)")


def pages(root: Path = ROOT) -> list[Path]:
    """All pages, sorted."""
    return sorted(page for pattern in PAGES for page in root.glob(pattern))


def linked(page: Path, root: Path = ROOT) -> set[Path]:
    """The files of the repository that a page links to."""
    targets = (page.parent / target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target)
    return {path for target in targets if (path := target.resolve()).is_file() and path.is_relative_to(root)}


def stage(to: Path, root: Path = ROOT) -> None:
    """Empties the folder, and copies into it."""
    shutil.rmtree(to, ignore_errors=True)
    for path in {found for page in pages(root) for found in (page, *linked(page, root))}:
        place = to / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


if __name__ == "__main__":
    stage(Path(sys.argv[1]).resolve())
