# SPDX-License-Identifier: Apache-2.0
"""Folders of a run: nobody can foresee or exchange them, and a host removes nothing but what a host has made."""

from __future__ import annotations

import ast
import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from harness.account import nobody_else_can_exchange
from harness.emulator.service.client import EmulatedHost
from harness.paths import plain_base
from tests import programs
from tests.hostile import another_user
from tests.hostile.another_user import common_place, give

CHECKOUT = Path(__file__).parents[2]


def _daemon(folder: Path) -> tuple[int, str]:
    """Status and words of a host that is to live in the folder, and whose lifeline has ended."""
    reading, writing = os.pipe()
    os.close(writing)
    done = programs.run(
        [sys.executable, "-m", "harness.emulator.daemon", "--run-dir", str(folder), "--lifeline", str(reading)],
        pass_fds=[reading],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(reading)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_host_removes_no_folder_that_was_no_hosts() -> None:
    with common_place() as place:
        folder = place / "papers"
        (folder / "letters").mkdir(parents=True)
        folder.chmod(0o700)
        (folder / "letters" / "one").write_text("dear")
        status, said = _daemon(folder)
        assert (status, "is not empty, and not the directory of a host" in said) == (2, True), said
        assert (folder / "letters" / "one").read_text() == "dear"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o750, 0o701])
def test_a_host_takes_no_folder_that_others_can_enter(mode: int) -> None:
    with common_place() as place:
        folder = place / "run"
        folder.mkdir()
        folder.chmod(mode)
        status, said = _daemon(folder)
        assert (status, "other users can access it" in said) == (2, True), said
        assert list(folder.iterdir()) == []


def test_a_host_takes_no_link_for_its_folder() -> None:
    with common_place() as place:
        (place / "target").mkdir(mode=0o700)
        (place / "run").symlink_to(place / "target")
        status, said = _daemon(place / "run")
        assert (status, "other users can access it" in said) == (2, True), said
        assert list((place / "target").iterdir()) == []


def test_a_lock_that_is_a_link_makes_no_file_elsewhere() -> None:
    with common_place() as place:
        (place / "run").mkdir(mode=0o700)
        (place / "run" / "lock").symlink_to(place / "elsewhere")
        status, said = _daemon(place / "run")
        assert status == 2, said
        assert not (place / "elsewhere").exists()
        (place / "elsewhere").write_text("mine")
        status, said = _daemon(place / "run")
        assert status == 2, said
        assert (place / "elsewhere").read_text() == "mine"


def test_what_a_killed_host_has_left_goes_and_links_lead_nowhere() -> None:
    with common_place() as place:
        outside = place / "outside"
        outside.mkdir()
        (outside / "mine").write_text("mine")
        folder = place / "run"
        (folder / "root" / "dev").mkdir(parents=True)
        folder.chmod(0o700)
        (folder / "lock").touch()
        for name in ("control", "0.sock", "root/dev/ptyp0", "link"):
            (folder / name).symlink_to(outside if name == "link" else outside / "mine")
        (folder / "root" / "dev" / "qvm").symlink_to(outside)
        assert _daemon(folder) == (0, "")
        assert not folder.exists()
        assert (outside / "mine").read_text() == "mine"


def test_a_socket_that_has_become_a_link_takes_nothing_with_it(tmp_path: Path) -> None:
    with EmulatedHost(log=tmp_path / "log") as host:
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "mine").write_text("mine")
        for name, target in (("control", precious / "mine"), ("9.sock", precious)):
            (host.run_directory / name).unlink(missing_ok=True)
            (host.run_directory / name).symlink_to(target)
        folder = host.run_directory
    assert not folder.exists()
    assert (precious / "mine").read_text() == "mine"


def _temporary(base: Path) -> Path:
    """Where a program puts its folders whose TMPDIR this is."""
    done = programs.run(
        [sys.executable, "-c", "from harness.paths import plain_base; print(plain_base())"],
        env={**os.environ, "TMPDIR": str(base)},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


@pytest.mark.parametrize(
    ("mode", "used"), [(0o700, True), (0o755, True), (0o1777, True), (0o1770, True), (0o777, False), (0o775, False)]
)
def test_a_temporary_folder_is_used_when_names_in_it_stay(mode: int, used: bool) -> None:
    with common_place() as place:
        base = place / "tmp"
        base.mkdir()
        base.chmod(mode)
        assert (_temporary(base) == base) == used
        # The same for a folder further up.
        below = base / "private"
        below.mkdir(mode=0o700)
        assert (_temporary(below) == below) == used


@another_user.needed
def test_a_temporary_folder_of_another_user_is_not_used() -> None:
    with common_place() as place:
        base = place / "tmp"
        base.mkdir()
        base.chmod(0o1777)
        give(base)
        assert not nobody_else_can_exchange(base)
        assert _temporary(base) != base


def test_folders_of_runs_are_new_closed_and_cannot_be_foreseen(tmp_path: Path) -> None:
    seen = set()
    for number in range(2):
        with EmulatedHost(log=tmp_path / f"{number}.log") as host:
            about = host.run_directory.lstat()
            assert (stat.S_IMODE(about.st_mode), about.st_uid) == (0o700, os.getuid())
            assert host.run_directory.parent == plain_base()
            seen.add(host.run_directory.name.removeprefix("shmem-host-"))
    assert len(seen) == 2
    assert all(len(name) >= 8 and not name.isdecimal() for name in seen)


FORESEEABLE = {
    "harness/emulator/service/own_host.py": "the host of qvm alone: harness.account.make_private looks at it",
    "harness/paths.py": "the folders in which folders with random names are made",
    "harness/target/new.py": "on a board",
    "harness/host/qnx/driver.py": "on a board",
    "harness/provision/linux/kernel.py": "words about a guest",
}
"""Files of the harness that name a place below a shared folder for temporary files, and why that does no harm."""


def test_no_other_name_in_a_shared_folder_is_known_beforehand() -> None:
    shared = ("/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir())
    found = set()
    for source in sorted(CHECKOUT.glob("harness/**/*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.split()
                if len(words) == 1 and words[0].startswith(shared):
                    found.add(source.relative_to(CHECKOUT).as_posix())
    assert found <= set(FORESEEABLE), found - set(FORESEEABLE)
