# SPDX-License-Identifier: Apache-2.0
"""Packages are what a signed index promises, are fetched once, and survive killed downloads and full disks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.provision import fetch_packages
from harness.provision.apt import Request, packages
from harness.provision.cache import locked, sha256
from tests import programs
from tests.provision.archive import Archive, Server, sources
from tests.provision.cache_children import Python, file_system, holders, left_over, needs_small_file_system

SIGNED = Path(__file__).parent / "signed"

FETCH = """
import sys
from harness.errors import HarnessError
from harness.provision import fetch_packages
try:
    for file in fetch_packages(sys.argv[1:], "aarch64"):
        print(file.name, flush=True)
except HarnessError as error:
    print(error)
"""

Use = Callable[[str], None]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Use:
    """Make this text the only source of packages, with an empty cache."""
    assert not cache.exists()
    file = tmp_path / "harness.sources"
    monkeypatch.setenv("SHMEM_HARNESS_APT_SOURCES", str(file))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def change(text: str) -> None:
        file.write_text(text)

    return change


@pytest.fixture
def server(tmp_path: Path, use: Use) -> Iterator[Server]:
    """An archive on loopback: a package, what it needs, another one. The payload does not compress."""
    made = Archive(tmp_path / "archive")
    made.add("tool", depends="library (>= 1.0)", files={"usr/bin/tool": os.urandom(400_000)})
    made.add("library")
    made.add("other")
    made.publish()
    serving = Server(made.folder)
    use(sources(serving.address, Trusted="yes"))
    yield serving
    serving.close()


def names(files: list[Path]) -> list[str]:
    return sorted(file.name for file in files)


def test_a_package_comes_with_what_it_needs_and_nothing_else(server: Server) -> None:
    assert names(fetch_packages(["tool"], "x86_64")) == ["library_1.0_all.deb", "tool_1.0_all.deb"]
    assert not any("other" in line for line in server.requests)


def test_a_package_alone(server: Server, cache: Path) -> None:
    (tool,) = packages(Request(("tool",), "x86_64", alone=True))
    assert (tool.version, tool.sha256) == ("1.0", sha256(tool.file))
    assert not any("library" in line for line in server.requests)
    assert names(fetch_packages(["tool"], "x86_64")) == ["library_1.0_all.deb", "tool_1.0_all.deb"]
    assert list(cache.glob("apt/*/var/cache/apt/archives/*.deb")) == []


def test_what_is_known_of_a_package(server: Server) -> None:
    tool = next(package for package in packages(Request(("tool",), "x86_64")) if package.name == "tool")
    assert (tool.version, tool.source) == ("1.0", f"{server.address}/pool/tool_1.0_all.deb")
    assert tool.sha256 == sha256(tool.file)


def test_the_second_time_neither_apt_nor_the_archive_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch_packages(["tool"], "x86_64")
    asked = len(server.requests)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert fetch_packages(["tool"], "x86_64") == first
    assert len(server.requests) == asked


def test_a_package_for_the_other_architecture(server: Server) -> None:
    own, other = fetch_packages(["library"], "x86_64"), fetch_packages(["library"], "aarch64")
    assert own != other
    assert any("binary-arm64" in line for line in server.requests)


def test_a_killed_download_is_continued(server: Server, python: Python, cache: Path) -> None:
    server.stall_after = 200_000
    child = python(FETCH, "tool")
    assert server.stalled.wait(programs.PATIENCE)
    (lock,) = cache.glob("apt/*.lock")
    assert "apt-get" in holders(lock)
    child.kill()
    with locked(lock, what="apt"):
        assert holders(lock) == [], "apt ends with its parent, and the lock is free only then"
    assert names(fetch_packages(["tool"], "aarch64")) == ["library_1.0_all.deb", "tool_1.0_all.deb"]
    assert [int(part.removeprefix("bytes=").removesuffix("-")) > 0 for part in server.ranges] == [True]
    assert left_over(cache) == []


def test_two_at_once_fetch_once(server: Server, python: Python) -> None:
    server.stall_after = 200_000
    first = python(FETCH, "tool")
    assert server.stalled.wait(programs.PATIENCE)
    second = python(FETCH, "tool")
    assert f"process {first.process.pid} is working on it" in second.complaint()
    first.kill()
    status, said, _ = second.finish()
    assert (status, said.split()) == (0, ["library_1.0_all.deb", "tool_1.0_all.deb"])


@needs_small_file_system
@pytest.mark.usefixtures("server")
def test_a_full_disk_is_explained_and_breaks_nothing(python: Python, cache: Path) -> None:
    cache.mkdir()
    status, said, _ = python(FETCH, "tool", prefix=file_system("300k")).finish()
    assert status == 0
    assert f"no space left in the cache {cache}" in said
    assert "remedy: free about 1 GB there" in said
    assert names(fetch_packages(["tool"], "aarch64")) == ["library_1.0_all.deb", "tool_1.0_all.deb"]


def test_a_package_that_is_not_there(server: Server) -> None:
    assert server.requests == []
    with pytest.raises(HarnessError, match=r"Unable to locate package nothing\n  remedy: the archive has no such"):
        fetch_packages(["nothing"], "x86_64")


def test_an_archive_that_does_not_answer(server: Server) -> None:
    server.close()
    with pytest.raises(HarnessError, match=r"Could not connect(.|\n)*remedy: check the network"):
        fetch_packages(["tool"], "x86_64")


@pytest.mark.usefixtures("server")
def test_a_package_that_is_not_what_the_index_promises(tmp_path: Path) -> None:
    deb = tmp_path / "archive/pool/library_1.0_all.deb"
    deb.write_bytes(deb.read_bytes()[:-1] + b"?")
    with pytest.raises(HarnessError, match="Hash Sum mismatch"):
        fetch_packages(["library"], "x86_64")


def test_a_signed_archive(use: Use, cache: Path) -> None:
    use(sources(f"file:{SIGNED}", Signed_By=str(SIGNED / "archive.asc")))
    assert names(fetch_packages(["shmem-sample"], "x86_64")) == ["shmem-sample_1.0_all.deb"]
    (alone,) = packages(Request(("shmem-sample",), "x86_64", alone=True))
    assert alone.name == "shmem-sample"
    assert list(cache.glob("apt/*/var/cache/apt/archives/*.deb")) == []


def test_an_archive_signed_by_a_stranger_is_refused(use: Use) -> None:
    use(sources(f"file:{SIGNED}", Signed_By=str(SIGNED / "stranger.asc")))
    with pytest.raises(HarnessError, match=r"is not signed(.|\n)*remedy: bring the keyring"):
        fetch_packages(["shmem-sample"], "x86_64")


def test_an_index_that_was_changed_after_signing_is_refused(use: Use, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(SIGNED, changed)
    index = changed / "dists/test/main/binary-amd64/Packages"
    index.write_text(index.read_text().replace("Version: 1.0", "Version: 2.0"))
    use(sources(f"file:{changed}", Signed_By=str(SIGNED / "archive.asc")))
    with pytest.raises(HarnessError, match="Hash Sum mismatch"):
        fetch_packages(["shmem-sample"], "x86_64")


def test_an_unsigned_archive_is_refused(server: Server, use: Use) -> None:
    use(sources(server.address))
    with pytest.raises(HarnessError, match="is not signed"):
        fetch_packages(["tool"], "x86_64")


def test_a_sources_file_that_is_not_there(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHMEM_HARNESS_APT_SOURCES", "/nonexistent/file")
    with pytest.raises(HarnessError, match=r"names /nonexistent/file, which cannot be read(.|\n)*remedy: correct"):
        fetch_packages(["tool"], "x86_64")
    assert not cache.exists()
