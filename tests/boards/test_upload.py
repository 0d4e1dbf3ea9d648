# SPDX-License-Identifier: Apache-2.0
"""Files come to the host whole or not at all, and only when they changed."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labgrid.strategy import StrategyError

from harness.errors import BenchError
from harness.loopback.command import command_board
from tests.boards.lab import Lab, stopped, within
from tests.boards.proxy import Proxy

_MEGABYTE = 1 << 20


@pytest.fixture
def proxy(lab: Lab) -> Iterator[Proxy]:
    """The network between lab and board."""
    proxy = Proxy(lab.board.port)
    lab.network["port"] = proxy.port
    yield proxy
    lab.close()
    proxy.close()


def _file(folder: Path, size: int, seed: int = 1, name: str = "image.elf") -> Path:
    path = folder / name
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def _names(lab: Lab) -> list[str]:
    return [path.name for path in (lab.home / "shmem-harness").iterdir()]


def _uploads(lab: Lab) -> int:
    return lab.log.read_text().count("# uploaded ")


SHA256 = ("sha256sum", "openssl", "shasum", "digest")


def _without_tool(lab: Lab, host: Any, *others: str) -> None:
    """A host that has no tool for SHA-256, nor these others, from its next start on."""
    for name in (*SHA256, *others):
        tool = lab.folder / "bin" / name
        tool.write_text("#!/bin/sh\nexit 127\n")
        tool.chmod(0o755)
    host.stop()
    host.connect(10, lambda: None)
    host.start()


@pytest.fixture
def tools(lab: Lab) -> Iterator[None]:
    """The board has its tools back afterwards."""
    yield
    for name in (*SHA256, "cksum"):
        (lab.folder / "bin" / name).unlink(missing_ok=True)


def test_a_file_is_uploaded_when_it_changed_and_not_otherwise(lab: Lab, tmp_path: Path) -> None:
    host = lab.ready()
    source = _file(tmp_path, _MEGABYTE)
    place = host.put(source)
    assert Path(place).read_bytes() == source.read_bytes()
    host.put(source)
    host.stop()
    host.connect(10, lambda: None)
    host.start()
    host.put(source)
    assert _uploads(lab) == 1
    _file(tmp_path, _MEGABYTE, seed=2)
    assert Path(host.put(source)).read_bytes() == source.read_bytes()
    assert _uploads(lab) == 2
    assert _names(lab) == ["image.elf"]


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("others", "said"), [((), "uploads are compared with cksum"), (("cksum",), "no tool for checksums")]
)
def test_without_a_tool_for_hashes_the_host_keeps_a_note_of_them(
    lab: Lab, tmp_path: Path, others: tuple[str, ...], said: str
) -> None:
    host = lab.ready()
    _without_tool(lab, host, *others)
    source = _file(tmp_path, _MEGABYTE)
    host.put(source)
    _without_tool(lab, host, *others)
    host.put(source)
    assert _uploads(lab) == 1
    assert said in lab.log.read_text()
    _file(tmp_path, _MEGABYTE, seed=2)
    assert Path(host.put(source)).read_bytes() == source.read_bytes()


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("sha256", [True, False], ids=["by SHA-256", "by cksum"])
def test_a_file_that_was_damaged_on_the_host_is_uploaded_again(lab: Lab, tmp_path: Path, sha256: bool) -> None:
    host = lab.ready()
    if not sha256:
        _without_tool(lab, host)
    source = _file(tmp_path, _MEGABYTE)
    place = Path(host.put(source))
    host.stop()
    damaged = bytearray(place.read_bytes())
    damaged[1000] ^= 1
    place.write_bytes(damaged)
    host.connect(10, lambda: None)
    host.start()
    host.put(source)
    assert place.read_bytes() == source.read_bytes()


def test_a_reader_sees_the_old_or_the_new_text(lab: Lab) -> None:
    host = lab.ready()
    place = Path(host.put_text("guest0.qvmconf", "old"))
    with place.open() as reader:
        host.put_text("guest0.qvmconf", "new")
        assert reader.read() == "old"
    assert place.read_text() == "new"


def test_a_server_without_atomic_rename_is_served_in_two_steps(lab: Lab, tmp_path: Path) -> None:
    command_board(lab.folder, "behave", sftp_options="-P posix-rename")
    host = lab.ready()
    source = _file(tmp_path, 1000)
    host.put(source)
    _file(tmp_path, 1000, seed=2)
    assert Path(host.put(source)).read_bytes() == source.read_bytes()
    assert "no atomic rename on this server" in lab.log.read_text()
    assert _names(lab) == ["image.elf"]


def test_a_connection_that_breaks_during_an_upload_is_made_again(lab: Lab, proxy: Proxy, tmp_path: Path) -> None:
    host = lab.ready()
    source = _file(tmp_path, 4 * _MEGABYTE)
    proxy.cut_after(2 * _MEGABYTE)
    with within(15, "connection dropped in the middle of an upload: uploaded over a new one"):
        place = host.put(source)
    assert proxy.cuts == 1
    assert hashlib.sha256(Path(place).read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    assert "connecting again" in lab.log.read_text()


@pytest.mark.long
def test_a_network_that_falls_silent_ends_an_upload_in_time(lab: Lab, proxy: Proxy, tmp_path: Path) -> None:
    host = lab.ready()
    proxy.fall_silent()
    with within(90, "network silent in the middle of an upload: error"), pytest.raises(BenchError, match=r"lost|reach"):
        host.put(_file(tmp_path, 4 * _MEGABYTE))


def test_a_server_that_stopped_in_the_middle_is_left_for_a_new_connection(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing closes such a connection: TCP itself is answered by the host's kernel."""
    monkeypatch.setattr("harness.host.ssh.SILENCE_MILLISECONDS", 1000)
    host = lab.ready()
    with (
        stopped(lab.board, "sshd-session"),
        within(15, "SSH server stopped in the middle of a run: uploaded over a new connection"),
    ):
        place = host.put(_file(tmp_path, _MEGABYTE))
    assert Path(place).stat().st_size == _MEGABYTE


