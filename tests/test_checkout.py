# SPDX-License-Identifier: Apache-2.0
"""The set-up works in a checkout wherever that is, or says at once that it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import programs

CHECKOUT = Path(__file__).parents[1]
NAMES = {
    "Jenkins": "My Job@tmp #1",
    "marks": "a:b,c=d; \"say\" 'it' \\now `id` 50% $HOME {{ x }} <b>&amp; x::y [1] *? ",
    "long": "/".join(["long: #" + "x" * 200] * 12),
}
SETUP_SECONDS = 600
RUN_SECONDS = 200


def _run(folder: Path, *command: str, seconds: float = RUN_SECONDS) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LG_", "PYTEST_"))}
    (folder / "tmp").mkdir(exist_ok=True)
    return programs.run(
        command,
        cwd=folder,
        env={**environment, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two\nlines", "has a control character: $'"),
        ("a\tb", "has a control character: $'"),
        (os.fsdecode(b"latin-\xe4"), "is not UTF-8 text: "),
        ("/".join(["x" * 200] * 18), "has more than 3500 bytes: /"),
    ],
    ids=["line", "tab", "bytes", "long"],
)
def test_a_checkout_that_no_script_could_start_from_is_refused(tmp_path: Path, name: str, said: str) -> None:
    folder = tmp_path / name
    (folder / "tools").mkdir(parents=True)
    shutil.copy(CHECKOUT / "tools/make-venv", folder / "tools")
    shutil.copy(CHECKOUT / "Makefile", folder)
    run = _run(folder, "make", "venv")
    assert run.returncode == 2, run.stdout
    assert said in run.stdout
    assert "remedy: move the checkout to another folder" in run.stdout
    assert not (folder / ".venv").exists()


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_bench_runs_from_a_checkout_with_a_strange_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    for file in programs.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / file, folder / file)
    assert (made := _run(folder, "make", "provision", seconds=SETUP_SECONDS)).returncode == 0, made.stdout
    assert (doctor := _run(folder, ".venv/bin/harness", "doctor")).returncode == 0, doctor.stdout
    assert _run(folder, ".venv/bin/labgrid-client", "--help").returncode == 0
    words = [str(folder / ".venv/bin/harness"), "qualify", "--bench", "qemu-aarch64", "-k", "SHM-ALLOW-01"]
    run = _run(folder.parent, *words)
    # Nothing failed; it is a selection, and no checkout of a repository.
    assert run.returncode == 4, run.stdout
    assert (folder.parent / "reports/latest/junit.xml").is_file()
