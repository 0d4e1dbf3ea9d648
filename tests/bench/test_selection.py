# SPDX-License-Identifier: Apache-2.0
"""Every target runs, in order and started once; --bench selects; flags and releases of that target skip."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from tests import programs
from tests.bench.mini_suite import MiniSuite, fake

_TWO_TESTS = """
import pytest

@pytest.mark.requirement("SHM-ALLOW-01")
def test_first(bench): assert bench

@pytest.mark.requirement("SHM-ALLOW-02")
def test_second(bench): assert bench
"""


def _outcomes(mini: MiniSuite) -> dict[str, str]:
    return {f"{entry['bench']}:{entry['requirement']}": entry["verdict"] for entry in mini.results()["results"]}


def test_every_bench_of_the_file_runs_and_is_started_once(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    mini.benches(left=fake(), right=fake())
    run = mini.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert _outcomes(mini) == dict.fromkeys(
        ["left:SHM-ALLOW-01", "left:SHM-ALLOW-02", "right:SHM-ALLOW-01", "right:SHM-ALLOW-02"], "pass"
    )
    assert mini.host_log == ["start left", "start right", "stop left", "stop right"]


def test_benches_that_are_not_selected_are_not_touched(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    mini.benches(left=fake(), right=fake(), third=fake())
    assert mini.run("--bench", "third", "--bench", "right").returncode == 0
    assert mini.host_log == ["start right", "start third", "stop right", "stop third"]


def test_a_placement_that_no_bench_has_is_wrong_usage(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    mini.benches(left=fake())
    run = mini.run("--placement", "mmio")
    assert run.returncode == 3
    assert "no bench has a placement mmio" in run.stdout + run.stderr
    assert "choose one of pci" in run.stdout + run.stderr


@pytest.mark.parametrize("mark", ["nightly", "figures"])
def test_what_takes_long_runs_when_it_is_asked_for(mini: MiniSuite, mark: str) -> None:
    mini.write("test_it.py", _TWO_TESTS.replace("import pytest\n", f"import pytest\n\n@pytest.mark.{mark}", 1))
    mini.benches(left=fake())
    for option in ("--nightly", "--figures"):
        assert mini.run(option).returncode == 0
        expected = ["left:SHM-ALLOW-02"] if option != f"--{mark}" else ["left:SHM-ALLOW-01", "left:SHM-ALLOW-02"]
        assert sorted(_outcomes(mini)) == expected


def test_thresholds_are_for_runs_with_many_samples(mini: MiniSuite) -> None:
    mini.write(
        "test_it.py",
        """
import pytest

@pytest.mark.requirement("SHM-PERF-01")
def test_trip(bench, metrics):
    metrics.record(name="trip", unit="us", value=9.0)
