# SPDX-License-Identifier: Apache-2.0
"""Passes of tests that judge nothing, however they are written: they pass with false answers, too, and are withdrawn.

What a test asks for and what it then does with the answer are put together, so that no form is tried alone.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import programs
from tests.bench.mini_suite import MiniSuite, emulated

CONFTEST = 'pytest_plugins = ["harness.report.recorder", "fixtures.plugin"]\n'

HEAD = """\
import contextlib
import copy
import multiprocessing
import pytest
from harness.shmem.status import Status

NOTHING = []
TABLE = {}
with_requirement = pytest.mark.requirement("SHM-ALLOW-02")


@pytest.fixture
def guest(deploy):
    (guest,) = deploy("allow telemetry")
    return guest
"""

ASKED = {
    "a_refusal": ('guest.request("brakes").status', "Status.NO_PERMISSION"),
    "a_grant": ('guest.request("telemetry").status', "Status.OK"),
    "members": ('guest.attach("telemetry").members()', "{0}"),
    "bytes": ('(r := guest.attach("telemetry")).poke(0, b"ab") or r.peek(0, 2)', 'b"ab"'),
    "a_register": ("hex(guest.registers().signature)", "hex(0x4D534732474D5651)"),
    "a_size": ('guest.attach("telemetry", 3).pages', "3"),
}
"""What a test asks for, and what is right."""

VAIN = {
    "is_there": "assert seen is not None",
    "is_of_its_kind": "assert isinstance(seen, type(seen))",
    "is_not_another_thing": 'assert seen != "telemetry"',
    "equals_its_copy": "expected = copy.copy(seen)\n    assert seen == expected",
    "is_in_what_was_seen": "assert seen in [seen]",
    "can_be_printed": "assert repr(seen)",
    "all_of_nothing": "assert [name for name in NOTHING if guest.request(name).region] == []",
    "a_table_without_entries": "assert {name: seen for name in TABLE}.items() <= TABLE.items()",
    "something_else_is_right": 'assert "allow" in guest.rules',
    "in_a_process": "process = multiprocessing.get_context('fork').Process(target=wrong, args=(seen,))\n"
    "    process.start()\n    process.join()\n    assert guest.name",
    "an_error_of_its_own": "with pytest.raises(AttributeError):\n        guest.requst(seen)",
    "kept_from_the_report": "failed = 0\n    try:\n        assert seen == 'nothing like that'\n"
    "    except AssertionError:\n        failed += 1\n    assert failed < 2",
}
"""What it then does with ``seen``, and judges nothing."""


def suite(folder: Path, tests: dict[str, str], head: str = HEAD) -> MiniSuite:
    folder.mkdir(exist_ok=True)
    made = MiniSuite(folder)
    made.write("conftest.py", CONFTEST)
    made.benches(desk=emulated())
    helper = "\n\ndef wrong(seen):\n    assert seen == 'nothing like that'\n"
    body = "".join(f"\n\n@with_requirement\ndef test_{name}(guest):\n    {text}\n" for name, text in tests.items())
    made.write("test_it.py", head + helper + body)
    return made


def verdicts(made: MiniSuite) -> dict[str, str]:
    cases = made.results()["cases"]
    return {case["test"].partition("::test_")[2].partition("[")[0]: case["verdict"] for case in cases}


def outcomes(folder: Path) -> dict[str, dict[str, Any]]:
    (file,) = folder.glob("reports/2*/false-answers/outcomes.json")
    return {each["test"].partition("::test_")[2].partition("[")[0]: each for each in json.loads(file.read_text())}


def test_what_a_test_does_with_an_answer_decides(tmp_path: Path) -> None:
    right = {f"right_{what}": f"assert {question} == {answer}" for what, (question, answer) in ASKED.items()}
    vain = {
        f"vain_{what}_{how}": f"seen = {question}\n    {text}"
        for number, (what, (question, _)) in enumerate(ASKED.items())
        for how, text in list(VAIN.items())[number % 3 :: 3]
    }
    made = suite(tmp_path, right | vain)
    ended = made.run()
    found = verdicts(made)
    assert {name for name, verdict in found.items() if verdict == "pass"} == set(right), ended.stdout
    assert {found[name] for name in vain} == {"error"}
    assert len(vain) == 24
    assert ended.returncode == 2
    assert "qualification: FAIL" in ended.stdout
    assert "the test judged nothing: it passes with false answers, too" in made.reasons()
    assert f"running {len(found)} tests again with false answers" in ended.stdout
    assert {name for name, each in outcomes(tmp_path).items() if each["noticed"]} == set(right)


@pytest.mark.long
def test_a_test_about_guests_of_an_earlier_one_is_no_exception(tmp_path: Path) -> None:
    """A body that touches no guest passes, because another one has started guests on the bench."""
    head = HEAD.replace("def guest(deploy)", "def guest(request, bench)").replace(
        '    (guest,) = deploy("allow telemetry")\n    return guest\n', "    return None\n"
    )
    made = suite(tmp_path, {"touches_nothing": "assert multiprocessing.current_process().name"}, head)
    made.write(
        "test_before.py",
        HEAD + '\n\n@with_requirement\ndef test_one(guest):\n    assert guest.attach("telemetry").index == 0\n',
    )
    ended = made.run()
    assert verdicts(made) == {"one": "pass", "touches_nothing": "error"}, ended.stdout


UNREACHED = """
SEEN = []


