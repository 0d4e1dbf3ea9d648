# SPDX-License-Identifier: Apache-2.0
"""JUnit files that say what the report says.

pytest writes the file of a session, and knows the reports alone that reach it: what a conftest swallows or a plugin
tries again passes there. CI reads this file, so each test case gets the verdict of its report, and the attributes of
the suites are counted again.
"""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from harness.errors import EXIT_REQUIREMENT_FAILED
from harness.report.evidence import folder
from harness.report.evidence.document import accepted
from harness.report.evidence.model import Case, Report, Run

_BAD: Final = ("error", "failure")
_ENDS: Final = (*_BAD, "skipped")
_COUNTED: Final = (("errors", "error"), ("failures", "failure"), ("skipped", "skipped"))
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OF_THE_RUN: Final = "harness"
"""What suite and class of a test case are called that stands for the run itself."""
_RUN: Final = "the run"

_Address = tuple[str, str]


def suites(path: Path) -> list[ElementTree.Element]:
    """The suites of a JUnit file; none of one that is not there, or that its writer did not finish."""
    try:
        return list(ElementTree.parse(path).iter("testsuite"))
    except (FileNotFoundError, ElementTree.ParseError):
        return []


def write(path: Path, found: Sequence[ElementTree.Element], report: Report) -> None:
    """Write the suites as one file, in which each test case has the verdict of the report. Raises OSError."""
    root = ElementTree.Element("testsuites")
    root.extend(found)
    _agree_with(root, report)
    folder.write_whole(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def agrees(root: ElementTree.Element, report: Report) -> bool:
    """Whether a file, by its outermost element, says of each test and of the run what the report says."""
    settled = copy.deepcopy(root)
    _agree_with(settled, report)
    return ElementTree.tostring(settled) == ElementTree.tostring(root)


def _agree_with(root: ElementTree.Element, report: Report) -> None:
    _settle(root, report.cases)
    _speak_for_the_run(root, report.run)
    for suite in root:
        cases = suite.findall("testcase")
        suite.set("tests", str(len(cases)))
        for attribute, end in _COUNTED:
            suite.set(attribute, str(sum(case.find(end) is not None for case in cases)))


def _settle(root: ElementTree.Element, cases: Sequence[Case]) -> None:
    said: dict[_Address, list[ElementTree.Element]] = defaultdict(list)
    for element in root.iter("testcase"):
        said[element.get("classname", ""), element.get("name", "")].append(element)
    derived: dict[_Address, list[Case]] = defaultdict(list)
    for case in cases:
        derived[_address(case, said)].append(case)
    for address, group in derived.items():
        elements = said[address]
        if elements and Counter(map(_end, elements)) == Counter(map(_wanted, group)):
            continue
        if not elements:
            elements = [_of_case(root, address, case) for case in group]
        _join(root, elements[: -len(group)], elements[-1])
        for element, case in zip(elements[-len(group) :], group, strict=False):
            _agree(element, case)


def _address(case: Case, said: dict[_Address, list[ElementTree.Element]]) -> _Address:
    """Class and name of a case as pytest has them in its file; the class may have a prefix that the user asked for."""
    path, bracket, parameters = case.test.partition("[")
    file, *names = path.split("::")
    module = file.removesuffix(".py").replace("/", ".")
    group = _xml(".".join([module, *names[:-1]]))
    name = _xml("".join([*names[-1:], bracket, parameters]))
    prefixed = (one for one in said if one[1] == name and one[0].endswith(f".{group}"))
    return (group, name) if (group, name) in said else next(prefixed, (group, name))


def _end(element: ElementTree.Element) -> str:
    return next((name for name in _ENDS if element.find(name) is not None), "")


def _wanted(case: Case) -> str:
    """The end of a case; a failure that is accepted has the one that pytest gives to an expected failure."""
    if case.verdict == "fail":
        return "skipped" if accepted(case) else "failure"
    return case.verdict if case.verdict in _ENDS else ""


def _join(root: ElementTree.Element, earlier: Sequence[ElementTree.Element], last: ElementTree.Element) -> None:
    """Leave the last of several elements of one case, which has what went wrong in the ones before."""
    for element in earlier:
        last.extend(child for child in element if child.tag in _BAD)
        for suite in root:
            if element in list(suite):
                suite.remove(element)


def _agree(element: ElementTree.Element, case: Case) -> None:
    """Have an element end as its case did."""
    wanted = _wanted(case)
    ends = [child for child in element if child.tag in _ENDS]
    # What pytest said of a failure is worth keeping where it is an error, and the other way round.
    alike = [child for child in ends if child.tag == wanted or {child.tag, wanted} <= {*_BAD}]
    kept = next((child for child in alike if child.tag == wanted), next(iter(alike), None))
    for child in ends:
        if child is not kept:
            element.remove(child)
    if kept is not None:
        kept.tag = wanted
    elif wanted:
        _say(element, wanted, case.reason)
    for each in element.iter("property"):
        if each.get("name") == "verdict":
            each.set("value", case.verdict)


def _speak_for_the_run(root: ElementTree.Element, run: Run) -> None:
    """A run that failed by none of its tests has a test case of its own that failed.

    One of a session says nothing any more where that is a part of a run: a bench without any of the selected tests is
    no error there.
    """
    text = "\n".join(_reasons(run))
    for suite in root:
        for case in suite.findall(f"testcase[@classname='{_OF_THE_RUN}'][@name='{_RUN}']"):
            suite.remove(case)
    if run.verdict == "fail" and not any(_end(case) in _BAD for case in root.iter("testcase")):
        end = "failure" if run.exit_status == EXIT_REQUIREMENT_FAILED else "error"
        _say(_added(root, _OF_THE_RUN, _RUN), end, text)


def _reasons(run: Run) -> Iterator[str]:
    yield f"the verdict of the run is {run.verdict.upper()}"
    yield from run.reasons


def _added(root: ElementTree.Element, group: str, name: str) -> ElementTree.Element:
    """A new test case, in the only suite of the file or in one of the harness."""
    known = root.find(f"testsuite[@name='{_OF_THE_RUN}']")
    suite = root[0] if len(root) == 1 else known
    if suite is None:
        suite = ElementTree.SubElement(root, "testsuite", name=_OF_THE_RUN)
    return ElementTree.SubElement(suite, "testcase", classname=group, name=name, time="0.000")


def _of_case(root: ElementTree.Element, address: _Address, case: Case) -> ElementTree.Element:
    """A new test case for one of which pytest has written none."""
    element = _added(root, *address)
    properties = ElementTree.SubElement(element, "properties")
    for name, value in (("bench", case.site.bench), ("verdict", case.verdict)):
        ElementTree.SubElement(properties, "property", name=name, value=_xml(value))
    return element


def _say(element: ElementTree.Element, end: str, text: str) -> None:
    ElementTree.SubElement(element, end, message=_xml(text)).text = _xml(text)


def _xml(text: str) -> str:
    """The text with escapes in the place of what XML does not take, in pytest's form."""
    return _NO_XML.sub(
        lambda found: f"#x{ord(found[0]):02X}" if ord(found[0]) <= 0xFF else f"#x{ord(found[0]):04X}", text
    )
