# SPDX-License-Identifier: Apache-2.0
"""The QEMU of a bench: the one on PATH when it is good enough, otherwise the distribution's newest in a private prefix.

Good enough is version 10.1 or newer with the device vfio-user-pci. The private prefix is unpacked from packages and
runs through its own dynamic loader with its own libraries, so it does not matter how old the machine's are.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.arch import ARCHES, Arch
from harness.errors import HarnessError
from harness.provision.apt import Request, packages
from harness.provision.cache import Entry, cache_dir, cached, find
from harness.provision.notice import notice
from harness.provision.process import ToolResult, capture, run

Version = tuple[int, int, int]

OLDEST: Final[Version] = (10, 1, 0)
DEVICE: Final = "vfio-user-pci"
_PACKAGES: Final = ("qemu-system-arm", "qemu-system-x86", "seabios")
_RECIPE: Final = "1"
_ANSWER_SECONDS: Final = 60
_UNPACK_SECONDS: Final = 300


@dataclass(frozen=True)
class Command:
    """How a QEMU is started: its command line, variables to add to the environment, and the folder to start it in.

    What lies in the cache is named relative to that folder. The loader's lists know no way to write a blank or a colon,
    and a name may have any of them in a part that the user has chosen, never in ours.
    """

    argv: list[str]
    environment: dict[str, str]
    folder: Path


@dataclass(frozen=True)
class Qemu:
    """A QEMU that can be started: the program with what it needs to run, and where it came from."""

    arch: Arch
    argv: tuple[str, ...]
    """The program, preceded by its dynamic loader when it needs its own."""
    version: Version
    origin: str
    data: tuple[Path, ...] = ()
    """Folders of firmware, for the option ``-L``; empty when QEMU finds its own."""
    libraries: tuple[Path, ...] = ()
    """Folders of libraries for the loader."""
    modules: Path | None = None
    """Folder of QEMU's own modules; None when it finds them."""

    @property
    def program(self) -> Path:
        """The QEMU binary itself."""
        return Path(self.argv[-1])

    @property
    def private(self) -> bool:
        """Whether it runs in a private prefix, through a dynamic loader of its own."""
        return len(self.argv) > 1

    def has_firmware(self, name: str) -> bool:
        """Whether the option ``-bios`` knows this file."""
        folders = self.data or _own_folders(self)
        return any((folder / name).is_file() for folder in folders)

    def command(self, *, preload: Path | None = None) -> Command:
        """How to start it; the command line is to be continued with options.

        `preload` is a shared object of the cache to load into the QEMU process before its own libraries.
        """
        folder = cache_dir()
        argv, extra = [_from(folder, word) for word in self.argv], {}
        if self.private:
            libraries = ":".join(_from(folder, path) for path in self.libraries)
            argv[1:1] = ["--library-path", libraries]
        if preload is not None and self.private:
            # Not LD_PRELOAD: the variable would reach the programs of the machine that QEMU may start as well.
            argv[1:1] = ["--preload", _from(folder, preload)]
        elif preload is not None:
            extra["LD_PRELOAD"] = _from(folder, preload)
        if self.modules is not None:
            extra["QEMU_MODULE_DIR"] = _from(folder, self.modules)
        for data in self.data:
            argv += ["-L", _from(folder, data)]
        return Command(argv, extra, folder)


def qemu(arch: Arch) -> Qemu:
    """The QEMU for guests of this architecture, fetched now if there is none.

    Raises HarnessError that names what was found, why it will not do, and why no other could be fetched.
    """
    return _choose(arch, cache_dir(), os.environ.get("PATH", ""))


@functools.cache
def _choose(arch: Arch, _cache: Path, _path: str) -> Qemu:
    """The choice, made once per process for a cache and a PATH."""
    found = on_path(arch)
    if isinstance(found, Qemu):
        return found
    try:
        return _in_prefix(arch, prefix(), f"private prefix ({found})")
    except HarnessError as error:
        raise HarnessError(
            f"no QEMU for {arch}: {found}, and another cannot be had: {error.message}",
            remedy=error.remedy or f"install QEMU {_text(OLDEST)} or newer with {DEVICE} and put it on PATH",
        ) from error


def on_path(arch: Arch) -> Qemu | str:
    """The QEMU on PATH if it is good enough; otherwise why not, in words."""
    found = shutil.which(f"qemu-system-{arch}")
    if found is None:
        return f"no qemu-system-{arch} on PATH"
    # PATH may have relative folders, and QEMU starts in another one than we.
    program = str(Path(found).absolute())
    real = Path(program).resolve()
    status = real.stat()
    inputs = {"program": str(real), "size": str(status.st_size), "modified": str(status.st_mtime_ns)}
    candidate = Qemu(arch, (program,), (0, 0, 0), f"PATH ({program})")
    try:
        entry = cached("qemu-on-path", inputs, lambda _: _ask(candidate), what=f"{program}")
    except HarnessError as error:
        return error.message
    version = _version_of(entry.facts)
    if version < OLDEST:
        return f"{program} is version {_text(version)}, older than {_text(OLDEST)}"
    if not entry.facts["device"]:
        return f"{program} {_text(version)} was built without {DEVICE}"
    return Qemu(arch, candidate.argv, version, candidate.origin)


