# SPDX-License-Identifier: Apache-2.0
"""The page "Write your own suite", done literally: in an empty folder, with nothing of ours but the built package."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.package.conftest import CHECKOUT, Team, run

PAGE = (CHECKOUT / "docs/own-suite.md").read_text()
SUITE = "test_telemetry.py"
KEPT_BY_PYTEST = re.compile(r"harness/__pycache__/(__init__|errors|pytest_plugin|shipped)\.[\w.-]+-pytest-[\d.]+\.pyc")


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def commands(heading: str) -> list[list[str]]:
    """The commands under a heading; what they print is no command."""
    lines = re.findall(r"^    (.+)$", section(heading), re.MULTILINE)
    return [shlex.split(line) for line in lines if not line.startswith("qualification: ")]


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", section("Two files"), re.DOTALL)
    return str(found)


PARTIAL = 4


def write_both(place: Team) -> None:
    assert f"`{SUITE}`" in section("Two files")
    assert len(block("python").splitlines()) == 3
    place.write("boards.yaml", block("yaml"))
    place.write(SUITE, block("python"))


def results(place: Team) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place.folder / "reports/latest/results.json").read_text())
    return found


def verdicts(place: Team) -> list[tuple[str, str, str]]:
    """Test, bench and verdict of the newest report."""
    return [(case["test"].partition("[")[0], case["bench"], case["verdict"]) for case in results(place)["cases"]]


def test_three_lines_are_a_suite(team: Team) -> None:
    write_both(team)
    before = team.installed()
    name = f"{SUITE}::test_telemetry_is_open_and_brakes_are_not"
    (in_one_session, side_by_side) = commands("Run it")
    for words in (in_one_session, side_by_side):
        program, *options = words
        name_of_program = program.removeprefix(".venv/bin/")
        said = team.run(name_of_program, *options, status=PARTIAL if name_of_program == "harness" else 0)
        assert said.splitlines()[-1].startswith("qualification: PARTIAL  report: reports/")
        assert verdicts(team) == [(name, "desk", "pass")]
    (harness, suite) = results(team)["run"]["sources"]
    assert (harness["what"], harness["commit"], harness["changes"]) == ("the installed harness", "", [])
    assert harness["note"] == "the package was not built in a git repository"
    assert suite["note"] == "it is not in a git repository"
    # What is changed in an installed package is seen by its own list of files.
    (team.packages / "harness/_shipped/COMMIT").write_text("a" * 40)
    (team.packages / "harness/more.py").write_text("")
    # The verdict is one about the device.
    team.run("pytest", "--lg-env", "boards.yaml", "--fault", "rules-ignored", status=1)
    assert verdicts(team) == [(name, "desk", "fail")]
    harness = results(team)["run"]["sources"][0]
    assert harness["commit"] == "a" * 40
    assert harness["changes"] == ["harness/_shipped/COMMIT", "harness/more.py (not of the package)"]
    (team.packages / "harness/_shipped/COMMIT").write_text("")
    (team.packages / "harness/more.py").unlink()
    # pytest keeps every plugin that it loads, with what that imports, next to it.
    assert {name for name in team.installed() - before if not KEPT_BY_PYTEST.fullmatch(name)} == set()


@pytest.mark.long
def test_the_page_with_all_that_the_package_depends_on(tmp_path: Path, wheel: Path) -> None:
    """Nothing is there before: pip fetches the dependencies."""
    place = Team(tmp_path)
    (tmp_path / wheel.name).symlink_to(wheel)
    write_both(place)
    for words in [*commands("Install it"), *commands("Run it")]:
        done = run(words, tmp_path)
        assert done.returncode == (PARTIAL if "qualify" in words else 0), done.stdout
    assert [verdict for _, _, verdict in verdicts(place)] == ["pass"]


CONFIGURATION = "system demo\nram 0,512M\nload /boot/vmlinuz\nvdev shmem allow telemetry create telemetry,0x10000\n"


@pytest.mark.long
def test_the_commands_work_in_an_empty_folder(team: Team) -> None:
    before = team.installed()
    assert "the package was not built in a git repository" in team.run("harness", "--version")
    team.run("harness", "provision")
    team.run(
        "harness", "qualify", "--bench", "qemu-aarch64", "-k", "test_with_an_allow_uncovered_names", status=PARTIAL
    )
    assert {verdict for _, _, verdict in verdicts(team)} == {"pass"}
    (team.folder / "reports/latest/index.html").unlink()
    team.run("harness", "report", "reports/latest", status=PARTIAL)
    assert (team.folder / "reports/latest/index.html").is_file()
    team.run("harness", "new-target", "desk", "--arch", "aarch64", "--defaults")
    assert "FILL IN" in team.run("harness", "check-target", "targets/desk.yaml", status=1)
    team.write("guest.qvmconf", CONFIGURATION)
    team.run("harness", "lint", "guest.qvmconf")
    assert "telemetry" in team.run("harness", "explain", "guest.qvmconf", "--name", "telemetry")
    team.write("steps.txt", "one attach a red 1\none write a 0 7\none read a 0\n")
    assert "0x7" in team.run("harness", "replay", "steps.txt")
    team.run("harness", "boot-time", "--arch", "aarch64", "--rounds", "1", "--guests", "1")
    assert {name for name in team.installed() - before if not KEPT_BY_PYTEST.fullmatch(name)} == set()


def test_a_session_that_does_not_ask_is_left_alone(team: Team) -> None:
    """Neither for an environment file of labgrid's that has nothing of ours."""
    team.write("env.yaml", "targets: {main: {}}\n")
    team.write("conftest.py", "import sys\n\ndef pytest_unconfigure(): print(sorted(filter(OURS, sys.modules)))\n"
               "OURS = lambda name: name.partition('.')[0] in ('harness', 'fixtures')\n")  # fmt: skip
    team.write("test_it.py", "import pytest\n\n@pytest.fixture\ndef deploy(): return 1\n\ndef test_a(deploy): pass\n")
    for options in ([], ["--lg-env", "env.yaml"]):
        said = team.run("pytest", "-p", "no:cacheprovider", *options)
        assert "1 passed" in said
        assert "['harness', 'harness.errors', 'harness.pytest_plugin', 'harness.shipped']" in said
    assert not (team.folder / "reports").exists()
    for option in ("--bench=desk", "--fault=x"):
        assert "unrecognized arguments" in team.run("pytest", option, status=4)


def test_another_package_with_the_name_fixtures_is_refused(team: Team) -> None:
    write_both(team)
    team.write("early.py", "import fixtures\n")
    team.write("fixtures.py", "")
    said = team.run("pytest", "-p", "early", "--lg-env", "boards.yaml", status=4, PYTHONPATH=str(team.folder))
    assert f"another package with the name fixtures is in use: {team.folder}/fixtures.py" in said
    assert "remedy: " in said
