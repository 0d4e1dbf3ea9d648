# SPDX-License-Identifier: Apache-2.0
"""The folder on a board: any name that a configuration can hold works, any other is refused with the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labgrid.strategy import StrategyError

from harness.host.errors import PermanentHostError
from harness.target.check import check
from tests import rarely
from tests.boards.lab import CHECKOUT, Lab
from tests.boards.session import Session
from tests.boards.target_parts import HOST

GENERIC = CHECKOUT / "targets/qnx-aarch64-generic.yaml"
NAMES = {
    "marks": "a:b,c=d; \"say\" 'it' \\now `id` 50% $5 {{ x }} {% y %} <b>&amp; [1] *?",
    "Jenkins": "My Job@tmp #1",
    "not English": "\N{GREEK SMALL LETTER OMEGA}\t\N{CJK UNIFIED IDEOGRAPH-6F22} ",
    "long": "/".join(["long #" + "x" * 200] * 10),
}


@pytest.mark.parametrize("name", rarely.first(1, NAMES.values()), ids=NAMES)
def test_guests_boot_from_a_folder_with_a_strange_name(lab: Lab, tmp_path: Path, name: str) -> None:
    session = Session(lab, tmp_path)
    lab.set("ShmemQnxHostDriver", folder=name, keep_images=False)
    session.test("guests", 'deploy("allow a", "allow a")[0].attach("a")')
    run = session.run()
    assert run.returncode == 0, run.stdout + run.stderr
    assert session.verdicts == {"guests": "pass"}
    assert list(lab.home.iterdir()) == []


def test_a_folder_that_no_configuration_can_name_is_refused(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", folder="two\nlines")
    with pytest.raises(StrategyError) as error:
        lab.ready()
    assert isinstance(error.value.__cause__, PermanentHostError)
    assert "cannot be written in a configuration" in str(error.value.__cause__)


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("My Job@tmp #1", ""),
        ("a:b,c 'd' %", ""),
        ("two\nlines", "error: the folder 'two\\nlines' has a character"),
        ("x" * 3001, "error: the folder"),
        ('say "it"', 'warning: folder: it is not documented how a configuration writes " in a path'),
        ("a\\b$5", "warning: folder: it is not documented how a configuration writes $ and \\ in a path"),
        ("a/$HOME", "error: the folder 'a/$HOME' has $HOME, which a configuration reads as a variable"),
        ("~/images", "warning: folder: ~ has no meaning"),
    ],
)
def test_check_target_reports_an_unusable_folder(tmp_path: Path, folder: str, said: str) -> None:
    text = GENERIC.read_text()
    assert text.count(HOST) == 1
    text = text.replace(HOST, f"{HOST}        folder: {json.dumps(folder)}\n")
    text = text.replace("templates: qnx-aarch64", f"templates: {CHECKOUT}/targets/qnx-aarch64")
    file = tmp_path / "desk.yaml"
    file.write_text(text)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith("folder:"))
    found = [str(problem) for problem in check(file) if "folder" in problem.text]
    assert len(found) == bool(said), found
    assert all(problem.startswith(f"{file}:{line}: {said}") for problem in found), found
