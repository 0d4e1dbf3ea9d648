# SPDX-License-Identifier: Apache-2.0
"""Commands, files and requirements that documents name exist. Links are checked with the site (test_site.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli import commands
from harness.shmem.requirements import load_requirements

_ROOT = Path(__file__).parents[1]
_PAGES = sorted(path for pattern in ("*.md", "decisions/*.md") for path in (_ROOT / "docs").glob(pattern))
_MADE_BY_READERS = ("targets/desk", "targets/images/probe/qnx/build")
_FOLDERS = "(?:harness|fixtures|suites|tests|targets|docs|examples|tools)"
_DOCUMENTS = [*sorted(_ROOT.glob("*.md")), *_PAGES, _ROOT / "examples/README.md"]


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(_ROOT)))
def test_every_harness_command_exists(document: Path) -> None:
    named = set(re.findall(r"^\s*(?:\.venv/bin/)?harness ([a-z][a-z-]+)", document.read_text(), re.MULTILINE))
    assert named - set(commands()) == set()


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(_ROOT)))
def test_every_file_that_is_named_exists(document: Path) -> None:
    """Paths from the root of the checkout, in backticks; ``*`` stands for more than one."""
    named = set(re.findall(rf"`({_FOLDERS}/[\w./*-]+)[`:]", document.read_text()))
    expected = sorted(path.rstrip("/") for path in named if not path.startswith(_MADE_BY_READERS))
    assert [path for path in expected if not list(_ROOT.glob(path))] == []


def test_every_document_that_the_code_names_exists() -> None:
    sources = [path for folder in ("harness", "fixtures", "suites", "targets", "tests") for path in _sources(folder)]
    named = {name for path in sources for name in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text())}
    assert len(named) > 5
    assert [name for name in sorted(named) if not (_ROOT / name).exists()] == []


def test_every_requirement_that_is_named_is_in_the_catalogue() -> None:
    """In code, suites and documents; an open question is named by its requirement, SHM-OPEN-NN, and in no other way."""
    sources = [*_DOCUMENTS, *(path for folder in ("harness", "fixtures", "suites") for path in _sources(folder))]
    known = load_requirements().keys()
    strangers = {
        f"{path.relative_to(_ROOT)}: {name}"
        for path in sources
        for name in re.findall(r"\b(?:[A-Z]+-)*(?:[A-Z]+-\d\d|OPEN-\d+)\b", path.read_text())
        if name not in known and name.startswith(("SHM-", "QVM-", "OPEN-"))
    }
    assert strangers == set()


_SOURCES = (".py", ".c", ".sdoc", ".j2", ".yaml", ".toml")


def _sources(folder: str) -> list[Path]:
    return [path for path in (_ROOT / folder).rglob("*") if path.suffix in _SOURCES]
