# SPDX-License-Identifier: Apache-2.0
"""``harness lint`` and ``harness explain`` as a person or a tool uses them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.shmem.config import Rule, ShmemVdev
from harness.shmem.explanation import explain
from harness.shmem.profile import Profile
from tests import programs

CONFIGURATION = """\
system g0
ram 0x40000000,128M
load kernel
vdev shmem
    name guarded
    deny pluto
    allow pluto*
vdev shmem
    subst foo,guest0 create foomem,0xf0000
    allow foo*
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "guest.qvmconf"
    path.write_text(CONFIGURATION)
    return path


def test_lint_prints_one_line_per_finding(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [[f"{file}:7:5", "warning"], [f"{file}:9:5", "note"]]
    assert lines[0].endswith("[mixed-rules]")


def test_lint_is_stricter_when_asked(file: Path) -> None:
    assert main(["lint", "--strict", str(file)]) == 1
    file.write_text("system g\nvdev shmem deny a\n")
    assert main(["lint", "--strict", str(file)]) == 0


def test_lint_reports_what_cannot_be_read(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("system g\nvdev shmem\n  umask u+x\n")
    # What is there and cannot be read is a finding; a name of nothing is a mistake of the command line.
    assert main(["lint", str(file), str(file.parent)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{file}:3:9: error: 'umask' is not a set of permission bits: found 'u+x', expected an octal number such as "
        "0640 [syntax]",
        f"{file.parent}:1:1: error: cannot read '{file.parent}': Is a directory [syntax]",
    ]
    assert main(["lint", str(file), str(file.parent / "none")]) == 3
    assert f"there is no {file.parent / 'none'}" in capsys.readouterr().err


BROKEN = """\
system g
system h
ram 64z
set SIZE 4q
vdev shmem
  create a,$SIZE
  allow x
  loc 0x1c050000,2p
@missing.qvmconf
cpu partition
"""


def test_lint_goes_on_behind_a_line_that_cannot_be_read(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(BROKEN)
    assert main(["lint", str(file)]) == 1
    lines = [line.removeprefix(f"{file}:") for line in capsys.readouterr().out.splitlines()]
    assert [line.split(":")[0] for line in lines] == ["2", "3", "6", "8", "9", "10"]
    assert all(line.endswith("[syntax]") for line in lines)


def test_lint_reads_the_files_around_an_included_one_that_is_broken(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    Path("part.qvmconf").write_text('vdev shmem\n allow "a\n')
    file.write_text("system g\n@part.qvmconf\n@part.qvmconf\nram 1q\n")
    assert main(["lint", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{file}:4:5", "part.qvmconf:2:8", "part.qvmconf:2:8"]


def test_lint_looks_for_files_below_a_given_folder(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--base", str(file.parent), str(file)]) == 1
    assert "no such file: found 'kernel'" in capsys.readouterr().out
    (file.parent / "kernel").touch()
    assert main(["lint", "--base", str(file.parent), str(file)]) == 0


def test_lint_follows_the_release(file: Path) -> None:
    file.write_text("system g\nvdev shmem\n umask 022\n")
    assert [main(["lint", "--profile", release, str(file)]) for release in ("7.0", "7.1", "8.0")] == [1, 1, 0]


def test_lint_for_tools(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--json", str(file)]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["file"], first["line"], first["column"]) == (str(file), 7, 5)
    assert (first["severity"], first["code"]) == ("warning", "mixed-rules")


@pytest.mark.parametrize("arguments", [["lint"], ["lint", "--profile", "6", "f"], ["explain", "f"], ["explain"]])
def test_wrong_usage(arguments: list[str]) -> None:
    assert main(arguments) == 3


def test_explain_shows_the_rules_and_the_one_that_decides(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(file), "--name", "pluto", "--vdev", "guarded"]) == 0
    assert capsys.readouterr().out == (
        f"vdev shmem 0 'guarded' ({file}:4:1), guest asks for 'pluto'\n"
        f"    1  deny pluto    matches  <- decides  {file}:6:5\n"
        f"    2  allow pluto*  matches              {file}:7:5\n"
        "  refused with NO_PERMISSION (5): rule 1, 'deny pluto'\n"
        "  host-side name: 'pluto'\n"
    )


def test_explain_shows_the_implied_rule(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(file), "--name", "mars", "--vdev", "0"]) == 0
    out = capsys.readouterr().out
    assert "       deny * (implied)  matches  <- decides\n" in out
    assert "refused with NO_PERMISSION (5): no rule matches, and the list ends with an implied 'deny *'" in out


def test_explain_shows_the_name_on_the_host(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(file), "--name", "foomem", "--vdev", "1"]) == 0
    out = capsys.readouterr().out
    assert "permitted: rule 1, 'allow foo*'\n  host-side name: 'guest0mem'\n" in out


def test_explain_takes_every_vdev_by_default(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(file), "--name", "foomem", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["vdev"], first["vdev_name"], first["allowed"], first["implicit"]) == (0, "guarded", False, "deny *")
    assert [rule["decides"] for rule in first["rules"]] == [False, False]
    assert (second["vdev_name"], second["allowed"], second["host_name"]) == (None, True, "guest0mem")
    assert second["rules"] == [
        {"kind": "allow", "pattern": "foo*", "position": f"{file}:10:5", "matches": True, "decides": True}
    ]


def test_explain_distinguishes_illegal_from_refused_names(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(file), "--name", "", "--vdev", "0"]) == 0
    assert "refused with ILLEGAL_NAME (4): the name is empty" in capsys.readouterr().out


def test_explain_tells_equal_rules_apart() -> None:
    vdev = ShmemVdev((Rule("allow", "a"), Rule("deny", "a"), Rule("allow", "a")))
    last = explain(vdev, 0, "a", Profile.load("7.0", {"mixed_rules": "last-match"}))
    assert (last.deciding_index, last.because) == (2, "rule 3, 'allow a'")


def test_explain_says_which_vdevs_there_are(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(file), "--name", "a", "--vdev", "2"]) == 3
    assert "no vdev shmem '2'\n  remedy: choose one of 0 ('guarded'), 1" in capsys.readouterr().err
    file.write_text("system g")
    assert main(["explain", str(file), "--name", "a"]) == 3
    assert "has no vdev shmem" in capsys.readouterr().err


def test_explain_of_a_broken_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("system g vdev shmem create a")
    assert main(["explain", str(file), "--name", "a"]) == 1
    assert capsys.readouterr().err.startswith(f"{file}:1:28: error: 'create' has the wrong number of fields")


def test_the_command_itself(file: Path) -> None:
    done = programs.run(
        [sys.executable, "-m", "harness", "lint", str(file)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 2)


def test_lint_as_sarif(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("system g\nvdev shmem\n  umask u+x\n")
    assert main(["lint", str(file), "--sarif"]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["tool"]["driver"]["rules"] == [{"id": "syntax", "shortDescription": {"text": "syntax"}}]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("syntax", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": str(file)}, "region": {"startLine": 3, "startColumn": 9}}
