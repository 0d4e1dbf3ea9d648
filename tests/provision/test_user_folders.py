# SPDX-License-Identifier: Apache-2.0
"""Packages are fetched, sources compiled and programs run wherever the cache and the temporary folder are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness import provision
from harness.errors import HarnessError, UsageError
from harness.paths import LONGEST, plain_base
from harness.provision import Recipe, compile_c, fetch_packages
from harness.provision.cache import cache_dir
from harness.provision.checks import State, checks
from harness.provision.process import run
from tests import programs
from tests.provision.archive import Archive, sources

NAMES = {
    "Jenkins": "My Job@tmp #1",
    "marks": "a:b,c=d; \"say\" 'it' \\now 50% $HOME ${ORIGIN} [1] <b>&amp; //x",
    "long": "/".join(["long: %d" + "x" * 200] * 12),
}


@pytest.fixture(params=list(NAMES.values()), ids=list(NAMES))
def strange(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and a temporary folder below a strange name."""
    name: str = request.param
    folder = tmp_path / name
    (folder / "tmp").mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(folder / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("SHMEM_HARNESS_CACHE", str(folder / "cache"))
    return folder


def test_packages_are_fetched(strange: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Archive(tmp_path / "archive")
    made.add("tool", depends="library (>= 1.0)")
    made.add("library")
    made.publish()
    override = strange / "my.sources"
    override.write_text(sources(f"file:{made.folder}", Trusted="yes"))
    monkeypatch.setenv("SHMEM_HARNESS_APT_SOURCES", str(override))
    files = fetch_packages(["tool"], "aarch64")
    assert sorted(file.name for file in files) == ["library_1.0_all.deb", "tool_1.0_all.deb"]
    assert all(file.is_relative_to(strange) for file in files)
    unpacked = strange / "unpacked"
    run(["dpkg-deb", "--extract", str(files[0]), str(unpacked)], what="unpacking", timeout=programs.PATIENCE)
    assert list(unpacked.glob("usr/share/doc/*/README"))


def test_sources_are_compiled(strange: Path) -> None:
    folder = strange / "sources"
    (folder / "include dir").mkdir(parents=True)
    (folder / "include dir/a#b.h").write_text("#define ANSWER 42\n")
    (folder / "sample.c").write_text('#include "a#b.h"\nint answer(void) { return ANSWER; }\n')
    recipe = Recipe("sample", folder, "x86_64-linux-gnu.2.28", ("sample.c",), ("-c", "-Iinclude dir"), (), "sample.o")
    assert (compile_c(recipe).path / "sample.o").read_bytes()[:4] == b"\x7fELF"


def test_programs_of_the_cache_run(strange: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU with its loader's list of libraries, and with a library that is loaded before its own."""
    with monkeypatch.context() as usual:
        usual.delenv("SHMEM_HARNESS_CACHE")
        there = cache_dir()
    (strange / "cache").symlink_to(there)
    command = provision.qemu("aarch64").command(preload=provision.window_library())
    maps = [*command.argv, "-M", "none", "-nographic", "-monitor", "none", "-serial", "none", "-S", "-daemonize"]
    pid_file = strange.parent / "pid"
    maps += ["-pidfile", str(pid_file)]
    run(maps, what="QEMU", timeout=programs.PATIENCE, env=command.environment, folder=command.folder)
    pid = int(pid_file.read_text())
    try:
        assert "/window.so" in Path(f"/proc/{pid}/maps").read_text()
    finally:
        os.kill(pid, 9)


def test_the_doctor_names_a_cache_that_has_too_long_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHMEM_HARNESS_CACHE", str(tmp_path / "/".join(["x" * 200] * 20)))
    (found,) = (check for check in checks() if check.name == "cache")
    assert found.state is State.MISSING
    assert "SHMEM_HARNESS_CACHE" in found.remedy
    with pytest.raises(UsageError, match="the path of the cache has"):
        provision.window_library()


def test_a_machine_without_a_plain_folder_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere at all")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(HarnessError, match="short and plain name") as error:
        plain_base()
    assert "TMPDIR" in error.value.remedy
    assert str(LONGEST) in error.value.remedy
