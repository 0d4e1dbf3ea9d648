# SPDX-License-Identifier: Apache-2.0
"""What a session leaves behind: verdicts, exit statuses, evidence."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.report.recorded_suite import SECONDS, Session, Suite

MakeSuite = Callable[[str], Suite]

EVERY_VERDICT = """
    import time
    from harness.errors import BenchError
    from harness.events import Action, session

    @pytest.mark.requirement("TST-REQ-01")
    def test_pass(bench, evidence, metrics, access_matrix):
        (evidence / "guest.qvmconf").write_text("system a")
        session.emit(Action(what="start guest", bench=bench, guest="g1"))
        metrics.record(name="write", unit="MB/s", value=900.0, reference=1000.0, block_bytes=4096)
        access_matrix.record(configuration="allow a", guest="g1", name="a", expected=True, seen=True)
        assert bench

    @pytest.mark.requirement("TST-REQ-02", "TST-REQ-03")
    def test_fail(bench):
        assert bench == "left", "the wrong one"

    @pytest.mark.requirement("TST-REQ-03")
    def test_error(bench):
        raise BenchError("guest g1 is silent", remedy="look at its console")

    @pytest.mark.requirement("TST-REQ-04")
    def test_bug_in_the_suite(bench):
        {}["nothing"]

    @pytest.fixture
    def broken_setup():
        assert False, "asserted in a fixture"

    @pytest.mark.requirement("TST-REQ-04")
    def test_setup(bench, broken_setup): assert bench

    @pytest.fixture
    def broken_teardown():
        yield
        raise RuntimeError("guest would not stop")

    @pytest.mark.requirement("TST-REQ-05")
    def test_teardown(bench, broken_teardown): assert bench

    @pytest.mark.requirement("TST-REQ-05")
    def test_fail_and_teardown(bench, broken_teardown):
        pytest.fail("device said no")

    @pytest.mark.requirement("TST-REQ-06")
    @pytest.mark.skip(reason="no such feature")
    def test_skip_mark(bench): assert bench

    @pytest.mark.requirement("TST-REQ-06")
    def test_skip_call(bench):
        pytest.skip("not today")

    @pytest.mark.requirement("TST-REC-07")
    def test_recorded(bench, observations):
        observations.record("index", 3)

    @pytest.mark.requirement("TST-REC-07")
    def test_recording_fails(bench):
        assert False

    @pytest.mark.requirement("TST-REQ-08")
    def test_group(bench):
        raise ExceptionGroup("all", [AssertionError("a"), AssertionError("b")])

    @pytest.fixture
    def slow():
        time.sleep(0.3)

    def test_time(bench, slow):
        time.sleep(0.1)
        assert bench