""",
    )
    mini.benches(left=fake("thresholds: [{figure: trip, unit: us, most: 8}]"), right=fake())
    for options, status, verdicts in (([], 0, []), (["--figures"], 1, ["missed"])):
        assert mini.run(*options).returncode == status
        assert [each["verdict"] for each in mini.results()["thresholds"]] == verdicts


def test_an_unknown_bench_is_wrong_use_and_the_benches_are_listed(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    mini.benches(left=fake(), right=fake())
    run = mini.run("--bench", "middle")
    assert run.returncode == 3
    assert "no bench middle" in run.stderr
    assert "left, right" in run.stderr


def test_a_feature_counts_for_the_bench_that_has_it_and_the_skip_says_why(mini: MiniSuite) -> None:
    mini.write(
        "test_it.py",
        'import pytest\n@pytest.mark.lg_feature(["wings", "beak"])\n@pytest.mark.requirement("SHM-ALLOW-01")\n'
        "def test_fly(bench): assert bench\n",
    )
    mini.benches(bird=fake(features="[wings, beak]"), cow=fake(features="[horns, beak]"))
    run = mini.run("-rs")
    assert _outcomes(mini) == {"bird:SHM-ALLOW-01": "pass", "cow:SHM-ALLOW-01": "skipped"}
    assert "bench cow has no feature wings" in run.stdout


def test_a_statement_of_one_release_is_skipped_on_others(mini: MiniSuite) -> None:
    mini.write(
        "test_it.py",
        'import pytest\n@pytest.mark.requirement("SHM-MIX-01")\ndef test_it(bench): assert bench\n',
    )
    mini.benches(old=fake(), new=fake().replace('"7.0"', '"7.1"'))
    run = mini.run("-rs")
    assert _outcomes(mini) == {"old:SHM-MIX-01": "pass", "new:SHM-MIX-01": "skipped"}
    assert "bench new has release 7.1; SHM-MIX-01 is stated for 7.0" in run.stdout


def test_tests_without_a_bench_run_once(mini: MiniSuite) -> None:
    mini.test("import os\ndef test_1(): assert os.getpid()\n")
    mini.benches(left=fake(), right=fake())
    assert "1 passed" in mini.run().stdout
    assert mini.host_log == []


def test_a_wrong_option_is_wrong_use(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    mini.benches(left=fake("colour: red"))
    _expect_usage(mini.run(), "benches.yaml:15: error: target left: unknown option colour")


_WRONG_MARKS = {
    "placement=['pcie']": "no placement is 'pcie'; choose among pci, mmio",
    "placement=['pci', 'memory']": "no placement is 'memory'; choose among pci, mmio",
    "guest_image=['Probe']": "no guest_image is 'Probe'; choose among probe, linux",
    "via=['console']": "no via is 'console'; choose among serial, ssh",
    "placements=['pci']": "there is no placements; choose among placement, guest_image, via",
    "placement='pci'": "placement is 'pci'; expected a list with some of pci, mmio",
    "placement=[]": "placement is []; expected a list with some of pci, mmio",
    "'pci'": "expected one or more of placement=[...], guest_image=[...], via=[...]",
    "": "expected one or more of placement=[...], guest_image=[...], via=[...]",
}


def test_marks_of_settings_that_there_are_not_are_wrong_use(mini: MiniSuite) -> None:
    """All in one file: each would leave its test out, or run it, without a word."""
    tests = [
        f"@pytest.mark.only({mark})\ndef test_{n}(bench): assert not bench\n" for n, mark in enumerate(_WRONG_MARKS)
    ]
    mini.write("test_it.py", "\n".join(["import pytest\n", *tests]))
    mini.benches(left=fake())
    run = mini.run()
    assert run.returncode == 3, run.stdout + run.stderr
    for number, words in enumerate(_WRONG_MARKS.values()):
        assert f"test_it.py::test_{number}: {words}\n" in run.stdout + run.stderr
    assert mini.host_log == []


@pytest.mark.parametrize(
    ("option", "values"),
    [("--model-steps", ["0", "-3"]), ("--model-shrink", ["-0.1", "nan", "inf", "-inf"])],
)
def test_histories_without_a_step_or_a_time_are_wrong_use(mini: MiniSuite, option: str, values: list[str]) -> None:
    """They would compare nothing, or look for a short history for ever."""
    mini.write("test_it.py", _TWO_TESTS)
    mini.benches(left=fake())
    for value in values:
        run = mini.run(f"{option}={value}")
        assert run.returncode == 3, run.stdout + run.stderr
        assert f"argument {option}: " in run.stderr
    assert mini.host_log == []


@pytest.mark.parametrize("steps", ["0", "-5", "1.5"])
def test_a_qualification_without_a_step_is_wrong_use(mini: MiniSuite, steps: str) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    mini.benches(left=fake())
    command = [sys.executable, "-m", "harness", "qualify", ".", "--lg-env", "benches.yaml", f"--model-steps={steps}"]
    run = programs.run(command, cwd=mini.folder, env=mini.variables(), capture_output=True, text=True)
    assert run.returncode == 3, run.stdout + run.stderr
    assert "argument --model-steps: " in run.stderr
    assert mini.host_log == []


def test_an_environment_file_is_a_part_of_the_run_whoever_names_it(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    digest = hashlib.sha256(mini.benches(left=fake()).read_bytes()).hexdigest()
    mini.environment["LG_ENV"] = "benches.yaml"
    for by_option in (False, True):
        assert mini.run(env=by_option).returncode == 0
        run = mini.results()["run"]
        assert [part["sha256"] for part in run["parts"] if part["name"] == "environment file"] == [digest]
        # The option has precedence, and is in the command.
        assert run["surroundings"].get("LG_ENV") == (None if by_option else "benches.yaml")


def test_no_environment_file_is_wrong_use(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    _expect_usage(mini.run(env=False), "--lg-env FILE")


def test_an_environment_file_that_is_missing_or_malformed_is_wrong_use(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    _expect_usage(mini.run(), "benches.yaml:1: error: cannot be read: No such file")
    mini.write("benches.yaml", "targets: [\n")
    _expect_usage(mini.run(), "benches.yaml:1: error: not valid YAML: a value is missing here")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ShmemBenchStrategy: {}", "ShmemBenchStrategy:", "benches.yaml:6: error: ShmemBenchStrategy has no value"),
        (
            "features: []",
            "features: access",
            "benches.yaml:7: error: target left: features is 'access'; expected a list",
        ),
        ("  left:", "  1234:", "benches.yaml:3: error: the key 1234 is not read as text: put it in quotes"),
        ("features: []", "<<: *all", "benches.yaml:7: error: labgrid does not support merge keys"),
        (
            "features: []",
            "features: &f [*f]",
            "benches.yaml:7: error: an alias (*) is used inside the value that it names",
        ),
        (
            "[serial]",
            '[!template "$LG_NOBODYS"]',
            "error: !template: unknown variable 'LG_NOBODYS': it is not set in the environment",
        ),
        ("x86_64", "x86_64  # FILL IN", "benches.yaml:9: error: FILL IN is left here"),
    ],
)
def test_a_wrong_environment_file_is_reported_with_its_line(mini: MiniSuite, old: str, new: str, said: str) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    path = mini.benches(left=fake())
    path.write_text(path.read_text().replace(old, new, 1))
    _expect_usage(mini.run(), said)
    assert not (mini.folder / "reports").exists()


def test_an_unknown_import_is_wrong_use(mini: MiniSuite) -> None:
    mini.write("test_it.py", _TWO_TESTS)
    path = mini.benches(left=fake())
    path.write_text(path.read_text().replace("fake_bench.py", "gone.py"))
    _expect_usage(mini.run(), "gone.py")


def _expect_usage(run: subprocess.CompletedProcess[str], message: str) -> None:
    assert run.returncode == 3, run.stdout + run.stderr
    assert message in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
