# SPDX-License-Identifier: Apache-2.0
"""A failed requirement, a bench error and wrong use have different statuses, and an error stays with its bench."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs, rarely
from tests.bench.mini_suite import MiniSuite, fake

_ROOT = Path(__file__).parents[2]
_PASS = 'import pytest\n@pytest.mark.requirement("SHM-ALLOW-01")\ndef test_it(bench): assert bench\n'


def _verdicts(mini: MiniSuite) -> dict[str, str]:
    return {f"{entry['bench']}:{entry['requirement']}": entry["verdict"] for entry in mini.results()["results"]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("assert bench", 0),
        ("assert 1 == 2", 1),
        ("raise BenchError('the cable is loose')", 2),
        ("raise KeyError('a mistake of the suite')", 2),
    ],
)
def test_the_exit_status_tells_what_failed(mini: MiniSuite, body: str, status: int) -> None:
    mini.write(
        "test_it.py",
        "import pytest\nfrom harness.errors import BenchError\n"
        f'@pytest.mark.requirement("SHM-ALLOW-01")\ndef test_it(bench):\n    {body}\n',
    )
    mini.benches(left=fake())
    run = mini.run()
    assert run.returncode == status, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1].startswith(f"qualification: {'FAIL' if status else 'PARTIAL'}  report: ")


def test_nothing_selected_is_wrong_use(mini: MiniSuite) -> None:
    mini.write("test_it.py", _PASS)
    mini.benches(left=fake())
    assert mini.run("-k", "nothing_like_it").returncode == 3


def test_a_path_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    """In the repository, where pytest then takes in the tests of the harness, too."""
    command = [sys.executable, "-m", "pytest", "suites/nosuch.py", "--lg-env", "boards.yaml"]
    command += ["--report-dir", str(tmp_path)]
    run = programs.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert run.returncode == 3, run.stdout + run.stderr
    assert "file or directory not found: suites/nosuch.py" in run.stdout + run.stderr


def test_a_bench_that_stays_broken_is_given_up_and_the_other_goes_on(mini: MiniSuite) -> None:
    """Two attempts, the second from cold; after that its tests end at once with the reason."""
    tests = "".join(
        f'@pytest.mark.requirement("SHM-ALLOW-0{n}")\ndef test_{n}(bench): assert bench\n' for n in range(1, 6)
    )
    mini.write("test_it.py", f"import pytest\n{tests}")
    mini.benches(sick=fake(host="{broken_starts: 99}"), well=fake())
    run = mini.run()
    assert run.returncode == 2
    assert _verdicts(mini) == {
        **{f"sick:SHM-ALLOW-0{n}": "error" for n in range(1, 6)},
        **{f"well:SHM-ALLOW-0{n}": "pass" for n in range(1, 6)},
    }
    assert mini.host_log == ["start sick", "start sick", "start well", "stop well"]
    reasons = json.dumps(mini.results())
    assert "bench sick is given up after 2 bench errors" in reasons
    assert "the power supply smokes" in reasons


def test_a_bench_that_comes_back_after_a_cold_start_goes_on(mini: MiniSuite) -> None:
    tests = "".join(
        f'@pytest.mark.requirement("SHM-ALLOW-0{n}")\ndef test_{n}(bench): assert bench\n' for n in range(1, 4)
    )
    mini.write("test_it.py", f"import pytest\n{tests}")
    mini.benches(moody=fake(host="{broken_starts: 1}"))
    assert mini.run().returncode == 2
    assert _verdicts(mini) == {
        "moody:SHM-ALLOW-01": "error",
        "moody:SHM-ALLOW-02": "pass",
        "moody:SHM-ALLOW-03": "pass",
    }


def test_an_interrupt_brings_the_bench_down_and_is_no_pass(mini: MiniSuite) -> None:
    mini.write(
        "test_it.py",
        "import pytest, pathlib, time\n"
        '@pytest.mark.requirement("SHM-ALLOW-01")\ndef test_it(bench):\n'
        f"    pathlib.Path('running').touch()\n    {programs.SLEEPS}\n",
    )
    mini.benches(left=fake())
    command = mini.command("--lg-env", "benches.yaml")
    with programs.Program(command, cwd=mini.folder, env=mini.variables(), stdout=subprocess.DEVNULL) as process:
        programs.until((mini.folder / "running").exists, "the test did not begin")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(programs.PATIENCE) == 2
    assert mini.host_log == ["start left", "stop left"]


_NO_ENVIRONMENTS = [
    "", "targets: []", "targets: {a: 1}", "a: [", "null", "[a]", "{}", "5", "targets:", "targets: {}", "targets: x",
]  # fmt: skip


@pytest.mark.parametrize("text", rarely.first(4, _NO_ENVIRONMENTS))
def test_an_environment_file_of_another_kind_is_wrong_use_in_one_sentence(mini: MiniSuite, text: str) -> None:
    """In a folder whose conftest does not ask for the plugins, so that labgrid would be the first to read it."""
    (mini.folder / "conftest.py").unlink()
    mini.write("test_it.py", _PASS)
    mini.write("benches.yaml", text)
    qualify = [sys.executable, "-m", "harness", "qualify", ".", "--lg-env", "benches.yaml"]
    for command in (mini.command("--lg-env", "benches.yaml"), qualify):
        run = programs.run(command, cwd=mini.folder, env=mini.variables(), capture_output=True, text=True)
        said = run.stdout + run.stderr
        assert run.returncode == 3, said
        assert "INTERNALERROR" not in said
        assert "Traceback" not in said
        assert "this target file cannot be used:\nbenches.yaml:" in said


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"",
        b"{}",
        b'"test_it.py::test_it"',
        b"[1]",
        b"[" * 99999,
        None,
    ],
)
def test_a_list_of_tests_of_another_kind_is_wrong_use(mini: MiniSuite, content: bytes | None) -> None:
    mini.write("test_it.py", _PASS)
    mini.benches(left=fake())
    if content is not None:
        (mini.folder / "only.json").write_bytes(content)
    run = mini.run("--only-tests", "only.json")
    assert run.returncode == 3, run.stdout + run.stderr
    assert "error: --only-tests only.json cannot be used: " in run.stderr
    assert "remedy: name a file with a list of node ids in JSON" in run.stderr
    assert mini.host_log == []
