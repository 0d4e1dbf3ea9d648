# SPDX-License-Identifier: Apache-2.0
"""A user without a home, as containers have them, or with one that is of no use."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.provision.cache import cache_dir
from tests import programs
from tests.command.shell import CHECKOUT, expect_order, expect_sentence, shell

NO_CACHE = "env -u XDG_CACHE_HOME -u SHMEM_HARNESS_CACHE"
NOBODY = f"{NO_CACHE} unshare --user --map-user=54321"
HARNESS = f"{CHECKOUT}/.venv/bin/harness"

pytestmark = pytest.mark.skipif(
    programs.run(["unshare", "--user", "--map-user=54321", "true"], capture_output=True).returncode != 0,
    reason="this machine lets an ordinary user be no other",
)


@pytest.mark.parametrize(
    "surroundings", ["env -u HOME", "env HOME=", "env -u HOME XDG_CACHE_HOME=relative", "env -u HOME LC_ALL=C"]
)
def test_doctor_says_what_a_user_without_a_home_can_do(tmp_path: Path, surroundings: str) -> None:
    run = shell(f"{NOBODY} {surroundings} COLUMNS=200 {HARNESS} doctor", cwd=tmp_path)
    expect_sentence(run, 2, "HOME is not set, and there is no user 54321")
    assert "cache: set HOME, or SHMEM_HARNESS_CACHE to a folder that you may write" in run.stdout
    assert not list(tmp_path.iterdir()), "nothing is made where it was started"


@pytest.mark.parametrize("place", ["HOME=/proc/self", "XDG_CACHE_HOME=/proc/self", "HOME=/dev/null/home"])
def test_doctor_names_a_cache_that_cannot_be_written(place: str) -> None:
    run = shell(f"{NO_CACHE} {place} COLUMNS=200 {HARNESS} doctor")
    expect_order(run)
    assert run.returncode == 2
    assert "cache: set SHMEM_HARNESS_CACHE to a writable folder" in run.stdout


@pytest.mark.parametrize(
    "words", ["provision", "linux true", "boot-time --rounds 1", "replay {steps}", "prove --list", "lint {steps}"]
)
def test_every_command_ends_in_order_without_a_home(tmp_path: Path, words: str) -> None:
    (tmp_path / "steps").write_text("guest one\n")
    run = shell(f"{NOBODY} env -u HOME {HARNESS} {words.format(steps=tmp_path / 'steps')}", cwd=tmp_path)
    expect_order(run)
    if words.startswith(("provision", "linux", "boot-time")):
        expect_sentence(run, 2, "remedy: set HOME, or SHMEM_HARNESS_CACHE to a folder that you may write")


def test_a_cache_is_all_that_a_user_without_a_home_needs(tmp_path: Path) -> None:
    command = f"qualify --bench qemu-aarch64 -k test_mixed --out {tmp_path}"
    run = shell(f"{NOBODY} env -u HOME SHMEM_HARNESS_CACHE={cache_dir()} {HARNESS} {command}", cwd=tmp_path)
    assert run.returncode == 4, run.stdout + run.stderr
    assert "qualification: PARTIAL" in run.stdout
