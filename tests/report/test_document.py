# SPDX-License-Identifier: Apache-2.0
"""From journals to reports, and the reader's errors."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import main
from harness.report.evidence import journal, reader
from harness.report.evidence.codec import decode, encode
from harness.report.evidence.document import build, results
from harness.report.evidence.folder import safe_name
from harness.report.evidence.journal import (
    Began,
    CaseDone,
    ComponentsRecorded,
    Ended,
    Entry,
    ItemIdentified,
    LookedAt,
    Narrowed,
    PlanMade,
    RunError,
    ScopeSet,
)
from harness.report.evidence.model import (
    BenchScope,
    Case,
    Component,
    KnownFailure,
    Narrowing,
    Planned,
    Report,
    ReportError,
    Requirement,
    Source,
)
from harness.site import Site

BEGAN = Began("run", "2026-01-01T00:00:00+00:00", "pytest", "1", "abc", "", "", sources=[Source("the harness", "abc")])
ENDED = Ended("2026-01-01T00:01:00+00:00")
KNOWN = KnownFailure("reason", "link", "2999-01-01", expired=False)


def case(test: str, verdict: str, *requirements: str, bench: str = "left", **more: Any) -> Case:
    """A case with ordinary values where nothing is said."""
    fields: dict[str, Any] = {
        "site": Site(bench, "x86_64", "pci", "probe", "serial"), "duration_s": 1.0,
        "setup_s": 0.5, "call_s": 0.4, "teardown_s": 0.1, "started": "2026-01-01T00:00:01+00:00",
    }  # fmt: skip
    return Case(test=test, requirements=list(requirements), verdict=verdict, **(fields | more))  # type: ignore[arg-type]


def report_of(*cases: Case, more: tuple[Entry, ...] = ()) -> Report:
    """The report of a run that ended with these cases."""
    return build([BEGAN, *(CaseDone(each) for each in cases), *more, ENDED])


@pytest.mark.parametrize(
    ("verdicts", "decided", "by"),
    [
        (["pass", "skipped"], "pass", 0),
        (["pass", "error", "fail", "fail"], "fail", 2),
        (["pass", "error"], "error", 1),
        (["skipped", "skipped"], "skipped", 0),
        (["recorded", "pass"], "pass", 1),
    ],
)
def test_deciding_test(verdicts: list[str], decided: str, by: int) -> None:
    (record,) = results(case(f"t{index}", verdict, "R") for index, verdict in enumerate(verdicts))
    assert (record.verdict, record.test) == (decided, f"t{by}")
    assert record.duration_s == len(verdicts)


def test_fresh_failure_decides_before_an_accepted_one() -> None:
    (record,) = results([case("known", "fail", "R", known_failure=KNOWN), case("fresh", "fail", "R")])
    assert record.test == "fresh"


def test_error_decides_before_an_accepted_failure() -> None:
    (record,) = results([case("known", "fail", "R", known_failure=KNOWN), case("broken", "error", "R")])
    assert record.test == "broken"


def test_attempts_belong_to_the_test_before_them_also_in_merged_sessions() -> None:
    left = [case("t", "fail", "R", attempt=1), case("t", "pass", "R", attempt=2)]
    right = [case("t", "pass", "R", bench="right"), case("u", "pass", "R", bench="right")]
    report = report_of(*left, *right)
    assert [(each.test, each.site.bench, each.verdict, len(each.attempts)) for each in report.cases] == [
        ("t", "left", "fail", 2),
        ("t", "right", "pass", 0),
        ("u", "right", "pass", 0),
    ]
    assert report.cases[0].duration_s == 2.0


def test_an_accepted_failure_hides_no_error_of_another_attempt() -> None:
    both = [case("t", "fail", "R", known_failure=KNOWN), case("t", "error", "R", attempt=2)]
    assert report_of(*both).run.exit_status == 2
    assert report_of(both[0], case("t", "pass", "R", attempt=2), more=WHOLE).run.exit_status == 0


def test_narrowing_of_sessions_is_counted_once_for_functions_and_together_for_tests() -> None:
    each = Narrowed([Narrowing(3, "test", "deselected", "-k x"), Narrowing(2, "test function", "not collected", "y")])
    narrowed = report_of(case("t", "pass", "R"), more=(each, each)).run.narrowed
    assert [str(line) for line in narrowed] == [
        "narrowed: 6 tests deselected, by -k x",
        "narrowed: 2 test functions not collected, by y",
    ]


def test_requirement_that_is_only_recorded_next_to_one_that_is_judged() -> None:
    judged, recorded = results([case("t", "pass", "R-1", "R-2", recorded_only=["R-2"])])
    assert (judged.verdict, recorded.verdict) == ("pass", "recorded")


@pytest.mark.parametrize("field", ["bench", "architecture", "placement", "guest_image", "via"])
def test_each_site_has_its_own_record(field: str) -> None:
    one = case("t", "pass", "R")
    other = dataclasses.replace(one, site=dataclasses.replace(one.site, **{field: "other"}))
    assert len(results([one, other])) == 2


WHOLE = (ScopeSet([BenchScope("left", "device", "7.0", "everything", ["R"])]), LookedAt(["a", "t"]))


@pytest.mark.parametrize(
    ("cases", "status"),
    [
        ([case("a", "pass", "R")], 0),
        ([case("a", "recorded", "R")], 4),
        ([case("a", "pass"), case("b", "skipped", "R")], 4),
        ([case("not looked at", "pass", "R")], 4),
        ([case("a", "pass", "R"), case("b", "skipped", "R")], 0),
        ([case("a", "pass", "R"), case("b", "fail", known_failure=KNOWN)], 0),
        ([case("a", "pass"), case("b", "fail")], 1),
        ([case("a", "fail"), case("b", "error")], 1),
        ([case("a", "pass"), case("b", "error")], 2),
        ([case("a", "pass"), case("b", "skipped", bench="right")], 2),
        ([], 2),
    ],
)
def test_exit_status(cases: list[Case], status: int) -> None:
    run = report_of(*cases, more=WHOLE).run
    assert (run.exit_status, run.verdict) == (status, {0: "pass", 4: "partial"}.get(status, "fail"))
    assert bool(run.reasons) == (run.verdict == "fail")


def test_an_error_outside_of_tests_fails_the_run() -> None:
    assert report_of(case("a", "pass"), more=(RunError("disk full"),)).run.reasons == ["disk full"]


def test_without_an_end_there_is_no_pass() -> None:
    run = build([BEGAN, CaseDone(case("a", "pass"))]).run
    assert (run.finished, run.verdict, run.exit_status) == (False, "fail", 2)


def test_requirements_that_nothing_names() -> None:
    began = dataclasses.replace(BEGAN, catalogue=[Requirement(name, "") for name in ("R-1", "R-2", "R-3")])
    plan = PlanMade([Planned("b", ["R-2"])])
    assert build([began, plan, CaseDone(case("a", "pass", "R-1")), ENDED]).not_tested == ["R-3"]


def test_components_are_listed_once() -> None:
    parts = ComponentsRecorded([Component("qemu", "11", "ab")])
    assert report_of(more=(parts, parts)).run.parts == [Component("qemu", "11", "ab")]


def test_report_survives_json() -> None:
    report = report_of(case("a", "fail", "R", known_failure=KNOWN))
    assert decode(Report, json.loads(reader.to_json(report)), "results.json") == report


def test_newer_fields_are_passed_over() -> None:
    data = encode(report_of(case("a", "pass", "R")))
    data["results"][0]["colour"] = "blue"
    assert decode(Report, data, "results.json").results[0].requirement == "R"


def test_journal_that_was_cut_in_the_middle_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with journal.Journal(path) as writing:
        for entry in (BEGAN, CaseDone(case("a", "pass")), CaseDone(case("b", "pass"))):
            writing.write(entry)
    whole = path.read_text()
    for length in range(len(whole)):
        path.write_text(whole[:length])
        assert len(journal.read(path)) == whole[:length].count("\n")


def test_a_host_that_is_another_one_when_it_comes_up_again_keeps_the_run_from_a_pass() -> None:
    """As when somebody updates the hypervisor between two sessions. What is unknown is no contradiction."""
    facts: list[dict[str, str]] = [{"qvm": "unknown"}, {"qvm": "1f", "system": "8.0"}, {"qvm": "1f"}]
    same = tuple(ItemIdentified("left", each) for each in facts)

    def conflicts(*more: Entry) -> list[str]:
        found = report_of(case("a", "pass", "R"), more=(*same, *more)).run.shortfalls
        return [each.text for each in found if each.kind == "conflict"]

    assert conflicts(ItemIdentified("right", {"qvm": "2e"})) == []
    assert conflicts(ItemIdentified("left", {"qvm": "2e"})) == ["qvm of left was 1f at first, and then 2e"]


def test_journal_with_a_damaged_line(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"entry":"Ended","ended":"x"}\n{"entry":"Beg\n')
    with pytest.raises(ReportError, match=r"journal\.jsonl:2: damaged line"):
        reader.read(tmp_path)


def _damage(tmp_path: Path, path: list[str | int], value: object) -> str:
    data = encode(report_of(case("a", "pass", "R")))
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    (tmp_path / "results.json").write_text(json.dumps(data))
    with pytest.raises(ReportError) as raised:
        reader.read(tmp_path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            ["results", 0, "verdict"],
            "good",
            "results.json.results[0].verdict: found 'good', expected one of pass, fail",
        ),
        (["results", 0, "bench"], ..., "results.json.results[0]: the field 'bench' is missing"),
        (["run", "duration_s"], "long", "results.json.run.duration_s: found 'long', expected a number"),
        (["run", "duration_s"], True, "results.json.run.duration_s: found True, expected a number"),
        (["run", "finished"], 1, "results.json.run.finished: found 1, expected true or false"),
        (["run", "exit_status"], True, "results.json.run.exit_status: found True, expected a whole number"),
        (["metrics"], {}, "results.json.metrics: found {}, expected a list"),
        (["schema"], 99, "has format version 99"),
        (["run"], ..., "the field 'run' is missing"),
    ],
)
def test_damaged_results_are_reported_with_their_position(
    tmp_path: Path, path: list[str | int], value: object, expected: str
) -> None:
    assert expected in _damage(tmp_path, path, value)


def test_results_that_are_no_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text('{"run": ')
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "results.json is damaged" in error
    assert "remedy:" in error


def test_folder_without_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "has no journal.jsonl, so its verdicts cannot be derived" in capsys.readouterr().err
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 2
    assert "neither results.json nor journal.jsonl is there" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "nothing")]) == 3


@given(st.text(max_size=200), st.text(max_size=200))
def test_file_names_are_safe_and_tell_apart(one: str, other: str) -> None:
    for text in (one, other):
        assert 0 < len(safe_name(text)) <= 90
        assert not set(safe_name(text)) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        assert not safe_name(text).startswith(".")
    assert (safe_name(one) == safe_name(other)) == (one == other)
