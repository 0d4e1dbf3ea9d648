# SPDX-License-Identifier: Apache-2.0
"""Devices of which something is not known: nothing is proved about them, in any of the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main


def _write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.qvmconf").write_text(f"system {name}\nram 128M\n{text}")


def _found(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    status = main(["audit", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def _found_beside_x(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> tuple[int, Any]:
    """What is found of a VM with this text beside one that may use x."""
    _write(folder, "a", text)
    _write(folder, "b", "vdev shmem\n allow x\n")
    return _found(capsys, str(folder))


@pytest.mark.parametrize(
    "text",
    [
        # Closed but for what stands in the last line.
        "vdev shmem\n allow x\n allow ${R}\n",
        "vdev shmem\n allow x\n create ${N},4K\n",
        "vdev shmem\n allow x\n create x,${S}\n",
        "vdev shmem\n allow x\n create x,010000\n",
        "vdev shmem\n allow x\n subst ,${P}\n",
        "vdev shmem\n allow x\n ${OPTION} x\n",
        "vdev shmem\n allow x\n${VDEV} shmem\n",
        "vdev shmem\n allow x\nvdev ${KIND}\n",
        "vdev shmem\n allow x\npass loc mem:0x1000,0x1000\n ${OPTION} shmem\n",
        # What may be meant for a rule.
        "vdev shmem\n allow x\n alow *\n",
        "vdev shmem\n allow x\n Allow *\n",
        "vdev shmem\n allow x\nAllow *\n",
        "vdev shmem\n allow x\n Create y,4K\n",
        'vdev shmem\n allow x\n "allow" *\n',
        # No name of a variable.
        "vdev shmem\n allow x\n allow ${R\n",
        "vdev shmem\n allow x\n allow ${}\n",
        # Which value counts is not documented.
        "set R x\nvdev shmem\n allow ${R}\nset R *\n",
        "set R *\nset R x\nvdev shmem\n allow ${R}\n",
        "set R *\nset Q ${R}\nset R x\nvdev shmem\n allow x\n subst ,${Q}\n",
    ],
)
def test_what_a_variable_or_a_mistake_hides(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = _found_beside_x(tmp_path, capsys, text)
    assert status == 1
    assert not found["closed"]
    undecided = [one for one in found["findings"] if one["code"] == "undecided"]
    assert {one["severity"] for one in undecided} == {"error"}
    assert {tuple(one["vms"]) for one in undecided} == {("a",)}


@pytest.mark.parametrize(
    "text",
    [
        "set R x\nset R x\nvdev shmem\n allow ${R}\n",
        "vdev shmem\n loc ${PLACE}\n intr gic:40\n allow x\n",
        "vdev ser8250\n hostdev ${R}\nset R 1\nset R 2\nvdev shmem\n allow x\n",
        "vdev shmem\n allow x$\n allow x\n",
        "vdev shmem\n allow x\n colour red\n",
    ],
)
def test_a_variable_that_hides_no_access(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _found_beside_x(tmp_path, capsys, text)[0] == 0


def test_values_that_grow_come_to_an_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doubled = "set R ${R}${R}\n" * 60
    _write(tmp_path, "a", f"set R xx\n{doubled}vdev shmem\n allow ${{R}}\n")
    assert main(["audit", str(tmp_path)]) == 1
    assert "the values of variables make the text too long: found 'R'" in capsys.readouterr().err


@pytest.mark.parametrize("old", ["allow ${R}", "allow y"])
@pytest.mark.parametrize("new", ["allow ${R}", "allow y"])
def test_versions_of_which_one_is_not_known(
    old: str, new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, rule in (("old", old), ("new", new)):
        _write(tmp_path / folder, "a", f"vdev shmem\n {rule}\n")
        _write(tmp_path / folder, "b", "vdev shmem\n allow x\n")
    status, found = _found(capsys, str(tmp_path / "new"), "--compare", str(tmp_path / "old"))
    known = "R" not in old + new
    assert [(one["code"], one["vms"]) for one in found] == ([] if known else [("undecided", ["a"])])
    assert status == int(not known)


def test_a_policy_is_not_proposed_as_if_it_were_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, "a", "vdev shmem\n allow ${R}\n")
    _write(tmp_path, "b", "vdev shmem\n allow x\n")
    assert main(["audit", str(tmp_path), "--propose-policy"]) == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("# a: nothing is proved about it, so its channels are missing.")
    assert rest == ["channels: []"]


def test_what_a_release_makes_of_a_mixed_list_is_an_open_point(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, "a", "vdev shmem\n allow x*\n deny xy\n")
    _write(tmp_path, "b", "vdev shmem\n allow xy\n")
    status, found = _found(capsys, str(tmp_path), "--release", "7.0", "--release", "8.0")
    assert status == 0
    assert {one["code"] for one in found} == {"depends-on-reading"}
    [met] = [one for one in found if one["vms"] == ["a", "b"]]
    assert "if mixed_rules is deny-wins in the new release (SHM-OPEN-01)" in met["text"]
    assert met["witness"] == "xy"
    # Without a mixed list the two releases are known to read the files alike.
    (tmp_path / "a.qvmconf").write_text("system a\nvdev shmem\n allow x*\n")
    assert _found(capsys, str(tmp_path), "--release", "7.0", "--release", "8.0") == (0, [])
