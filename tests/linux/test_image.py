# SPDX-License-Identifier: Apache-2.0
"""The image that comes with the harness, built again from packages in the cache, which ``make test`` has filled."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from harness.errors import HarnessError
from harness.provision import cache_dir, manifest
from harness.provision.linux.image import LinuxImage, linux_image
from tests import programs

_KEPT: Final = ("packages", "apt", "zig", "linux-kernel-x86_64", "probe-linux-x86_64", "object-of-a-test")
_BUILD: Final = "from harness.provision.linux.image import linux_image; linux_image('x86_64')"
_BUILD_SECONDS: Final = programs.PATIENCE


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that has all that an image is made of, but no image."""
    linux_image("x86_64")
    for kind in _KEPT:
        if (cache_dir() / kind).exists():
            (tmp_path / kind).symlink_to(cache_dir() / kind)
    monkeypatch.setenv("SHMEM_HARNESS_CACHE", str(tmp_path))
    return tmp_path


def _digest(image: LinuxImage) -> str:
    return hashlib.sha256(image.initrd.read_bytes()).hexdigest()


def test_equal_inputs_give_equal_bytes(fresh_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = linux_image("x86_64")
    monkeypatch.delenv("SHMEM_HARNESS_CACHE")
    first = linux_image("x86_64")
    assert again.initrd.is_relative_to(fresh_cache)
    assert first.initrd != again.initrd
    assert _digest(first) == _digest(again)


def test_everything_in_it_is_in_the_list() -> None:
    names = {row.name for row in linux_image("x86_64").items}
    assert {"linux-kernel-x86_64", "linux-initrd-x86_64", "busybox-static (x86_64)", "libc6 (x86_64)"} <= names
    assert not any("systemd" in name for name in names), "fetched, because others depend on it, but not in the image"
    assert names <= {item.name for item in manifest()}
    assert all(len(row.sha256) == 64 for row in linux_image("x86_64").items)


@pytest.mark.usefixtures("fresh_cache")
def test_a_user_adds_files_and_modules(tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("hello from outside\n")
    recipe = tmp_path / "guest.toml"
    recipe.write_text('load = ["dummy"]\ncmdline = "quiet"\n[files]\n"/opt/hello" = "hello"\n')
    image, plain = linux_image("x86_64", recipe), linux_image("x86_64")
    content = image.initrd.read_bytes()
    assert b"opt/hello\0" in content
    assert b"hello from outside\n" in content
    assert b"/kernel/drivers/net/dummy.ko\n" in content
    assert b"dummy.ko" not in plain.initrd.read_bytes()
    assert image.kernel == plain.kernel
    assert image.cmdline == f"{plain.cmdline} quiet"
    (tmp_path / "hello").write_text("changed\n")
    assert linux_image("x86_64", recipe).initrd != image.initrd, "a changed input is another image"


def test_a_guest_that_is_too_small_is_reported_in_time() -> None:
    image = linux_image("x86_64")
    image.check_memory(image.memory)
    with pytest.raises(HarnessError, match=r"needs \d+ MiB of RAM; the guest has 64"):
        image.check_memory(64 << 20)


def test_a_full_disk_is_reported_and_leaves_nothing(fresh_cache: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY));"
    done = programs.run(
        [sys.executable, "-c", limit + _BUILD], capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False
    )
    assert "no space left in the cache" in done.stderr
    assert not [path for path in fresh_cache.glob("linux-root-x86_64/*") if path.is_dir()]


def test_a_build_that_was_killed_is_started_anew(fresh_cache: Path) -> None:
    with programs.Program([sys.executable, "-c", _BUILD], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + _BUILD_SECONDS
        while not list(fresh_cache.glob("linux-root-x86_64/*unfinished*")):
            assert process.poll() is None
            assert time.monotonic() < deadline, "the build did not begin"
            os.sched_yield()
        process.send_signal(signal.SIGKILL)
    assert linux_image("x86_64").initrd.is_file()
    assert not list(fresh_cache.glob("linux-root-x86_64/*unfinished*"))
