# SPDX-License-Identifier: Apache-2.0
"""The documentation site: made without a warning, links and anchors checked, and read without a network."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests import programs

CHECKOUT = Path(__file__).parents[1]
LOADED = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?([^"'\s>]+)|<link[^>]*\shref=["']?([^"'\s>]+)""")
FETCHED = re.compile(r"""@import\s+["']?[^;]*//|url\(\s*["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, made as ``make docs`` makes it, but in a folder of the test."""
    folder = tmp_path_factory.mktemp("site")
    run = programs.run(
        [
            *(sys.executable, "-m", "sphinx", "-q", "-j", "auto", "-W", "--keep-going"),
            *("-c", "docs", "-d", str(folder / "doctrees"), ".", str(folder / "site")),
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "site"


def test_the_site_has_the_readme_the_pages_and_the_docstrings(site: Path) -> None:
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {"README.html", "index.html", "docs/index.html", "CONTRIBUTING.html"} <= pages
    assert {f"docs/{path.stem}.html" for path in (CHECKOUT / "docs").glob("*.md")} <= pages
    assert "harness.shmem.oracle.decide" in (site / "docs/api/device.html").read_text()


def test_a_page_loads_nothing_from_a_network(site: Path) -> None:
    """Neither scripts nor styles, pictures or fonts."""
    for page in site.rglob("*.html"):
        loaded = [first or second for first, second in LOADED.findall(page.read_text())]
        assert loaded or page == site / "index.html"
        assert [address for address in loaded if "//" in address] == [], page
    styles = list(site.rglob("*.css"))
    assert styles
    assert [style for style in styles if FETCHED.search(style.read_text())] == []
