# SPDX-License-Identifier: Apache-2.0
"""The pages: plain enough for Jenkins' content policy, complete, and the same each time."""

from __future__ import annotations

import dataclasses
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TypedDict, get_args
from urllib.parse import unquote, urlsplit

import pytest

from harness.cli import main
from harness.report.evidence import reader
from harness.report.evidence.document import build
from harness.report.evidence.journal import Began, CaseDone, ComponentsRecorded, Ended, Entry, Journal
from harness.report.evidence.model import (
    Access,
    Case,
    Component,
    KnownFailure,
    Metric,
    Observation,
    Report,
    Requirement,
    Seen,
    Verdict,
)
from harness.report.pages.labels import labelled
from harness.report.pages.matrix import ROWS_PER_PICTURE, pictures
from harness.report.pages.svg import without_styles
from harness.report.pages.trend import changes, metric_key, series
from harness.site import Site

EVIDENCE = "evidence/suites/a b#1%/guest <1>.qvmconf"
PLACES = [("left", "x86_64", "pci"), ("left", "x86_64", "mmio"), ("right", "aarch64", "pci")]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
VOID = frozenset({"meta", "link", "img", "br", "wbr"})
HOSTILE = "<script>alert(1)</script> & 'quotes' \"too\""


class Where(TypedDict):
    """What results, figures and accesses of one place have in common."""

    bench: str
    architecture: str
    placement: str


def sample() -> Report:
    """The report of the entries below."""
    return build(entries())


def entries() -> list[Entry]:
    """A journal with something of everything, on three places, with text that wants to be markup."""
    known: list[Entry] = [
        Began(
            "20260101T000000Z-aaaaaa", "2026-01-01T00:00:00+00:00", f"pytest -k '{HOSTILE}'", "1", "c" * 40, "P", "L",
            {"pytest": "9"}, [Requirement("R-1", "Rules like `deny x` hold", "S1"), Requirement("R-9", HOSTILE)],
        ),
        ComponentsRecorded(
            [Component("qemu", "11.1", "ab" * 32, "built"), Component("jinja", "3", "", "Python package")]
        ),
    ]  # fmt: skip
    for bench, architecture, placement in PLACES:
        where: Where = {"bench": bench, "architecture": architecture, "placement": placement}
        for verdict in VERDICTS:
            case = Case(
                test=f"suites/a.py::test_{verdict}[{bench}-{placement}-x/y]", requirements=["R-1", f"R-{verdict}"],
                site=Site(bench, architecture, placement, "probe", "serial"), verdict=verdict, duration_s=1.0,
                setup_s=0.5, call_s=0.4, teardown_s=0.1, started="", evidence=[EVIDENCE],
                reason=f"why {verdict} {HOSTILE}",
                known_failure=KnownFailure("later", "https://example.org/7", "2999-01-01", False)
                if verdict in ("fail", "pass") and bench == "right" else None,
                observations=[Observation("what", HOSTILE)] if verdict == "recorded" else [],
            )  # fmt: skip
            known.append(CaseDone(case, _metrics(where) if verdict == "pass" else [], _access(where, verdict)))
    return [*known, Ended("2026-01-01T00:01:00+00:00")]


def _metrics(where: Where) -> list[Metric]:
    sizes, site = [64, 4096, 1 << 20], Site(**where)
    return [
        *(Metric("write/copy", "MB/s", 99.0, 100.0, 0.99, site, block_bytes=size, ratio_low=0.9, ratio_high=1.1)
          for size in sizes),
        Metric("round trip", "us", 5.0, None, None, site, better="lower", samples=[5 + n / 1000 for n in range(50)]),
        Metric("ring", "us", 7.25, 3.5, 2.125, site, better="lower", ratio_low=2.0, ratio_high=2.25,
               against="a doorbell", noise=0.06, count=12000, pages=12,
               percentiles={"min": 6.5, "p50": 7.25, "p99.9": 812.0},
               mapping="device", clock="PIT", clock_check="1 s in 1 s", note="on two cores", times=[6.5, 7.25, 812.0]),
        Metric("noise", "us", 31.25, 5.5, 5.682, site, better="lower", ratio_low=2.0, ratio_high=9.0, noise=0.62),
    ]  # fmt: skip


