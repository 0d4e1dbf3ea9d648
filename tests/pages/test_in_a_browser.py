# SPDX-License-Identifier: Apache-2.0
"""The pages in a real browser, on a telephone, a small and a large window, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pypdf
import pytest

from harness.cli import main
from tests import programs
from tests.pages import browser, whole

pytestmark = pytest.mark.long

WIDTHS: Final = (400, 900, 1600)
# A4 less the margins of a browser, at 96 dots per inch.
PAPER: Final = 718
SYSTEM: Final = Path(__file__).parents[2] / "examples/systems/wildcard-too-wide"
LOOKS: Final = (Path(__file__).parent / "looks.js").read_text()
PAGES: Final = ("index.html", "tests.html", "access.html", "compare.html", "audit.html")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Tab]:
    """A page of a browser that lives as long as this module."""
    with programs.kept(), browser.started(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a whole run."""
    run = whole.written(tmp_path_factory.mktemp("whole") / "run")
    assert main(["audit", str(SYSTEM), "--html", str(run / "audit.html")]) == 1
    return run


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_cut_broken_or_faint(tab: browser.Tab, folder: Path, page: str, width: int) -> None:
    tab.open(folder / page, width)
    assert tab.evaluate(LOOKS) == []
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate(LOOKS) == []


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_cut_broken_or_faint_on_paper(tab: browser.Tab, folder: Path, page: str) -> None:
    tab.open(folder / page, PAPER, media="print")
    assert tab.evaluate(LOOKS) == []


def test_what_is_folded_is_printed(tab: browser.Tab, folder: Path, tmp_path: Path) -> None:
    tab.open(folder / "index.html", 1600)
    assert whole.HIDDEN not in tab.evaluate("document.body.innerText")
    tab.open(folder / "index.html", PAPER, media="print")
    pages = pypdf.PdfReader(tab.printed(tmp_path / "printed.pdf")).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert whole.HIDDEN in text
    assert "libfdt1" in text


def test_the_cause_of_a_failure_is_three_clicks_away(tab: browser.Tab, folder: Path) -> None:
    tab.open(folder / "index.html", 900)
    tab.click('a[href="#deviations"]')
    seen = "document.elementFromPoint(innerWidth / 2, 20).closest('section').id"
    assert tab.evaluate(seen) == "deviations"
    assert whole.CAUSE in tab.evaluate("document.querySelector('#deviations').innerText")
    # The evidence of a test is one click from there, and so is the test among all others.
    tab.click('#deviations a[href$="broken/failure.txt"]')
    assert tab.evaluate("document.body.innerText").strip() == whole.CAUSE


def test_the_evidence_of_a_requirement_is_two_clicks_away(tab: browser.Tab, folder: Path) -> None:
    tab.open(folder / "index.html", 400)
    tab.click('.settings a[href*="suites-matrix"]')
    tab.click("tr:target td a")
    assert "system guest0" in tab.evaluate("document.body.innerText")


@pytest.mark.parametrize("page", PAGES)
def test_no_link_is_dead(tab: browser.Tab, folder: Path, page: str) -> None:
    tab.open(folder / page, 1600)
    links = set(tab.evaluate("[...document.links].map(link => link.href)"))
    assert len(links) > 1 or page in ("compare.html", "audit.html")
    named: dict[Path, set[str]] = {}
    for link in sorted(links):
        address, _, fragment = link.partition("#")
        if not address.startswith("file:"):
            assert address.startswith("https://"), link
            continue
        target = Path(unquote(urlsplit(address).path))
        assert target.is_file(), link
        if fragment:
            if target not in named:
                tab.open(target, 1600)
                named[target] = set(tab.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)"))
            assert unquote(fragment) in named[target], link
    broken = "[...document.images].filter(image => !image.naturalWidth).map(image => image.src)"
    tab.open(folder / page, 1600)
    assert tab.evaluate(broken) == []
