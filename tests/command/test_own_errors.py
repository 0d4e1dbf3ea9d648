# SPDX-License-Identifier: Apache-2.0
"""An error of the harness itself is exit status 2 and one sentence."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests import programs
from tests.command.shell import CHECKOUT, expect_order, expect_sentence, shell

PYTEST = f"{shlex.join(programs.PYTEST)} suites --lg-env boards.yaml -k test_mixed --report-dir"
QUALIFY = "harness qualify --bench qemu-aarch64 -k test_mixed --out"


def _as_file(folder: Path) -> Path:
    (folder / "out").write_text("")
    return folder / "out"


def _below_a_file(folder: Path) -> Path:
    return _as_file(folder) / "reports"


def _with_a_folder_latest(folder: Path) -> Path:
    (folder / "out/latest").mkdir(parents=True)
    return folder / "out"


def _nowhere(_folder: Path) -> Path:
    return Path("/proc/self/reports")


@pytest.mark.parametrize("place", [_as_file, _below_a_file, _with_a_folder_latest, _nowhere])
@pytest.mark.parametrize("command", [QUALIFY, PYTEST])
def test_a_folder_that_no_report_can_go_to(tmp_path: Path, place: object, command: str) -> None:
    out = place(tmp_path)  # type: ignore[operator]
    run = shell(f"{command} {out}", cwd=CHECKOUT)
    expect_sentence(run, 2, "remedy: ")
    assert str(out) in run.stderr
    if (out / "latest").is_dir():
        assert "latest is a folder" in run.stderr
        assert [path.name for path in out.iterdir()] == ["latest"]


@pytest.mark.parametrize("words", ["prove --short --out {place}", "report {place} --baseline {place}"])
def test_other_commands_with_a_folder_that_is_a_file(tmp_path: Path, words: str) -> None:
    run = shell(f"harness {words.format(place=_as_file(tmp_path))}", cwd=CHECKOUT)
    assert run.returncode in (2, 3), run.stderr
    expect_order(run)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("ulimit -n 6", "open files"),
        ("ulimit -f 0", "File too large"),
    ],
)
def test_what_the_system_refuses_is_said_in_a_sentence(tmp_path: Path, limit: str, words: str) -> None:
    run = shell(f"{limit}; {QUALIFY} {tmp_path / 'out'}", cwd=tmp_path)
    expect_sentence(run, 2, words)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("words", ["qualify", "prove --short", "bench"])
def test_a_current_folder_that_somebody_removed(tmp_path: Path, words: str) -> None:
    run = shell(f"rmdir $PWD; harness {words}", cwd=_made(tmp_path / "gone"))
    expect_sentence(run, 2, "the current folder is gone\n  remedy: change to a folder that is there")


def test_a_new_target_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    command = "harness new-target desk --defaults --arch aarch64 --release 8.0"
    run = shell(f"ulimit -f 0; {command}", cwd=_made(tmp_path / "targets").parent)
    expect_sentence(run, 2, "File too large\n  remedy: raise the limit")
    assert "[(" not in run.stderr
    assert not list((tmp_path / "targets").iterdir())


def test_a_place_that_cannot_be_made_has_a_remedy() -> None:
    run = shell("harness provision", environment={"SHMEM_HARNESS_CACHE": "/proc/nowhere"})
    expect_sentence(run, 2, "/proc/nowhere: No such file or directory\n  remedy: ")


def test_a_mistake_in_the_harness_is_one_sentence_and_shows_its_traceback_on_demand(tmp_path: Path) -> None:
    code = "import sys, harness.shmem.config as c; c.parse_file = None; from harness import cli; sys.exit(cli.main())"
    command = f"{CHECKOUT}/.venv/bin/python -c '{code}' explain {tmp_path} --name x"
    run = shell(command)
    assert run.returncode == 2
    assert "harness explain: error: internal error of the harness: TypeError: " in run.stderr
    assert "harness/cli/configuration/explain.py:" in run.stderr
    assert "Traceback" not in run.stderr
    assert "Traceback" in shell(command, environment={"HARNESS_TRACEBACK": "1"}).stderr


def test_qvm_has_its_own_status_for_it() -> None:
    run = shell(f"{CHECKOUT}/.venv/bin/qvm @/nowhere", environment={"QVM_HOST": "/proc/self/" + "x" * 300})
    expect_sentence(run, 64, "qvm: ")


def _judged(folder: Path) -> dict[str, str]:
    results = json.loads((folder / "results.json").read_text())
    return {case["test"]: case["verdict"] for case in results["cases"]}


SUITE = """
import pytest
@pytest.mark.requirement("TST-REQ-01")
@pytest.mark.parametrize("n", range(300))
def test_it(n, bench):
    assert n != 2, "x" * 500