@with_requirement
def test_returns_early(guest):
    assert guest.rules
    if guest.request("telemetry").status == Status.OK:
        return
    status = guest.request("brakes").status
    assert status == Status.NO_PERMISSION


@with_requirement
def test_fills(guest):
    SEEN.append(guest.request("brakes").status)
    assert SEEN[-1] == Status.NO_PERMISSION


@with_requirement
def test_needs_what_another_has_filled(guest):
    assert len(SEEN) == 1


@with_requirement
def test_cleans_up_what_was_granted(guest):
    answer = guest.request("brakes")
    if answer.status == Status.OK:
        answer.region.detach()
    assert answer.status == Status.NO_PERMISSION
"""


COMPARING = """

@with_requirement
def test_two_guests_see_one_size(deploy):
    one, two = deploy("", "")
    assert one.attach("telemetry", 7).pages == two.attach("telemetry", 1).pages


@with_requirement
def test_there_is_one_device(guest):
    (device,) = guest.devices()
    assert device.placement == "pci"


@with_requirement
def test_devices_have_pages_of_their_own(deploy):
    (guest,) = deploy(("allow a", "allow b"))
    assert len({device.factory for device in guest.devices()}) == 2


@with_requirement
def test_half_of_the_names_are_granted(guest):
    names = ["telemetry", "brakes"] * 3
    granted = [guest.request(name).region is not None for name in names]
    assert sum(granted) / len(granted) == 0.5
