# SPDX-License-Identifier: Apache-2.0
"""The pages of a report: plain HTML with a style sheet and pictures next to it.

Jenkins shows published pages under a content policy that blocks scripts and inline styles, so there are none. The
pages are made from the report alone, and the same report gives the same bytes.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jinja2
from jinja2.bccache import Bucket

from harness.errors import BenchError, HarnessError
from harness.measure.statistics import PERCENTILES
from harness.paths import readable
from harness.process.command import reason
from harness.provision.cache import cache_dir
from harness.report.evidence import folder
from harness.report.evidence.document import accepted
from harness.report.evidence.model import Access, Case, Report, Run
from harness.report.figures import nights, thresholds
from harness.report.pages import figures, matrix, readings, system, titles, trend, view
from harness.report.pages.labels import labelled
from harness.report.scope import proofs

if TYPE_CHECKING:
    from harness.report.pages.plots import Plot

ACCESS_PAGE: Final = "access.html"
TESTS_PAGE: Final = "tests.html"
_PAGES: Final = (folder.INDEX, TESTS_PAGE, ACCESS_PAGE)
_LINKED: Final = (folder.RESULTS, folder.JUNIT, folder.JOURNAL, proofs.COPY)
_HEAD: Final = "verdict.html.j2"
_STYLE: Final = "style.css"
_SHOWN_CASES: Final = 20
_PICTURES: Final = "pictures"
_TEMPLATES: Final = "templates"


@dataclass(frozen=True)
class Image:
    """A picture in a page: path relative to the page, heading, content in words."""

    path: str
    title: str
    alternative: str


def write(target: Path, report: Report, earlier: Sequence[Report] = ()) -> None:
    """Write the pages of ``report`` into the folder ``target``, whose evidence they link.

    ``earlier`` are reports to compare figures with; the newest of them is the baseline. Raises OSError when the folder
    cannot be written.
    """
    pictures = target / _PICTURES
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir()
    context = _context(report, earlier, target)
    pages = _environment()
    for page in _PAGES:
        folder.write_whole(target / page, rendered(pages, f"{page}.j2", context).encode())
    write_style(target)


def made_again(report: Report, run: Path) -> dict[str, str]:
    """The text of each page of ``report`` as ``write`` makes it for the folder ``run``, where nothing is written."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in _LINKED:
            if (run / name).is_file():
                Path(scratch, name).touch()
        write(Path(scratch), report)
        return {page: Path(scratch, page).read_text(encoding="utf-8") for page in _PAGES}


def write_style(target: Path) -> None:
    """Put the style sheet next to pages in the folder ``target``. Raises OSError."""
    style = resources.files("harness.report").joinpath("templates", _STYLE).read_bytes()
    folder.write_whole(target / _STYLE, style)