"""


def _suite(folder: Path) -> str:
    """A session with hundreds of tests; its command."""
    code = "import sys, pathlib; from tests.report import recorded_suite as r; r.make(pathlib.Path('.'), sys.argv[1])"
    python = f"{CHECKOUT}/.venv/bin/python"
    subprocess_environment = {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT}/tests/report"}
    programs.run([python, "-c", code, SUITE], cwd=folder, env=subprocess_environment, check=True)
    return f"{python} -m pytest -p no:cacheprovider --requirements requirements.sdoc ."


LIMIT = "ulimit -f 120; {command}"
FULL_DISK = """unshare --map-root-user --mount bash -c '
    mkdir reports; mount -t tmpfs -o size=140k none reports
    {command}; status=$?
    mount -o remount,size=90M reports; cp -r reports kept; exit $status'
"""


@pytest.mark.parametrize("surroundings", [LIMIT, FULL_DISK], ids=["limit", "full disk"])
def test_a_run_whose_disk_fills_up_keeps_what_it_had_judged(tmp_path: Path, surroundings: str) -> None:
    line = surroundings.format(command=_suite(tmp_path))
    run = shell(line, cwd=tmp_path, environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    if "Operation not permitted" in run.stderr:
        pytest.skip("this machine lets an ordinary user mount nothing")
    expect_sentence(run, 2, "the report could not be written: ")
    assert "the evidence could not be written" in run.stdout
    reports = tmp_path / ("kept" if surroundings == FULL_DISK else "reports")
    assert shell(f"harness report {reports / 'latest'}").returncode == 1
    judged = _judged(reports / "latest")
    assert judged["test_it.py::test_it[left-2]"] == "fail"
    assert 3 < len(judged) < 600


@pytest.mark.parametrize("what", ["reports", "."])
def test_a_folder_that_is_removed_during_the_run(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    command = _suite(folder)
    (folder / "test_it.py").write_text(
        "import pytest, shutil, pathlib\n"
        '@pytest.mark.requirement("TST-REQ-01")\n'
        "def test_1(bench): assert bench\n"
        '@pytest.mark.requirement("TST-REQ-02")\n'
        f"def test_2(bench): shutil.rmtree(pathlib.Path({str(folder / what)!r}))\n"
        '@pytest.mark.requirement("TST-REQ-03")\n'
        "def test_3(bench): raise SystemExit('not reached')\n"
    )
    run = shell(command, cwd=folder, environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    expect_sentence(run, 2, "No such file or directory")
    assert "not reached" not in run.stdout


@pytest.mark.parametrize("streams", ["| head -1", ">&-", ">&- 2>&-", "2>/dev/full"])
def test_a_session_alone_does_not_need_its_terminal(tmp_path: Path, streams: str) -> None:
    command = _suite(tmp_path)
    run = shell(f"{command} -k 'left-1 or left-2 or left-3' {streams}", cwd=tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    expect_order(run)
    assert len(_judged(tmp_path / "reports/latest")) > 3


@pytest.mark.parametrize(
    "words",
    ["qualify --out ''", "prove --lg-env=", "lint --base '' x.qvmconf", "check-target ''", "report ''", "replay ''"],
)
def test_an_empty_path_is_wrong_use(tmp_path: Path, words: str) -> None:
    """An unset variable of a script would otherwise mean the current folder."""
    run = shell(f"harness {words}", cwd=tmp_path)
    expect_sentence(run, 3, "is empty: name a path")
    assert not list(tmp_path.iterdir())


def test_steps_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "steps").write_bytes(b"\xff\xfe\x00")
    expect_sentence(shell("harness replay steps", cwd=tmp_path), 3, "steps is not UTF-8 text")


def test_a_question_without_a_standard_input(tmp_path: Path) -> None:
    run = shell("harness new-target desk --folder . <&-", cwd=tmp_path)
    expect_sentence(run, 3, "--arch is missing")