"""


@pytest.fixture(scope="module")
def every(make_suite: MakeSuite) -> Session:
    """A session with every verdict on two benches."""
    return make_suite(EVERY_VERDICT).run()


def test_each_outcome_has_its_verdict(every: Session) -> None:
    expected = {
        "test_pass": "pass",
        "test_error": "error",
        "test_bug_in_the_suite": "error",
        "test_setup": "error",
        "test_teardown": "error",
        "test_fail_and_teardown": "fail",
        "test_skip_mark": "skipped",
        "test_skip_call": "skipped",
        "test_recorded": "recorded",
        "test_recording_fails": "error",
        "test_group": "fail",
        "test_time": "pass",
    }
    per_bench = {f"{name}[{bench}]": verdict for name, verdict in expected.items() for bench in ("left", "right")}
    assert every.verdicts() == per_bench | {"test_fail[left]": "pass", "test_fail[right]": "fail"}


def test_one_record_per_requirement_and_bench(every: Session) -> None:
    keys = [(result["requirement"], result["bench"]) for result in every.raw["results"]]
    ids = ["TST-REC-07", *(f"TST-REQ-0{number}" for number in (1, 2, 3, 4, 5, 6, 8))]
    assert keys == [(name, bench) for name in ids for bench in ("left", "right")]


def test_fields_of_the_contract(every: Session) -> None:
    assert {"run", "results", "metrics"} <= set(every.raw)
    result = {
        "requirement", "test", "bench", "architecture", "placement", "guest_image", "via", "verdict", "duration_s",
        "evidence",
    }  # fmt: skip
    assert all(result <= set(record) for record in every.raw["results"])
    metric = {"name", "unit", "value", "reference", "ratio", "bench", "architecture", "placement"}
    assert all(metric <= set(record) for record in every.raw["metrics"])
    first = every.raw["results"][2]
    assert (first["architecture"], first["placement"], first["guest_image"]) == ("x86_64", "pci", "probe")


def test_worst_test_decides_a_requirement(every: Session) -> None:
    by_key = {(result.requirement, result.site.bench): result for result in every.report.results}
    assert by_key["TST-REQ-03", "left"].verdict == "error"
    assert by_key["TST-REQ-03", "right"].verdict == "fail"
    assert by_key["TST-REQ-03", "right"].test.endswith("test_fail[right]")
    assert {case.verdict for case in by_key["TST-REQ-03", "right"].tests} == {"fail", "error"}


def test_failed_requirement_decides_the_exit_status(every: Session) -> None:
    assert (every.status, every.raw["run"]["exit_status"], every.raw["run"]["verdict"]) == (1, 1, "fail")
    assert every.output.splitlines()[-1].startswith("qualification: FAIL  report: reports/")
    assert every.output.splitlines()[-1].endswith("/index.html")


def test_reason_tells_body_and_teardown(every: Session) -> None:
    case = next(case for case in every.report.cases if "test_fail_and_teardown" in case.test)
    assert case.reason == "device said no\nteardown: RuntimeError: guest would not stop"


def test_a_bench_error_is_reported_with_its_remedy(every: Session) -> None:
    case = next(case for case in every.report.cases if "test_error" in case.test)
    assert case.reason == "BenchError: guest g1 is silent\n  remedy: look at its console"


def test_times_belong_to_their_phases(every: Session) -> None:
    case = next(case for case in every.report.cases if "test_time" in case.test)
    assert case.setup_s >= 0.3
    assert case.call_s >= 0.1
    assert case.duration_s == pytest.approx(case.setup_s + case.call_s + case.teardown_s)


def test_evidence_is_listed_and_exists(every: Session) -> None:
    for case in every.report.cases:
        assert all((every.folder / path).is_file() for path in case.evidence)
    case = next(case for case in every.report.cases if "test_pass" in case.test)
    assert [Path(path).name for path in case.evidence] == ["events.jsonl", "guest.qvmconf"]
    failed = next(case for case in every.report.cases if "test_error" in case.test)
    assert "guest g1 is silent" in (every.folder / failed.evidence[0]).read_text()


def test_action_reaches_the_evidence_of_its_test(every: Session) -> None:
    case = next(case for case in every.report.cases if "test_pass[right]" in case.test)
    lines = (every.folder / case.evidence[0]).read_text().splitlines()
    assert [json.loads(line)["guest"] for line in lines] == ["g1"]
    assert json.loads(lines[0])["bench"] == "right"


def test_junit_has_the_properties(every: Session) -> None:
    cases = ElementTree.parse(every.folder / "junit.xml").iter("testcase")
    found = {case.get("name"): [(p.get("name"), p.get("value")) for p in case.iter("property")] for case in cases}
    assert ("verifies", "TST-REQ-02") in found["test_fail[right]"]
    assert ("verifies", "TST-REQ-03") in found["test_fail[right]"]
    assert ("bench", "right") in found["test_fail[right]"]
    assert ("architecture", "aarch64") in found["test_fail[right]"]
    assert ("verdict", "error") in found["test_teardown[left]"]


def test_progress_counts_every_test(every: Session) -> None:
    counted = re.findall(r"^\[ *(\d+)/26\] ", every.output, re.MULTILINE)
    assert [int(number) for number in counted] == list(range(1, 27))


def test_nothing_is_wrong_when_all_passes(make_suite: MakeSuite) -> None:
    session = make_suite("""
        @pytest.mark.requirement("TST-REQ-01")
        def test_a(bench): assert bench
    """).run()
    run = session.report.run
    assert (session.status, run.reasons) == (0, [])
    # The suite of this test is in no repository, and the checkout of a developer has changes.
    assert {shortfall.kind for shortfall in run.shortfalls} == {"source"}
    assert session.output.splitlines()[-1].startswith("qualification: PARTIAL  report: reports/")


def test_figures_have_their_ratio(make_suite: MakeSuite) -> None:
    session = make_suite("""
        @pytest.mark.requirement("TST-REQ-01")
        def test_a(metrics):
            metrics.record(name="plain", unit="MB/s", value=90.0, reference=100.0)
            metrics.record(name="given", unit="MB/s", value=90.0, reference=100.0, ratio=0.8)
            metrics.record(name="paired", unit="MB/s", value=2.0, reference=2.5,
                           samples=[1, 2, 3, 4, 5, 6], reference_samples=[2, 4, 6, 8, 10, 12])
            metrics.record(name="alone", unit="s", value=1.0)
    """).run()
    assert {metric.name: metric.ratio for metric in session.report.metrics} == {
        "plain": 0.9,
        "given": 0.8,
        "paired": 0.5,
        "alone": None,
    }
    paired = session.report.metrics[2]
    assert (paired.ratio_low, paired.ratio_high, paired.median) == (0.5, 0.5, 3.5)
    assert paired.site.bench == "left"


def test_components_and_shared_evidence(make_suite: MakeSuite) -> None:
    suite = make_suite("""
        from harness.provision import ManifestItem
        from harness.report import recorder

        def test_a(request, evidence):
            recorder.add_components(request.config, [ManifestItem("qemu", "11.1", "ab", "package")])
            log = recorder.run_folder(request.config) / "consoles" / "g1.log"
            log.parent.mkdir()
            log.write_text("ready")
            recorder.share_evidence(request.node, log)
            assert log.exists()
    """)
    session = suite.run()
    catalogue, part = session.report.run.parts
    assert (part.name, part.version) == ("qemu", "11.1")
    # Requirements of one's own are a part like any other: what is judged depends on them.
    assert catalogue.name == "requirements catalogue"
    assert catalogue.sha256 == sha256((suite.folder / "requirements.sdoc").read_bytes()).hexdigest()
    assert session.report.cases[0].evidence == ["consoles/g1.log"]


def test_an_error_alone_ends_with_two(make_suite: MakeSuite) -> None:
    session = make_suite("""
        def test_a(bench):
            if bench == "right":
                raise OSError("cable")
            assert bench == "left"
    """).run()
    assert session.status == 2
    assert session.report.run.reasons == ["error in 1 test (right)", "nothing was judged on right"]


def test_skipping_everything_is_no_pass(make_suite: MakeSuite) -> None:
    session = make_suite("""
        @pytest.mark.skip(reason="none")
        def test_a(bench): assert bench
    """).run()
    assert (session.status, session.report.run.reasons) == (2, ["nothing was judged"])


def test_selecting_nothing_is_wrong_use(make_suite: MakeSuite) -> None:
    session = make_suite("def test_a(bench): assert bench").run("-k", "nothing_of_that_name")
    assert session.status == 3
    assert session.report.run.reasons == ["no test was selected", "nothing was judged"]


def test_suite_that_cannot_be_read(make_suite: MakeSuite) -> None:
    session = make_suite("import no_such_module").run()
    assert session.status == 2
    assert "cannot collect test_it.py" in session.report.run.reasons[0]
    assert "no_such_module" in session.report.run.reasons[0]


def test_refusal_before_the_session_leaves_no_old_verdict(make_suite: MakeSuite) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    assert suite.run().status == 0
    with (suite.folder / "conftest.py").open("a") as file:
        file.write("\n\ndef pytest_sessionstart():\n    raise pytest.UsageError('no such bench')\n")
    session = suite.run()
    assert session.status != 0
    assert (session.report.run.verdict, session.report.run.exit_status) == ("fail", 3)


def test_each_run_has_its_own_folder(make_suite: MakeSuite) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    first, second = suite.run(), suite.run()
    assert first.folder != second.folder
    assert suite.latest == second.folder
    assert sorted(path.name for path in (suite.folder / "reports").iterdir()) == sorted(
        [first.folder.name, second.folder.name, "latest"]
    )


def test_requirements_that_nothing_names_are_listed(every: Session) -> None:
    assert every.raw["not_tested"] == ["TST-REQ-07"]


def test_catalogue_that_cannot_be_read(make_suite: MakeSuite) -> None:
    suite = make_suite("def test_a(): ...")
    (suite.folder / "requirements.sdoc").write_text("[REQUIREMENT]\nUID: 1\n")
    process = suite.start()
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode != 0
    assert "requirements.sdoc:1" in output
    assert not (suite.folder / "reports").exists()


def test_collecting_only_writes_no_report(make_suite: MakeSuite) -> None:
    suite = make_suite("def test_a(bench): assert bench")
    process = suite.start("--collect-only")
    process.communicate(timeout=SECONDS)
    assert not (suite.folder / "reports").exists()