@functools.cache
def _own_folders(program: Qemu) -> tuple[Path, ...]:
    """Where a QEMU that is the machine's own looks for firmware."""
    return tuple(map(Path, _answer(program, "-L", "help").stdout.splitlines()))


def _ask(candidate: Qemu) -> dict[str, Any]:
    """Version and device list of a QEMU. Raises HarnessError with its own message when it dies or talks nonsense."""
    said = _answer(candidate, "--version")
    match = re.search(r"version (\d+)\.(\d+)\.(\d+)", said.stdout)
    if match is None:
        raise HarnessError(f"{candidate.program} does not print its version:\n  | {said.said}")
    devices = _answer(candidate, "-device", "help")
    return {"version": [int(part) for part in match.groups()], "device": f'"{DEVICE}"' in devices.stdout}


def _answer(candidate: Qemu, *options: str) -> ToolResult:
    command = candidate.command()
    command.folder.mkdir(parents=True, exist_ok=True)
    argv = [*command.argv, *options]
    done = capture(argv, timeout=_ANSWER_SECONDS, env=command.environment, folder=command.folder)
    if done.status != 0:
        said = done.said or "(nothing)"
        raise HarnessError(f"{candidate.program} {' '.join(options)} {done.how} and said:\n  | {said}")
    return done


def prefix() -> Entry:
    """The cache entry of the private prefix, fetched and unpacked now if there is none."""
    request = _request()

    def unpack(folder: Path) -> Mapping[str, Any]:
        fetched = packages(request)
        notice(f"unpacking QEMU ({len(fetched)} packages)")
        for package in fetched:
            run(
                ["dpkg-deb", "--extract", str(package.file), str(folder)],
                what=f"unpacking {package.name}",
                timeout=_UNPACK_SECONDS,
            )
        return {
            "qemu": {arch: _proven(arch, folder) for arch in ARCHES},
            "packages": [[package.name, package.version, package.sha256, package.source] for package in fetched],
        }

    return cached("qemu", _inputs(request), unpack, what="QEMU")


def find_prefix() -> Entry | None:
    """As `prefix`, but fetches nothing: None when the cache does not have it."""
    return find("qemu", _inputs(_request()))


def _request() -> Request:
    return Request(_PACKAGES, own_architecture())


def _inputs(request: Request) -> dict[str, str]:
    return {"recipe": _RECIPE, **request.inputs}


def _proven(arch: Arch, folder: Path) -> dict[str, Any]:
    """Version of the unpacked QEMU. Raises HarnessError when it does not run or will not do."""
    candidate = _launcher(arch, folder, (0, 0, 0), "the packages just fetched")
    facts = _ask(candidate)
    version = _version_of(facts)
    if version < OLDEST or not facts["device"]:
        raise HarnessError(
            f"the distribution's newest QEMU is {_text(version)}, {'with' if facts['device'] else 'without'} {DEVICE};"
            f" needed is {_text(OLDEST)} with it",
            remedy="name a newer suite (docs/provisioning.md), or build QEMU and put it on PATH",
        )
    return facts


def own_architecture() -> Arch:
    """This machine's architecture. Raises HarnessError when it is none of ours."""
    machine = platform.machine()
    for arch in ARCHES:
        if machine == arch:
            return arch
    raise HarnessError(f"this machine is a {machine}; the packages are fetched for {' and '.join(ARCHES)} only")


def _in_prefix(arch: Arch, entry: Entry, origin: str) -> Qemu:
    return _launcher(arch, entry.path, _version_of(entry.facts["qemu"][arch]), origin)


def _launcher(arch: Arch, root: Path, version: Version, origin: str) -> Qemu:
    libraries = _libraries(root)
    loader = _loader(root)
    return Qemu(
        arch,
        (str(loader), str(root / f"usr/bin/qemu-system-{arch}")),
        version,
        origin,
        data=(root / "usr/share/qemu", root / "usr/share/seabios"),
        libraries=(libraries, libraries / "systemd"),
        # Started through a loader, QEMU takes the loader's path for its own and would look for its modules there.
        modules=libraries / "qemu",
    )


def _libraries(root: Path) -> Path:
    """The multiarch library folder (Debian policy: ``/usr/lib/TRIPLET``) that holds the C library."""
    return next(root.glob("usr/lib/*-linux-gnu*/libc.so.6")).parent


def _loader(root: Path) -> Path:
    """The dynamic loader of the C library in the prefix (named by the processor's ABI)."""
    return next(_libraries(root).glob("ld-linux*.so.*"))


def _from(folder: Path, path: Path | str) -> str:
    """A path of the cache as it is seen from ``folder``; any other path as it is."""
    path = Path(path)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _version_of(facts: Mapping[str, Any]) -> Version:
    major, minor, patch = facts["version"]
    return (major, minor, patch)


def _text(version: Version) -> str:
    return ".".join(map(str, version))