def environment(package: str) -> jinja2.Environment:
    """The templates of a package, for pages."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=_compiled(),
    )


class _Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates in the cache: compiling them took a tenth of a short session (observed)."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, unless there is no room or the cache cannot be written."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def _compiled() -> _Compiled | None:
    try:
        place = cache_dir() / _TEMPLATES
        place.mkdir(parents=True, exist_ok=True)
    except (OSError, HarnessError):
        return None
    return _Compiled(str(place))


def rendered(pages: jinja2.Environment, template: str, context: Mapping[str, Any]) -> str:
    """What one of these templates makes, with tables that can be read in a narrow window."""
    return labelled(pages.get_template(template).render(context))


def render(template: str, context: Mapping[str, Any]) -> str:
    """A page of its own, made with the means of a report."""
    return rendered(_environment(), template, context)


def head(report: Report) -> str:
    """What the first page says of item, verdict and scope, as it stands in it."""
    context = {
        "report": report,
        "run": report.run,
        "titles": titles.titles(report),
        "deviations": view.deviations(report),
    }
    return render(_HEAD, context)


def last_line(run: Run, page: Path) -> str:
    """The verdict in one line, for the end of a terminal session."""
    return f"qualification: {run.verdict.upper()}  report: {readable(str(page))}"


def accepted_failures(cases: Iterable[Case]) -> Iterator[str]:
    """A line for each failure that is accepted: the verdict does not show it."""
    found = [(case.test, case.known_failure) for case in cases if accepted(case) and case.known_failure]
    for test, known in found[:_SHOWN_CASES]:
        yield f"accepted until {known.expires}: {test} failed ({readable(known.reason)})"
    if len(found) > _SHOWN_CASES:
        yield f"accepted: {len(found) - _SHOWN_CASES} more, see the report"


def failures(cases: Iterable[Case]) -> Iterator[str]:
    """What failed or broke, a line each, for the end of a terminal session."""
    bad = [case for case in cases if case.verdict in ("fail", "error") and not accepted(case)]
    for case in bad[:_SHOWN_CASES]:
        what = readable(f"{' '.join(case.requirements)} {case.test}: {case.why}".strip())
        yield f"{case.verdict}: {what}"
    if len(bad) > _SHOWN_CASES:
        yield f"and {len(bad) - _SHOWN_CASES} more, see the report"


def without_report(error: OSError, run: Path) -> str:
    """What is said when the report could not be written into the folder ``run``."""
    journal = run / folder.JOURNAL
    kept = journal.is_file()
    problem = BenchError(
        f"the report could not be written: {reason(error)}",
        remedy=f"fix that, then run: harness report {run}" if kept else "",
    )
    left = f"{journal} has the verdicts up to then" if kept else f"no evidence is left in {run}"
    return f"error: {problem}\nqualification: FAIL  no report: {left}"


def _context(report: Report, earlier: Sequence[Report], target: Path) -> dict[str, Any]:
    baseline = max(earlier, key=lambda old: old.run.started, default=None)
    return {
        "report": report,
        "run": report.run,
        "titles": titles.titles(report),
        "counts": view.counts(report),
        "sites": view.sites(report),
        "groups": view.requirement_groups(report, titles.NotTried(report).why),
        "statements": {requirement.id: requirement for requirement in report.requirements},
        "matrices": _matrices(report, target / _PICTURES),
        "deviating_access": [access for access in report.access if matrix.deviates(access)],
        "placements": view.placement_table(report),
        "figures": figures.ordered(report.metrics),
        "history": report.history,
        "regressed": nights.regressed(report.history),
        "history_plots": _history_plots(report, target / _PICTURES),
        "thresholds": thresholds.worst_first(report.thresholds),
        "distributions": figures.distributions(report.metrics),
        "percentiles": PERCENTILES,
        "site_labels": figures.site_labels(report.metrics),
        "plots": _plots(report, earlier, target / _PICTURES),
        "baseline": baseline,
        "changes": trend.changes(report, baseline) if baseline else {},
        "deviations": view.deviations(report),
        "healed": view.healed(report),
        "skipped": view.skipped(report),
        "readings": readings.by_bench(report.cases),
        "components": view.notable_components(report),
        "libraries": view.libraries_by_kind(report),
        "systems": system.chapters(report),
        "files": [name for name in _LINKED if (target / name).is_file()],
    }


def _matrices(report: Report, pictures: Path) -> dict[str, list[Image]]:
    """The access matrix per bench and placement."""
    grouped: dict[str, list[Access]] = {}
    for access in report.access:
        grouped.setdefault(" ".join(filter(None, (access.bench, access.placement))), []).append(access)
    images: dict[str, list[Image]] = {}
    for label, accesses in grouped.items():
        for number, picture in enumerate(matrix.pictures(accesses, label), 1):
            name = f"access-{folder.safe_name(label)}-{number}.svg"
            (pictures / name).write_text(picture.document, encoding="utf-8")
            images.setdefault(label, []).append(Image(f"{_PICTURES}/{name}", label, picture.alternative))
    return images


def _plots(report: Report, earlier: Sequence[Report], pictures: Path) -> list[Image]:
    if not report.metrics:
        return []
    # matplotlib takes half a second to import: only a report with figures pays for it.
    from harness.report.pages import plots

    drawn = [*plots.throughput(report.metrics), *plots.rates(report.metrics), *plots.latency(report.metrics)]
    return _written([*drawn, *plots.trends(trend.series([*earlier, report]))], pictures)


def _history_plots(report: Report, pictures: Path) -> list[Image]:
    if not report.history:
        return []
    # For the same reason.
    from harness.report.pages import nights as plots_of_nights

    return _written(plots_of_nights.history(report.history), pictures)


def _written(drawn: Sequence[Plot], pictures: Path) -> list[Image]:
    images = []
    for plot in drawn:
        name = f"{folder.safe_name(plot.stem)}.svg"
        (pictures / name).write_text(plot.document, encoding="utf-8")
        images.append(Image(f"{_PICTURES}/{name}", plot.title, plot.alternative))
    return images


def _environment() -> jinja2.Environment:
    made = environment("harness.report")
    made.filters |= {
        "seconds": view.seconds,
        "figure": view.figure,
        "moment": view.moment,
        "anchor": view.anchor,
        "with_code": view.with_code,
        "short_test": view.short_test,
        "file_name": view.file_name,
        "breakable": view.breakable,
        "shown": view.shown_verdict,
        "block_size": figures.block_size,
        "shown_ratio": figures.shown_ratio,
        "shown_value": figures.shown_value,
        "shown_reference": figures.shown_reference,
        "conditions": figures.conditions,
        "change_key": trend.metric_key,
        "found": thresholds.found,
        "asked": thresholds.asked,
    }
    made.tests["deviating"] = matrix.deviates
    made.globals["signs"] = view.SIGNS
    return made
