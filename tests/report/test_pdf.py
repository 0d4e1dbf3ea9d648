# SPDX-License-Identifier: Apache-2.0
"""The report as a PDF: complete, for archive, and within the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pypdf
import pytest

from harness.cli import main
from harness.report.evidence.model import Access, Report
from harness.report.pdf import document as pdf
from harness.report.pdf.accesses import by_configuration
from tests.report.test_nights_plot import FALLEN, WORSE
from tests.report.test_pages import entries, sample, write

UNPRINTABLE = "a\x01\u4e2d\U0001f600b"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> pypdf.PdfReader:
    """The sample as ``harness report`` writes it."""
    folder = tmp_path_factory.mktemp("pdf")
    target = write(folder / "run", sample(), entries())
    assert main(["report", str(target), "--pdf", str(folder / "report.pdf")]) == 1
    return pypdf.PdfReader(folder / "report.pdf")


def _text(document: pypdf.PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in document.pages).replace("\u200b", "").split())


def test_it_has_the_verdict_the_requirements_and_the_accesses(document: pypdf.PdfReader) -> None:
    text = _text(document)
    report = sample()
    for word in ("FAIL", report.run.id, "R-1", "R-9", "deny <x>, allow x*", "round trip", "ab" * 8, "1 of "):
        assert word in text, word


def test_it_is_for_archive(document: pypdf.PdfReader) -> None:
    """PDF/A-2b, with all of its fonts in it, and a title."""
    metadata = document.xmp_metadata
    assert metadata is not None
    assert b"<pdfaid:part>2</pdfaid:part>" in metadata.stream.get_data()
    assert document.metadata is not None
    assert sample().run.id in (document.metadata.title or "")
    assert document.outline, "no bookmarks"


def test_nothing_stands_outside_of_a_page(document: pypdf.PdfReader) -> None:
    for number, page in enumerate(document.pages, 1):
        seen: list[tuple[float, str]] = []

        def visit(text: str, _cm: object, matrix: list[float], _font: object, size: float) -> None:
            if text.strip():
                seen.append((matrix[4] + 0.25 * size * len(text.strip()), text))  # noqa: B023

        page.extract_text(visitor_text=visit)
        beyond = [text for end, text in seen if end > float(page.mediabox.width)]
        assert not beyond, f"page {number}: {beyond}"


def test_what_no_font_has_is_shown_as_its_number(tmp_path: Path) -> None:
    report = sample()
    access = replace(report.access[0], name=UNPRINTABLE)
    text = _text(_written(tmp_path, replace(report, access=[access])))
    assert r"a\u{1}\u{4e2d}\u{1f600}b" in text.replace(" ", "")


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        _written(tmp_path / name, sample())
    assert (tmp_path / "one/report.pdf").read_bytes() == (tmp_path / "other/report.pdf").read_bytes()


def test_a_report_without_anything(tmp_path: Path) -> None:
    report = sample()
    empty = Report(replace(report.run, reasons=[], verdict="partial"), [], [])
    text = _text(_written(tmp_path, empty))
    assert "PARTIAL" in text
    assert "No item under test is known." in text


def test_it_says_since_when_a_figure_has_regressed(tmp_path: Path) -> None:
    text = _text(_written(tmp_path, replace(sample(), history=[FALLEN])))
    assert f"regressed: copy 4096 bytes, desk pci · probe · serial: -50.0 % since {WORSE.run} (2026-01-09)" in text


def _written(folder: Path, report: Report) -> pypdf.PdfReader:
    from harness.report.pdf import write as write_pdf

    write_pdf(folder / "report.pdf", folder, report)
    return pypdf.PdfReader(folder / "report.pdf")


def test_accesses_have_the_rule_that_decides() -> None:
    accesses = [
        Access("allow neo*, deny trinity", "one", "neon", "allowed", "allowed", "left", "aarch64", "pci"),
        Access("allow neo*, deny trinity", "one", "trinity", "refused", "allowed", "left", "aarch64", "pci"),
    ]
    (lines,) = by_configuration([*accesses, accesses[0]], {"left": "7.0"}).values()
    assert [(line.name, line.times, line.deviates) for line in lines] == [("trinity", 1, True), ("neon", 2, False)]
    assert lines[1].because == "rule 1, 'allow neo*'"
    assert [line.because for line in by_configuration(accesses, {})["allow neo*, deny trinity"]] == ["", ""]


def test_a_run_that_began_between_two_seconds(tmp_path: Path) -> None:
    """As runs do: the clock of a PDF knows no part of a second."""
    report = sample()
    begun = replace(report, run=replace(report.run, started="2026-03-04T05:06:07.089123+00:00"))
    pdf.write(tmp_path / "report.pdf", write(tmp_path / "run", sample(), entries()), begun)
    assert "2026-03-04 05:06:07" in _text(pypdf.PdfReader(tmp_path / "report.pdf"))
