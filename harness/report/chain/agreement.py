# SPDX-License-Identifier: Apache-2.0
"""Whether the other files of a run say what its journal says."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from harness import commit
from harness.report.chain import manifest
from harness.report.evidence import folder, merge, reader
from harness.report.evidence.model import Case, Report, ReportError, Run
from harness.report.exports import junit
from harness.report.pages import html, sessions, view
from harness.report.scope.provenance import harness_version

_SHOWN: Final = 5
_FAILURE: Final = "failure"
_ENDED: Final = "CaseEnded"

Finding = tuple[str, str]
"""A file, and what it says otherwise."""


def with_report(run: Path, report: Report) -> Iterator[Finding]:
    """Each disagreement with the report that the journal gives."""
    yield from of_sessions(run, report)
    yield from _results(run, report)
    yield from _junit(run, report)
    yield from _pages(run, report)


def of_sessions(run: Path, report: Report) -> Iterator[Finding]:
    """The same of what the sessions wrote besides their journals, which nothing makes again."""
    yield from _names(run, report)
    yield from _events(run, report)
    yield from _evidence(run, report)


def _names(run: Path, report: Report) -> Iterator[Finding]:
    """The manifest and the journal are of one run; sessions say the same of themselves."""
    try:
        named = manifest.read(run).run
    except ReportError:
        # Told as a change of the manifest.
        named = report.run.id
    if named != report.run.id:
        yield manifest.MANIFEST, f"is of the run {named}, the journal is of {report.run.id}"
    for session in merge.sessions(run):
        first = (session / folder.JOURNAL).open(encoding="utf-8").readline()
        if session.name not in first:
            yield f"{session.relative_to(run).as_posix()}/{folder.JOURNAL}", f"is not of the session {session.name}"


def _results(run: Path, report: Report) -> Iterator[Finding]:
    path = run / folder.RESULTS
    derived = reader.to_json(report)
    try:
        data = path.read_bytes()
    except OSError as error:
        yield folder.RESULTS, f"cannot be read: {error.strerror}"
        return
    if data == derived:
        return
    try:
        said = json.loads(data)
    except ValueError as error:
        yield folder.RESULTS, f"is damaged: {error}"
        return
    differences = list(_differences(said, json.loads(derived), ""))
    for text in differences[:_SHOWN]:
        yield folder.RESULTS, text
    if len(differences) > _SHOWN:
        yield folder.RESULTS, f"and {len(differences) - _SHOWN} more differences"
    if not differences:
        yield folder.RESULTS, "says the same in another form"


def _differences(said: Any, derived: Any, where: str) -> Iterator[str]:
    if isinstance(said, dict) and isinstance(derived, dict):
        # In the order of the report, so that what was said of the run as a whole comes first.
        for key in [*derived, *(key for key in said if key not in derived)]:
            place = f"{where}.{key}" if where else key
            if key not in said:
                yield f"{place} is missing"
            elif key not in derived:
                yield f"{place} is not of the journal"
            else:
                yield from _differences(said[key], derived[key], place)
    elif isinstance(said, list) and isinstance(derived, list):
        if len(said) != len(derived):
            yield f"{where} has {len(said)} entries, the journal gives {len(derived)}"
        for number, (one, other) in enumerate(zip(said, derived, strict=False)):
            yield from _differences(one, other, f"{where}[{number}]")
    elif said != derived:
        yield f"{where} is {_short(said)}, the journal gives {_short(derived)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _junit(run: Path, report: Report) -> Iterator[Finding]:
    path = run / folder.JUNIT
    if not path.is_file():
        yield folder.JUNIT, "is not there"
        return
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError) as error:
        yield folder.JUNIT, f"is damaged: {error}"
        return
    said = {}
    for case in root.iter("testcase"):
        properties = {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        if "verdict" in properties:
            said[(properties.get("bench", ""), case.get("name", ""))] = properties["verdict"]
    derived = {(case.site.bench, _junit_name(case)): case.attempts or case.verdict for case in report.cases}
    for key, verdict in derived.items():
        # Of several attempts the file has the last one.
        other = said.get(key)
        if other is not None and isinstance(verdict, str) and other != verdict:
            yield folder.JUNIT, f"{key[1]} on {key[0] or 'no bench'} is {other}, the journal gives {verdict}"
    missing = sorted(derived.keys() - said.keys())
    if missing:
        yield folder.JUNIT, f"{len(missing)} tests of the journal are not in it, the first: {missing[0][1]}"
    elif not junit.agrees(root, report):
        yield folder.JUNIT, "its test cases do not end as the journal gives"


def _junit_name(case: Case) -> str:
    """Name a case as pytest's JUnit file does: without file and class, with its parameters."""
    path, bracket, parameters = case.test.partition("[")
    return f"{path.split('::')[-1]}{bracket}{parameters}"


def _events(run: Path, report: Report) -> Iterator[Finding]:
    """Each session told the end of each test to whoever listened, and wrote that down as well."""
    verdicts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in report.cases:
        verdicts[case.site.bench, case.test] |= {view.shown_verdict(case), *(each.verdict for each in case.attempts)}
    for session in merge.sessions(run) or [run]:
        path = session / folder.EVENTS
        name = path.relative_to(run).as_posix()
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if _ENDED not in line:
                continue
            try:
                event = json.loads(line)
                key, verdict = (event.get("bench", ""), event["case"]), event["verdict"]
            except (ValueError, KeyError, AttributeError, TypeError):
                yield name, "is damaged"
                break
            if key in verdicts and verdict not in verdicts[key]:
                yield name, f"{key[1]} ended as {verdict}, the journal gives {' and '.join(sorted(verdicts[key]))}"


def _evidence(run: Path, report: Report) -> Iterator[Finding]:
    """The files of evidence that the journal names are there, and a test that passed has none of a failure."""
    for case in report.cases:
        for path in case.evidence:
            if not (run / path).is_file():
                yield path, f"evidence of {case.test} is not there"
        told = [path for path in case.evidence if PurePosixPath(path).name.startswith(_FAILURE)]
        if told and not case.attempts and case.verdict in ("pass", "recorded", "skipped"):
            yield told[0], f"tells of a failure of {case.test}, the journal gives {case.verdict}"


def _pages(run: Path, report: Report) -> Iterator[Finding]:
    """The pages, word by word; for a run of another harness, which may word them otherwise, the head of the first."""
    if not (run / folder.INDEX).is_file():
        # The pages of a session that is a part of a run are those of the run.
        if sessions.OF_A_PART not in report.run.command.split():
            yield folder.INDEX, "is not there"
    elif html.head(report) not in _text(run / folder.INDEX):
        yield folder.INDEX, "its verdict and its scope are not those of the journal"
    elif _of_this_harness(report.run):
        for page, text in html.made_again(report, run).items():
            if _text(run / page) != text:
                yield page, "is not the page that the journal gives"


def _of_this_harness(run: Run) -> bool:
    """Whether the harness that made the run is this one, without changes that no commit has."""
    known, _ = commit.of_harness()
    return (run.harness_version, run.harness_commit) == (harness_version(), known) and not known.endswith(
        commit.CHANGED
    )


def _text(path: Path) -> str:
    """What a page says; one that is not there says nothing."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
