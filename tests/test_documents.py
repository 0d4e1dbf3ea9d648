# SPDX-License-Identifier: Apache-2.0
"""Documents: links lead somewhere, and commands of the README exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli import commands

_ROOT = Path(__file__).parents[1]
_DOCUMENTS = [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_harness_command_exists(document: Path) -> None:
    named = set(re.findall(r"^\s*(?:\.venv/bin/)?harness ([a-z][a-z-]+)", document.read_text(), re.MULTILINE))
    assert named - set(commands()) == set()
