# SPDX-License-Identifier: Apache-2.0
"""The QEMU on PATH is used when it is good enough, and it is said why when it is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.provision import Qemu, qemu
from harness.provision.cache import cache_dir
from tests import programs
from tests.provision.archive import Archive, sources
from tests.provision.cache_children import left_over

PRIVATE = "usr/lib/test-linux-gnu"
"""The library folder of the private prefix that the tests make."""

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Put:
    """Put a program named like QEMU first on PATH; packages come from an archive that has none, and no network."""
    assert not cache.exists()
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    Archive(tmp_path / "empty").publish()
    offer(tmp_path / "empty", monkeypatch)

    def program(script: str, arch: str = "x86_64") -> Path:
        file = folder / f"qemu-system-{arch}"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    return program


def offer(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this archive the only one."""
    file = archive.with_suffix(".sources")
    file.write_text(sources(f"file:{archive}", Trusted="yes"))
    monkeypatch.setenv("SHMEM_HARNESS_APT_SOURCES", str(file))


def speaking(version: str, devices: str = 'name "vfio-user-pci", bus PCI') -> str:
    """A script that answers as QEMU does."""
    return f"""case "$1" in
--version) echo 'QEMU emulator version {version} (Debian 1:{version}+ds-1)';;
-device) echo '{devices}';;
esac"""


def test_one_on_path_that_is_new_enough(put: Put) -> None:
    file = put(speaking("10.1.0"))
    found = qemu("x86_64")
    assert found == Qemu("x86_64", (str(file),), (10, 1, 0), f"PATH ({file})")
    assert (found.command().argv, found.command().environment) == ([str(file)], {})
    preloading = found.command(preload=cache_dir() / "window/a.so")
    assert (preloading.argv, preloading.environment) == ([str(file)], {"LD_PRELOAD": "window/a.so"})
    assert preloading.folder == cache_dir()


def test_firmware_is_looked_for_where_it_says(put: Put, tmp_path: Path) -> None:
    folder = tmp_path / "share with blanks"
    folder.mkdir()
    (folder / "there.rom").touch()
    put(speaking("10.1.0").replace("esac", f"-L) echo '/nowhere'; echo '{folder}';;\nesac"))
    found = qemu("x86_64")
    assert [found.has_firmware(name) for name in ("there.rom", "absent.rom")] == [True, False]


def test_one_that_is_too_old(put: Put) -> None:
    file = put(speaking("7.2.22"))
    with pytest.raises(HarnessError) as raised:
        qemu("x86_64")
    said = str(raised.value)
    assert f"no QEMU for x86_64: {file} is version 7.2.22, older than 10.1.0" in said
    assert "another cannot be had: fetching packages" in said or "another cannot be had: resolving packages" in said
    assert "Unable to locate package qemu-system-x86" in said
    assert "remedy: " in said


def test_one_without_the_device(put: Put) -> None:
    file = put(speaking("11.0.1", devices='name "vfio-pci", bus PCI'))
    with pytest.raises(HarnessError, match=f"{file} 11.0.1 was built without vfio-user-pci"):
        qemu("x86_64")


def test_one_that_dies_says_why(put: Put) -> None:
    put("echo 'error while loading shared libraries: libpixman-1.so.0' >&2; exit 127")
    with pytest.raises(HarnessError, match=r"exited with status 127 and said:\n  \| error while loading shared lib"):
        qemu("x86_64")


def test_one_that_is_killed_at_its_start(put: Put) -> None:
    put("kill -SEGV $$")
    with pytest.raises(HarnessError, match=r"--version was ended by signal 11 and said:\n  \| \(nothing\)"):
        qemu("x86_64")


def test_one_that_is_replaced_is_asked_again(put: Put) -> None:
    file = put(speaking("7.2.22"))
    with pytest.raises(HarnessError, match="older than"):
        qemu("x86_64")
    file.unlink()
    put(speaking("10.1.12"))
    assert qemu("x86_64").version == (10, 1, 12)


def test_each_architecture_has_its_own(put: Put) -> None:
    put(speaking("10.1.0"), arch="aarch64")
    assert qemu("aarch64").version == (10, 1, 0)
    with pytest.raises(HarnessError, match="no QEMU for x86_64: no qemu-system-x86_64 on PATH"):
        qemu("x86_64")


def private_archive(folder: Path, program: bytes) -> Archive:
    """QEMU's packages with this program in the place of both QEMUs, and the C library of this machine."""
    archive = Archive(folder)
    loader = Path(_interpreter("/bin/dash"))
    libc = next(Path(line.split()[2]) for line in _ldd("/bin/dash") if "libc.so.6" in line)
    files = {f"{PRIVATE}/{loader.name}": loader.read_bytes(), f"{PRIVATE}/libc.so.6": libc.read_bytes()}
    archive.add("libc6", files=files)
    archive.add("seabios")
    for package, arch in (("qemu-system-x86", "x86_64"), ("qemu-system-arm", "aarch64")):
        archive.add(package, depends="libc6", files={f"usr/bin/qemu-system-{arch}": program})
    archive.publish()
    return archive


def _ldd(program: str) -> list[str]:
    return programs.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines()


def _interpreter(program: str) -> str:
    return next(line.split()[0] for line in _ldd(program) if "/ld-" in line)


@pytest.mark.usefixtures("put")
def test_a_fetched_qemu_that_dies_says_why_and_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = private_archive(tmp_path / "private", Path("/bin/dash").read_bytes())
    offer(archive.folder, monkeypatch)
    with pytest.raises(HarnessError, match=r"--version exited with status 2 and said:\n  \| .*Illegal option -L"):
        qemu("x86_64")
    assert list((cache_dir() / "qemu").glob("*/entry.json")) == []
    assert left_over(cache_dir()) == []
