# SPDX-License-Identifier: Apache-2.0
"""The commands that a person types: doctor, provision, make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs
from tests.provision.archive import Archive, sources
from tests.provision.cache_children import CHECKOUT, SECONDS


def harness(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the harness as its own process."""
    return programs.run(
        [sys.executable, "-m", "harness", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "COLUMNS": "200", **environment},
        cwd=CHECKOUT,
        check=False,
    )


@pytest.fixture
def bare(tmp_path: Path, warm_cache: Path) -> dict[str, str]:
    """The environment of a machine with an empty cache, no QEMU and an archive without packages."""
    assert [entry.name for entry in warm_cache.iterdir()] == ["zig"]
    Archive(tmp_path / "empty").publish()
    (tmp_path / "sources").write_text(sources(f"file:{tmp_path / 'empty'}", Trusted="yes"))
    return {"SHMEM_HARNESS_APT_SOURCES": str(tmp_path / "sources"), "PATH": "/usr/bin:/bin"}


def row(table: str, name: str) -> str:
    """The line of the table that begins with this name."""
    return next(line for line in table.splitlines() if line.strip("│ ").startswith(name))


def test_doctor_says_what_is_missing_and_how_to_get_it(bare: dict[str, str]) -> None:
    done = harness("doctor", **bare)
    assert done.returncode == 2
    assert "ok" in row(done.stdout, "compiler")
    assert "no qemu-system-aarch64 on PATH" in row(done.stdout, "QEMU aarch64")
    for built in ("window-library", "qvm", "register-server"):
        assert f"  {built}: harness provision\n" in done.stdout


def test_doctor_explains_a_cache_that_cannot_be_used(bare: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = harness("doctor", **bare, SHMEM_HARNESS_CACHE=str(tmp_path / "file/cache"))
    assert done.returncode == 2
    assert "cannot be written" in row(done.stdout, "cache")


def test_doctor_finds_damage(bare: dict[str, str], cache: Path) -> None:
    built = 'from harness.provision import window_library; print(window_library(), end="")'
    environment = {**os.environ, **bare}
    library = Path(
        programs.run([sys.executable, "-c", built], capture_output=True, text=True, check=True, env=environment).stdout
    )
    assert library.is_relative_to(cache)
    assert "ok" in row(harness("doctor", **bare).stdout, "window-library")
    content = library.read_bytes()
    library.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    done = harness("doctor", **bare)
    assert f"damaged in the cache: {library}" in row(done.stdout, "window-library")
    assert done.returncode == 2


def test_provision_that_cannot_says_why_in_one_message(bare: dict[str, str]) -> None:
    done = harness("provision", "--arch", "x86_64", **bare)
    assert done.returncode == 2
    assert "harness provision: error: " in done.stderr
    assert "Unable to locate package qemu-system-x86" in done.stderr
    assert "remedy: " in done.stderr
    assert "Traceback" not in done.stderr


def test_provision_makes_what_is_missing_and_what_is_damaged(bare: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "qemu-system-x86_64"
    program.write_text("#!/bin/sh\necho 'QEMU emulator version 10.1.2, \"vfio-user-pci\"'\n")
    program.chmod(0o755)
    environment = {**bare, "PATH": f"{tmp_path}:{bare['PATH']}"}

    done = harness("provision", "--arch", "x86_64", "--image", "probe", **environment)
    assert done.returncode == 0, done.stderr
    made = dict(line.split(": ") for line in done.stdout.splitlines())
    assert made["QEMU x86_64"] == str(program)
    content = Path(made["probe x86_64"]).read_bytes()
    assert content.startswith(b"\x7fELF")
    assert os.access(made["qvm"], os.X_OK)

    Path(made["probe x86_64"]).write_bytes(bytes(len(content)))
    again = harness("provision", "--arch", "x86_64", "--image", "probe", **environment)
    assert again.stdout == done.stdout
    assert f"{made['probe x86_64']} is damaged; rebuilding it" in again.stderr
    assert Path(made["probe x86_64"]).read_bytes() == content


def test_provision_of_an_unknown_architecture_is_a_usage_error() -> None:
    assert harness("provision", "--arch", "riscv64").returncode == 3


def make_venv(python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the set-up of the virtual environment in a folder of its own."""
    (folder / "tools").mkdir()
    script = folder / "tools/make-venv"
    script.write_bytes((CHECKOUT / "tools/make-venv").read_bytes())
    script.chmod(0o755)
    (folder / "pyproject.toml").touch()
    environment = {**os.environ, "PYTHON": str(python)}
    return programs.run([script, "runtime"], capture_output=True, text=True, timeout=SECONDS, env=environment)


@pytest.mark.parametrize(
    ("script", "said", "remedy"),
    [
        (
            'case "$*" in *version_info*) exit 1;; -V) echo Python 3.9.2;; esac',
            "is Python 3.9.2, older than 3.11",
            "make PYTHON=",
        ),
        ('case "$*" in *ensurepip*) exit 1;; esac', "has no venv", "apt-get install python3-venv"),
        (None, "there is no", "apt-get install python3-venv"),
    ],
    ids=["too old", "without venv", "no python"],
)
def test_a_python_that_will_not_do_is_explained(tmp_path: Path, script: str | None, said: str, remedy: str) -> None:
    python = tmp_path / "python3"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    done = make_venv(python, tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert remedy in done.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("target", ["qualify", "test", "prove", "doctor", "provision", "clean", "help"])
def test_make_knows_the_target(target: str) -> None:
    done = programs.run(["make", "--dry-run", target], capture_output=True, text=True, cwd=CHECKOUT, check=False)
    assert done.returncode == 0, done.stderr


def test_make_alone_explains_itself() -> None:
    done = programs.run(["make"], capture_output=True, text=True, cwd=CHECKOUT, check=True)
    assert "make qualify" in done.stdout
    assert "make test" in done.stdout


def test_what_make_started_ends_when_make_is_killed(tmp_path: Path) -> None:
    """The rule's command is bound to make by the same words as the real ones."""
    bound = next(line for line in (CHECKOUT / "Makefile").read_text().splitlines() if line.startswith("BOUND"))
    (tmp_path / "Makefile").write_text(f"{bound}\nwait:\n\t@$(BOUND) cat\n")
    held, our_end = os.pipe()
    with programs.Program(
        ["make", "-C", tmp_path], stdin=held, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as make:
        os.close(held)
        os.write(our_end, b"running\n")
        assert make.stdout is not None
        while b"running" not in make.stdout.readline():
            pass
        make.kill()
        # The output closes when the last process that has it has ended.
        assert make.stdout.read() == b""
    os.close(our_end)