"""


def test_failures_count_by_what_they_say_of_a_right_device(tmp_path: Path) -> None:
    """A failure behind a return that is always taken, or for want of what an earlier test has done, says nothing of it;
    one of a comparison of answers with each other does."""
    made = suite(tmp_path, {}, HEAD + UNREACHED + COMPARING)
    ended = made.run()
    found = outcomes(tmp_path)
    assert set(verdicts(made).values()) == {"pass"}, ended.stdout
    assert "partial: 2 passes are not shown to depend on an answer" in ended.stdout
    unclear = {name for name, each in found.items() if not each["noticed"]}
    assert unclear == {"returns_early", "needs_what_another_has_filled"}
    assert "which is not reached with true answers" in found["returns_early"]["broke"]["decisions"]
    assert "does not pass with true answers either" in found["needs_what_another_has_filled"]["broke"]["places"]


def test_tests_whose_items_were_taken_away_are_tried_all_the_same(tmp_path: Path) -> None:
    tests = {"vain": "assert guest.request('brakes').status in Status"}
    made = suite(tmp_path, {**tests, "right": "assert guest.request('brakes').status == Status.NO_PERMISSION"})
    # To have more memory for what comes at the end, say.
    made.write("conftest.py", f"{CONFTEST}\n\ndef pytest_sessionfinish(session):\n    session.items.clear()\n")
    ended = made.run()
    assert verdicts(made) == {"vain": "error", "right": "pass"}, ended.stdout


def test_a_pass_that_was_not_tried_is_partial(tmp_path: Path) -> None:
    made = suite(tmp_path, {"right": "assert guest.request('brakes').status == Status.NO_PERMISSION"})
    ended = made.run("--no-false-answers")
    assert "partial: 1 passes were not tried with false answers: --no-false-answers" in ended.stdout
    assert verdicts(made) == {"right": "pass"}


@pytest.mark.long
@pytest.mark.parametrize(
    "line",
    ["if 'FIRST' in os.environ: raise OSError('not twice')\nos.environ['FIRST'] = ''", "DRAWN = os.getpid()\n"],
)
def test_a_session_that_is_another_one_the_second_time_is_partial(tmp_path: Path, line: str) -> None:
    """Its tests cannot be collected again, or have other names."""
    head = f"import os\n{line}\n{HEAD}"
    body = "assert guest.request('brakes').status == Status.NO_PERMISSION"
    made = suite(tmp_path, {"right": body}, head)
    if "DRAWN" in line:
        text = (tmp_path / "test_it.py").read_text()
        marked = text.replace(
            "def test_right(guest)", "@pytest.mark.parametrize('drawn', [DRAWN])\ndef test_right(drawn, guest)"
        )
        made.write("test_it.py", marked)
    ended = made.run()
    assert "partial: 1 passes are not shown to depend on an answer" in ended.stdout, ended.stdout
    assert "qualification: PARTIAL" in ended.stdout


_WAITING = """
import os
import pathlib
import time


def pytest_collection_finish(session):
    if session.config.option.false_answers:
        path = pathlib.Path({began!r})
        path.with_suffix(".new").write_text(str(os.getpid()))
        path.with_suffix(".new").rename(path)
        time.sleep(600)
"""


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(number, marks=pytest.mark.long) for number in (signal.SIGINT, signal.SIGKILL))],
)
def test_nothing_of_the_second_session_stays(tmp_path: Path, number: signal.Signals) -> None:
    """Neither its processes nor its files, however the first one ends; and what it had not tried is no pass."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made = suite(tmp_path / "suite", {"right": "assert guest.request('brakes').status == Status.NO_PERMISSION"})
    made.environment |= {"TMPDIR": str(scratch)}
    began = made.folder / "second"
    made.write("conftest.py", f"{CONFTEST}\n{_WAITING.format(began=str(began))}")
    command = made.command("--lg-env", "benches.yaml")
    program = programs.Program(command, text=True, cwd=made.folder, env=made.variables(), stdout=subprocess.PIPE)
    programs.until(began.exists, "the second session did not begin")
    second = int(began.read_text())
    program.send_signal(number)
    said, _ = program.communicate(timeout=programs.PATIENCE)
    programs.until(lambda: not Path(f"/proc/{second}").exists(), "the second session did not end")
    if number != signal.SIGKILL:
        assert "were not tried with false answers: the run was interrupted" in said, said
        assert "qualification: FAIL" in said
        assert "Traceback" not in said
        assert program.returncode == 2
        assert not list(made.folder.glob("reports/*/false-answers/scratch"))
    assert not list(scratch.iterdir())


_DYING = """
import os
import signal


def pytest_runtest_setup(item):
    if item.config.option.false_answers and item.config.option.false_kind == "places":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kinds_that_were_not_tried_any_more_show_nothing(tmp_path: Path) -> None:
    """The sessions are killed from the third kind on."""
    made = suite(tmp_path, {"vain": "assert guest.request('brakes').status in Status"})
    made.write("conftest.py", f"{CONFTEST}\n{_DYING}")
    ended = made.run()
    assert verdicts(made) == {"vain": "pass"}
    assert "partial: 1 passes could not be tried with false answers" in ended.stdout