def _access(where: Where, verdict: str) -> list[Access]:
    seen: Seen = "allowed" if verdict == "fail" else "refused"
    return [Access("deny <x>, allow x*", "g1", "<x>", "refused", seen, operation="create", **where)]


def write(folder: Path, report: Report, known: Iterable[Entry] = ()) -> Path:
    """A folder as a run leaves it, without its pages; with entries, their journal is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    if known:
        with Journal(folder / "journal.jsonl") as journal:
            for entry in known:
                journal.write(entry)
    (folder / "results.json").write_bytes(reader.to_json(report))
    evidence = folder / EVIDENCE
    evidence.parent.mkdir(parents=True, exist_ok=True)
    evidence.write_text("system a\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample, with its pages."""
    target = write(tmp_path_factory.mktemp("report") / "run", sample(), entries())
    assert main(["report", str(target)]) == 1
    return target


class Page(HTMLParser):
    """Collects what a page consists of, and complains about elements that are not closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(path.read_text())
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> list[str]:
        """The values of an attribute on all elements of a kind that have it."""
        return [attributes[name] for found, attributes in self.tags if found == tag and name in attributes]


@pytest.mark.parametrize("name", ["index.html", "tests.html", "access.html"])
def test_page_needs_no_script_and_no_inline_style(folder: Path, name: str) -> None:
    page = Page(folder / name)
    assert not {"script", "style", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    attributes = {attribute for _, attributes in page.tags for attribute in attributes}
    assert not [attribute for attribute in attributes if attribute == "style" or attribute.startswith("on")]


@pytest.mark.parametrize("name", ["index.html", "tests.html", "access.html"])
def test_every_link_leads_somewhere(folder: Path, name: str) -> None:
    pages = {each: Page(folder / each) for each in ("index.html", "tests.html", "access.html")}
    ids = {each: [a["id"] for _, a in page.tags if "id" in a] for each, page in pages.items()}
    page = pages[name]
    links = [*page.attributes("a", "href"), *page.attributes("img", "src"), *page.attributes("link", "href")]
    assert links
    for link in links:
        parts = urlsplit(link)
        if parts.scheme:
            assert link == "https://example.org/7"
            continue
        target = unquote(parts.path) or name
        assert (folder / target).is_file(), link
        if parts.fragment:
            assert ids[target].count(parts.fragment) == 1, link


def test_page_is_accessible(folder: Path) -> None:
    page = Page(folder / "index.html")
    assert [attributes["lang"] for tag, attributes in page.tags if tag == "html"] == ["en"]
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def _luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_has_contrast(folder: Path) -> None:
    """WCAG 2.1, success criterion 1.4.3: 4.5 to 1 on the page, and white on the banner's colours."""
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", (folder / "style.css").read_text()))
    for name in ("ink", "quiet", "link", "pass", "partial", "fail", "error", "known", "recorded"):
        for paper in ("paper", "band"):
            light, dark = sorted((_luminance(colours[name]), _luminance(colours[paper])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, paper)


def test_page_opens_with_the_verdict(folder: Path) -> None:
    text = " ".join(Page(folder / "index.html").text.split())
    text = text[text.index("Qualification of") :]
    order = [text.index(word) for word in ("Qualification of", "FAIL", "Counts", "Requirements", "Access matrix")]
    assert order == sorted(order)
    headings = ["Placements", "Figures", "Deviations", "Skipped, and why", "Not tested", "Versions and hashes"]
    positions = [text.index(heading, order[-1]) for heading in headings]
    assert positions == sorted(positions)


def test_page_shows_what_was_not_as_expected(folder: Path) -> None:
    text = Page(folder / "index.html").text
    assert "why error" in text
    assert "R-9" in text
    assert "ab" * 32 in text
    assert "15 accesses, 3 other than expected" in text
    assert HOSTILE in text


def test_a_figure_has_its_conditions_and_its_distribution(folder: Path) -> None:
    text = " ".join(Page(folder / "index.html").text.split())
    assert "2.125 (2.000 to 2.250) 7.25 us 3.5 us, a doorbell" in text
    assert "12 pages; device; 12000 samples; known to 6.0 %; clock: PIT (1 s in 1 s); on two cores" in text
    table = text[text.index("Distributions of times") :]
    assert "12000 6.5 7.25 812" in table


def test_no_number_of_a_figure_that_is_too_noisy_is_shown(folder: Path) -> None:
    text = Page(folder / "index.html").text
    assert "too noisy to judge (± 62 %)" in text
    assert "31.2" not in text
    assert "5.68" not in text


def _pictures(folder: Path) -> list[Path]:
    return sorted((folder / "pictures").iterdir())


def test_pictures_need_no_styles(folder: Path) -> None:
    assert len(_pictures(folder)) == 6
    for path in _pictures(folder):
        for element in ElementTree.parse(path).iter():
            assert not element.tag.endswith(("}style", "}script")), path
            assert "style" not in element.attrib, path


def test_every_picture_is_in_the_page(folder: Path) -> None:
    shown = {unquote(source) for source in Page(folder / "index.html").attributes("img", "src")}
    assert shown == {f"pictures/{path.name}" for path in _pictures(folder)}


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_report_gives_the_same_bytes_elsewhere(folder: Path, tmp_path: Path) -> None:
    before = _content(folder)
    elsewhere = tmp_path / "another machine" / "run"
    shutil.copytree(folder, elsewhere)
    shutil.rmtree(elsewhere / "pictures")
    (elsewhere / "index.html").unlink()
    (elsewhere / "style.css").write_text("")
    assert main(["report", str(elsewhere)]) == 1
    assert _content(elsewhere) == before


def test_picture_of_an_earlier_build_does_not_stay(folder: Path) -> None:
    (folder / "pictures" / "old.svg").write_text("<svg/>")
    main(["report", str(folder)])
    assert not (folder / "pictures" / "old.svg").exists()


def test_run_without_anything_has_a_page(tmp_path: Path) -> None:
    known = [Began("run", "2026-01-01T00:00:00+00:00", "pytest", "1", "", "", "")]
    assert main(["report", str(write(tmp_path / "run", build(known), known))]) == 2
    text = Page(tmp_path / "run" / "index.html").text
    assert "did not finish" in text
    assert "No test ran." in text


def _older(report: Report, run: str, factor: float) -> Report:
    metrics = [dataclasses.replace(metric, value=metric.value * factor, ratio=metric.ratio and metric.ratio * factor)
               for metric in report.metrics]  # fmt: skip
    started = f"2025-01-0{run}T00:00:00+00:00"
    return dataclasses.replace(report, run=dataclasses.replace(report.run, id=run, started=started), metrics=metrics)


def test_baseline_shows_what_became_worse(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = sample()
    here = write(tmp_path / "here", report, entries())
    olds = [write(tmp_path / run, _older(report, run, factor)) for run, factor in (("1", 1.0), ("2", 1.5))]
    options = [option for old in olds for option in ("--baseline", str(old))]
    assert main(["report", str(here), *options]) == 1
    assert "figures since 2: 9 worse, 3 better" in capsys.readouterr().out
    page = Page(here / "index.html")
    assert "-33.3 % worse" in page.text
    assert any("trend-" in source for source in page.attributes("img", "src"))
    assert not any("trend-" in source for source in Page(folder / "index.html").attributes("img", "src"))


def test_what_has_no_interval_of_a_ratio_is_not_judged() -> None:
    """It moves with the load of the machine; its samples of one run do not show how much."""
    report = sample()
    metrics = [dataclasses.replace(m, value=m.value / 9, ratio=m.ratio and m.ratio / 9) for m in report.metrics]
    found = changes(dataclasses.replace(report, metrics=metrics), report)
    known = {metric_key(m) for m in report.metrics if m.ratio_low is not None and m.ratio_high is not None}
    judged = {key for key, change in found.items() if change.verdict != "same"}
    assert judged
    assert judged <= known < found.keys()


def test_only_equal_figures_are_compared() -> None:
    report = sample()
    other = dataclasses.replace(
        report, metrics=[dataclasses.replace(m, site=Site("b", "", "x")) for m in report.metrics]
    )
    assert changes(report, other) == {}
    assert {change.verdict for change in changes(report, report).values()} == {"same"}
    assert series([report, report]) == []


def test_equal_accesses_are_one_cell() -> None:
    access = Access("allow a", "g1", "a", "allowed", "allowed", "b", "x86_64", "pci", operation="create")
    others = [dataclasses.replace(access, operation="attach"), dataclasses.replace(access, seen="refused")]
    (picture,) = pictures([access, *others, access], "b")
    assert [picture.document.count(f">{text}</text>") for text in ("a", "a, attach", "a, expected allowed")] == [
        1,
        1,
        1,
    ]


def test_long_matrix_is_cut_into_pages() -> None:
    accesses = [
        Access(f"allow a{n}", "g1", "a", "allowed", "allowed", "b", "x86_64", "pci")
        for n in range(ROWS_PER_PICTURE + 1)
    ]
    parts = pictures(accesses, "b")
    assert len(parts) == 2
    assert [part.document.count(">a</text>") for part in parts] == [ROWS_PER_PICTURE, 1]


def test_matrix_in_words_names_the_deviation() -> None:
    wrong = Access("allow a", "g1", "zeta", "refused", "allowed", "b", "x86_64", "pci")
    (picture,) = pictures([wrong], "b")
    assert "1 other than expected: g1 zeta under allow a: allowed" in picture.alternative
    assert ">zeta, expected refused</text>" in picture.document


def test_names_of_any_characters_make_a_whole_picture() -> None:
    names = ["", "<&>", "'\"", "ä" * 31, "]]>", "a" * 200]
    accesses = [Access(f"deny {name}", name, name, None, "refused", "b", "x86_64", "pci") for name in names]
    (picture,) = pictures(accesses, "<b>")
    ElementTree.fromstring(picture.document)
    assert "all as expected or not judged" in picture.alternative


def test_styles_become_attributes() -> None:
    before = '<svg a="1"><defs><style type="text/css">*{x: y; z: t}</style></defs><g style="fill: none; q: r"/></svg>'
    assert without_styles(before) == '<svg x="y" z="t" a="1"><g fill="none" q="r"/></svg>'


def test_no_rule_and_no_guest_is_cut_in_a_picture() -> None:
    rule = "allow telemetry_of_the_front_axle_and_of_the_rear_axle* subst front_axle,vm0-of-the-cluster-"
    access = Access(f"{rule}, deny *", "cluster-of-the-instruments", "a" * 200, "allowed", "allowed", "b", "x", "pci")
    (picture,) = pictures([access], "b")
    words = [element.text or "" for element in ElementTree.fromstring(picture.document).iter() if "text" in element.tag]
    assert rule.replace(" ", "") in "".join(words).replace(" ", "")
    assert "cluster-of-the-instruments" in "".join(words).replace(" ", "")
    assert f"{'a' * 40}… (200 characters)" in words


def test_cells_of_a_table_know_their_heading() -> None:
    table = (
        '<table><thead><tr><th scope="col">A</th><th colspan="2">B &amp; <i>C</i><br>d</th><th>E</th></tr></thead>'
        '<tbody><tr class="group"><th colspan="4">g</th></tr><tr><th scope="row">1</th><td>2</td><td class="x">3</td>'
        "<td>4</td></tr></tbody></table>"
    )
    headed = labelled(f"{table}<table><tr><td>1</td><td>2</td></tr></table>")
    assert re.findall(r'<t[dh][^>]*data-head="([^"]*)"[^>]*>(\d)', headed) == [
        ("B &amp; C d", "2"),
        ("B &amp; C d", "3"),
        ("E", "4"),
    ]
    assert re.sub(' data-head="[^"]*"', "", headed).startswith(table)
