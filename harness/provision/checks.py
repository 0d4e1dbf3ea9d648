# SPDX-License-Identifier: Apache-2.0
"""What a bench needs of this machine, looked at without changing anything."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from harness.arch import ARCHES, Arch
from harness.errors import HarnessError
from harness.provision import distribution
from harness.provision.cache import Entry, cache_dir, cache_has_room
from harness.provision.compiler import Recipe, compiler, find_compiled
from harness.provision.images import built
from harness.provision.linux.image import find_linux
from harness.provision.programs import find_board_prefix
from harness.provision.qemu_program import Qemu, find_prefix, on_path

_PROVISION: Final = "harness provision"
_OLDEST_PYTHON: Final = (3, 11)
_NEEDED_BYTES: Final = 1_000_000_000
"""The private QEMU with its packages (300 MB), the Linux images with theirs (400 MB), the compiler's own cache."""


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    UNUSED = "not needed"
    """Missing, but what is here does without it."""


@dataclass(frozen=True)
class Check:
    """One thing a bench needs: what was found, and how to get it when it is missing."""

    name: str
    state: State
    found: str
    remedy: str = ""


def checks() -> list[Check]:
    """Look at everything. Raises nothing: what cannot be looked at is missing, with the reason."""
    qemus = [_qemu(arch) for arch in ARCHES]
    linux = [_linux(arch) for arch in ARCHES]
    fetching = any(check.state is State.MISSING for check in (*qemus, *linux))
    return [
        _python(),
        *_tools(),
        *_fetching_tools(State.MISSING if fetching else State.UNUSED),
        _guarded("cache", functools.partial(_cache, fetching)),
        _guarded("compiler", _compiler),
        *qemus,
        *_images(),
        *linux,
        _guarded("loopback board", _board),
    ]


def _python() -> Check:
    version = sys.version.split()[0]
    lacking = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if sys.version_info < _OLDEST_PYTHON or lacking:
        remedy = "install python3 3.11 or newer with its venv (Debian and Ubuntu: python3-venv)"
        return Check("python", State.MISSING, f"{version} without {' and '.join(lacking) or '3.11'}", remedy)
    return Check("python", State.OK, f"{version} with venv")


def _tools() -> Iterator[Check]:
    for name in ("make", "git"):
        yield _tool(name, State.MISSING, f"install the package {name}")
    yield _tool(
        "setpriv", State.MISSING, "install the package util-linux: without it a killed run leaves tools running"
    )


def _fetching_tools(otherwise: State) -> Iterator[Check]:
    """What only the fetching of a private QEMU and of Linux needs."""
    remedy = "use Debian or Ubuntu, or put a QEMU 10.1 with vfio-user-pci on PATH"
    yield _tool("apt-get", otherwise, remedy)
    yield _tool("dpkg-deb", otherwise, remedy)
    try:
        family = distribution.family_of(distribution.platform_facts())
    except HarnessError as error:
        yield Check("archive keys", otherwise, error.message, error.remedy)
        return
    if family.keyring.is_file():
        yield Check("archive keys", State.OK, str(family.keyring))
    else:
        yield Check("archive keys", otherwise, f"no {family.keyring}", f"install the package {family.keyring_package}")


def _tool(name: str, otherwise: State, remedy: str) -> Check:
    found = shutil.which(name)
    return Check(name, State.OK, found) if found else Check(name, otherwise, "not on PATH", remedy)


def _cache(fetching: bool) -> Check:
    folder = cache_dir()
    try:
        cache_has_room()
    except HarnessError as error:
        return Check("cache", State.MISSING, error.message, error.remedy)
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Check(
            "cache", State.MISSING, f"{folder} cannot be written", "set SHMEM_HARNESS_CACHE to a writable folder"
        )
    if fetching and free < _NEEDED_BYTES:
        return Check("cache", State.MISSING, found, "free 1 GB there, or set SHMEM_HARNESS_CACHE to another folder")
    return Check("cache", State.OK, found)


def _compiler() -> Check:
    tool = compiler()
    return Check("compiler", State.OK, f"ziglang {tool.version}")


def _qemu(arch: Arch) -> Check:
    return _guarded(f"QEMU {arch}", lambda: _qemu_found(arch))


def _qemu_found(arch: Arch) -> Check:
    name = f"QEMU {arch}"
    own = on_path(arch)
    if isinstance(own, Qemu):
        return Check(name, State.OK, f"{'.'.join(map(str, own.version))} from {own.origin}")
    entry = find_prefix()
    if entry is None:
        return Check(name, State.MISSING, own, _PROVISION)
    version = ".".join(map(str, entry.facts["qemu"][arch]["version"]))
    return _sound(name, entry, f"{version} in a private prefix ({own})")


def _images() -> list[Check]:
    try:
        recipes = built()
    except HarnessError as error:
        return [Check("images", State.MISSING, error.message, error.remedy)]
    return [_guarded(name, functools.partial(_image, name, recipe)) for name, recipe in recipes.items()]


def _image(name: str, recipe: Recipe) -> Check:
    entry = find_compiled(recipe)
    if entry is None:
        return Check(name, State.MISSING, "not built yet", _PROVISION)
    return _sound(name, entry, f"built by ziglang {entry.facts['compiler']}")


def _linux(arch: Arch) -> Check:
    return _guarded(f"Linux {arch}", lambda: _linux_found(arch))


def _linux_found(arch: Arch) -> Check:
    name = f"Linux {arch}"
    entries = find_linux(arch)
    if entries is None:
        return Check(name, State.MISSING, "not built yet", _PROVISION)
    kernel, root = entries
    found = f"{kernel.facts['release']} from packages of the distribution"
    whole = _sound(name, kernel, found)
    return whole if whole.state is State.MISSING else _sound(name, root, found)


def _board() -> Check:
    """Only the harness's own tests and targets/loopback.yaml use it."""
    name = "loopback board"
    entry = find_board_prefix()
    if entry is None:
        return Check(name, State.UNUSED, "not fetched; run harness provision --loopback")
    versions = {package: version for package, version, *_ in entry.facts["packages"]}
    return _sound(name, entry, f"OpenSSH {versions['openssh-server']}, ser2net {versions['ser2net']}")


def _sound(name: str, entry: Entry, found: str) -> Check:
    """What is in the cache, with its content read and compared."""
    damaged = entry.damage()
    if damaged:
        return Check(name, State.MISSING, f"damaged in the cache: {entry.path / damaged[0]}", _PROVISION)
    return Check(name, State.OK, found)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """A check that cannot be made is one that failed, for the reason given."""
    try:
        return look()
    except HarnessError as error:
        return Check(name, State.MISSING, error.message, error.remedy)