def test_a_host_that_lost_its_files_with_the_connection_gets_them_again(lab: Lab, proxy: Proxy, tmp_path: Path) -> None:
    """As after a restart of a host whose folder is in RAM."""
    host = lab.ready()
    first, second = _file(tmp_path, 1000, name="first"), _file(tmp_path, _MEGABYTE, name="second")
    host.put(first)
    shutil.rmtree(lab.home / "shmem-harness")
    proxy.cut_after(1)
    for source in (second, first):
        assert Path(host.put(source)).read_bytes() == source.read_bytes()


def test_a_full_disk_is_not_filled_again_to_learn_why(lab: Lab, tmp_path: Path) -> None:
    host = lab.ready()
    (lab.home / "shmem-harness/.image.elf.new").symlink_to("/dev/full")
    dd = lab.folder / "bin/dd"
    dd.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\nexec /usr/bin/env -i PATH=/usr/bin:/bin dd "$@"\n')
    dd.chmod(0o755)
    try:
        with pytest.raises(BenchError, match="No space left on device"):
            host.put(_file(tmp_path, 4 * _MEGABYTE))
    finally:
        dd.unlink()
    size, count = re.findall(r"(?:bs|count)=(\d+)", (tmp_path / "asked").read_text())
    assert int(size) * int(count) < _MEGABYTE // 8


@pytest.mark.parametrize("folder", ["", ".", "..", "/", "here/.."])
def test_a_folder_that_is_not_the_harness_own_is_refused(lab: Lab, folder: str) -> None:
    lab.set("ShmemQnxHostDriver", folder=folder)
    strategy = lab.open()
    with within(20, "folder of others: error"), pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert "which contains files of others" in str(error.value.__cause__)
    assert strategy.recoveries == []


@pytest.mark.parametrize("keep", [True, False])
def test_files_of_others_stay_and_leftovers_of_killed_runs_go(lab: Lab, tmp_path: Path, keep: bool) -> None:
    folder = lab.home / "shmem-harness"
    folder.mkdir()
    others = ["notes.txt", "my.qvmconf", "my.pid", ".my.new"]
    for name in (*others, "guest3.qvmconf", ".guest0.qvmconf.new", "attempt2.qvmconf", "attempt.pid"):
        (folder / name).write_text("4711")
    lab.set("ShmemQnxHostDriver", keep_images=keep)
    host = lab.ready()
    host.put(_file(tmp_path, 1000))
    host.put_text("guest0.qvmconf", "text")
    host.stop()
    assert sorted(_names(lab)) == sorted([*others, *(["image.elf"] if keep else [])])


def test_a_folder_that_the_run_has_made_goes_with_its_files(lab: Lab, tmp_path: Path) -> None:
    lab.set("ShmemQnxHostDriver", folder="a/b/c", keep_images=False)
    (lab.home / "a").mkdir()
    host = lab.ready()
    host.put(_file(tmp_path, 1000))
    assert (lab.home / "a/b/c/image.elf").exists()
    host.stop()
    assert [path.name for path in lab.home.rglob("*")] == ["a"]


def test_what_is_secret_here_is_secret_there_and_does_not_stay(lab: Lab, tmp_path: Path) -> None:
    host = lab.ready()
    secret, image = _file(tmp_path, 1000, name="with-key"), _file(tmp_path, 1000)
    secret.chmod(0o600)
    image.chmod(0o644)
    modes = [Path(host.put(source)).stat().st_mode & 0o777 for source in (secret, image)]
    assert modes == [0o600, 0o644]
    host.stop()
    assert _names(lab) == ["image.elf"]


def test_a_full_disk_is_said_in_the_hosts_own_words(lab: Lab, tmp_path: Path) -> None:
    """The temporary file leads to the device that is always full, so every write is refused by the kernel itself."""
    host = lab.ready()
    source = _file(tmp_path, _MEGABYTE)
    (lab.home / "shmem-harness/.image.elf.new").symlink_to("/dev/full")
    with (
        within(15, "disk full on the host: error"),
        pytest.raises(BenchError, match=r"(?s)could not be written: .*No space left on device.*Available"),
    ):
        host.put(source)
    assert _names(lab) == []
    assert Path(host.put(source)).read_bytes() == source.read_bytes()


def test_a_folder_that_cannot_be_made_is_named(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", folder="/proc/shmem-harness")
    strategy = lab.open()
    with within(20, "folder that cannot be made: error"), pytest.raises(StrategyError) as error:
        strategy.transition("ready")
    assert "the folder /proc/shmem-harness cannot be made" in str(error.value.__cause__)
