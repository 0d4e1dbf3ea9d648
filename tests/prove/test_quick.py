# SPDX-License-Identifier: Apache-2.0
"""``harness prove --quick``: the same outcomes, from one session for all faults."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.emulator.device.regions import Region
from harness.emulator.faults.catalogue import Fault, catalogue
from harness.emulator.faults.injection import replaced
from harness.events import CaseEnded
from harness.process import ending
from harness.prove.choosing import Looks
from harness.prove.quick import choice_for
from harness.prove.reach import Reach, Seen
from harness.prove.trying import deciding
from tests import programs
from tests.prove.made_up import CHECKOUT, MadeUp, faults

SUITE = """
    import os

    @needs("SHM-NOTIF-01")
    def test_signals(fault):
        assert fault not in ("notify-lost", "subst-ignored")

    @needs("SHM-ALLOW-02")
    def test_names(fault):
        if fault == "rule-prefix":
            raise BenchError("the power supply smokes")
        assert fault != "rules-ignored"

    @needs("SHM-ALLOW-05")
    def test_stems(fault):
        if fault == "rules-last-match":
            os.abort()
        assert fault != "rules-ignored"
"""


def test_one_session_tries_all_faults(tmp_path: Path) -> None:
    suite = MadeUp.of(tmp_path, SUITE)
    wanted = faults("rules-ignored", "notify-lost", "rule-substring", "subst-ignored", "rule-prefix")
    wanted += faults("rules-last-match")
    run = suite.prove("--quick", "--jobs", "1", "--bench", "qemu-aarch64", *wanted)
    assert run.status == 2, run.output
    assert run.outcomes == {
        "rules-ignored": "caught",
        "notify-lost": "caught",
        "rule-substring": "survived",
        "subst-ignored": "elsewhere",
        "rule-prefix": "error",
        "rules-last-match": "error",
    }
    by_name = {proof["fault"]: proof for proof in run.proof["proofs"]}
    # The tests of the group came first, and the first failure was the end.
    assert by_name["notify-lost"]["tests"] == by_name["rules-ignored"]["tests"] == 1
    assert by_name["rule-substring"]["tests"] == 3
    assert "hole: subst-ignored (access): CAUGHT ONLY BY SHM-NOTIF-01" in run.output
    (control,) = run.proof["controls"]
    assert (control["tests"], control["failed"]) == (3, [])
    assert "the session broke, twice" in run.output
    # One for all that can be judged; the fault that ends pytest has a second one, and what comes behind it a third.
    assert len(list(tmp_path.glob("out/prove-*/session-*"))) <= 3
    assert "rule-substring" in run.page


@pytest.mark.long
def test_an_interrupt_while_a_late_session_ends_starts_no_other_one(tmp_path: Path) -> None:
    """The wait for the session's end takes a minute, and then its tests have something to take down."""
    suite = MadeUp.of(
        tmp_path,
        """
        import pathlib, time

        @pytest.fixture
        def slow_to_end(fault):
            yield
            if fault == "rules-ignored":
                (pathlib.Path(__file__).parent / "ending").touch()
                time.sleep(8)

        @needs("SHM-ALLOW-02")
        def test_waits(fault, slow_to_end):
            if fault == "rules-ignored":
                time.sleep(600)
            assert fault != "notify-lost"
        """,
    )
    wanted = faults("rules-ignored", "rule-substring")
    command = suite.command("--quick", "--jobs", "1", "--bench", "qemu-aarch64", "--limit", "5", *wanted)
    with programs.Program(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as program:
        programs.until((tmp_path / "ending").exists, "the late session was not brought down")
        program.send_signal(signal.SIGTERM)
        output, _ = program.communicate(timeout=programs.PATIENCE)
    assert program.returncode == ending.INTERRUPTED, output
    assert "interrupted" in output
    assert [path.name for path in tmp_path.glob("out/prove-*/session-*")] == ["session-1"], output


def test_a_test_that_fails_without_a_fault_is_told_and_not_tried(tmp_path: Path) -> None:
    suite = MadeUp.of(tmp_path, '@needs("SHM-ALLOW-02")\ndef test_always(): assert False\n')
    run = suite.prove("--quick", "--bench", "qemu-aarch64", *faults("rules-ignored"))
    assert run.status == 1, run.output
    assert run.outcomes == {"rules-ignored": "survived"}
    assert "test_always: fail" in run.output


def test_the_functions_that_a_fault_replaces_are_known() -> None:
    assert replaced("notify-lost") == [Region.selected.__code__]
    # What a module has from another one shows where the module uses it.
    brought = [code for code in replaced("create-size-32-bits") if code]
    assert brought
    assert all("pages" in code.co_names for code in brought)
    # Few replace what is no function; those are tried by everything.
    unknown = [name for name in catalogue() if None in replaced(name)]
    assert len(unknown) < len(catalogue()) / 5, unknown


def test_a_requirement_of_another_group_decides_only_if_none_of_the_own_fails() -> None:
    """What fails first need not be the first that has to catch the fault."""
    passed, elsewhere, own = (
        CaseEnded(case=case, verdict=verdict, duration_s=0.0, requirements=(requirement,))
        for case, verdict, requirement in (
            ("x", "pass", "SHM-NOTIF-05"), ("y", "fail", "SHM-ALLOW-01"), ("z", "fail", "SHM-NOTIF-08"),
        )
    )  # fmt: skip
    assert deciding([passed, elsewhere, own], "notification") is own
    assert deciding([passed, elsewhere], "notification") is elsewhere
    assert deciding([passed, elsewhere, own], "") is elsewhere
    assert deciding([passed], "notification") is None


def test_a_fault_in_a_source_that_was_not_watched_may_show_anywhere() -> None:
    seen = [Seen(name, [], "qemu-aarch64", {}, 0.1, "pass", 1) for name in ("one", "another")]
    lines = {"rules.py": "one", "device.py": "another"}
    reach = Reach(
        seen, {f"emulator/device/{file}": {line: {name} for line in range(1000)} for file, name in lines.items()}
    )
    assert choice_for(reach, _fault_of("rules.py"), Looks(60, 0)).tests == ["one"]
    assert set(choice_for(reach, _fault_of("regions.py"), Looks(60, 0)).tests) == {"one", "another"}


def _fault_of(file: str) -> Fault:
    """A fault that replaces functions of that source alone."""
    for fault in catalogue().values():
        if all(code is not None and code.co_filename.endswith(f"/{file}") for code in replaced(fault.name)):
            return fault
    raise AssertionError(f"no fault of {file}")


@pytest.mark.long
def test_histories_of_one_fault_say_nothing_of_the_next(tmp_path: Path) -> None:
    """One session tries both; each is caught for what it does, and not for what the one before it did."""
    topics = {"leaving-wipes-data": "test_data", "signals-leave-with-sender": "test_signals"}
    selected = [word for fault in topics for word in ("--select", fault)]
    command = [sys.executable, "-m", "harness", "prove", "--quick", "--jobs", "1", "--bench", "qemu-aarch64"]
    result = programs.run(
        [*command, *selected, "--suite", "suites/model", "--out", str(tmp_path)],
        cwd=CHECKOUT, capture_output=True, text=True,
    )  # fmt: skip
    (proof,) = tmp_path.glob("prove-*/prove.json")
    caught = {each["fault"]: each["catch"]["test"] for each in json.loads(proof.read_text())["proofs"] if each["catch"]}
    assert set(caught) == set(topics), result.stdout + result.stderr
    assert all(test in caught[fault] for fault, test in topics.items()), caught
