# SPDX-License-Identifier: Apache-2.0
"""Where the kernel of an image comes from: packages of the distribution, or a user's own files.

Made ready once, it is an entry of the cache of its own: the root file system changes far more often.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.arch import Arch
from harness.errors import HarnessError, UsageError
from harness.provision.apt import Package
from harness.provision.linux.kernel import bootable, check_options, memory_needed
from harness.provision.linux.modules import ModuleTree
from harness.provision.linux.packages import PackageFiles
from harness.provision.linux.recipe import OwnKernel
from harness.provision.linux.root import Kernel
from harness.provision.notice import notice

IMAGE: Final = "linux-kernel"
"""Name of a stored kernel."""

_MODULES: Final = "modules"
_BUILTIN: Final = "modules.builtin"
_KERNEL_FILE: Final = re.compile(r"boot/vmlinu[xz]-(?P<old>[^/]+)|usr/lib/modules/(?P<new>[^/]+)/vmlinu[xz]")
_BANNER: Final = re.compile(rb"Linux version (\S+) ")
_EMBEDDED_OPTIONS: Final = b"IKCFG_ST"
"""Marks the options inside a kernel built with CONFIG_IKCONFIG (kernel source, scripts/extract-ikconfig)."""


@dataclass(frozen=True)
class KernelFiles:
    """A kernel in the form that guests start, and the files of its ``/lib/modules/RELEASE``."""

    release: str
    image: bytes
    modules: Mapping[str, bytes]

    def store(self, folder: Path) -> dict[str, object]:
        """Write both into a folder; returns what is to be known of them."""
        (folder / IMAGE).write_bytes(self.image)
        for name, content in self.modules.items():
            file = folder / _MODULES / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return {"release": self.release, "memory": memory_needed(self.image)}


def stored_kernel(folder: Path, release: str) -> Kernel:
    """The modules of a kernel that was stored."""
    return Kernel(release, _tree(dict(_files(folder / _MODULES))))


def packaged_kernel(packages: Sequence[Package], arch: Arch) -> KernelFiles:
    """The kernel in these packages. Raises HarnessError when there is none that will do."""
    files = PackageFiles.of(kernel_packages(packages), lambda path: "/share/" not in path)
    found = [(path, match) for path in files if (match := _KERNEL_FILE.fullmatch(path))]
    if not found:
        raise HarnessError(f"none of the packages has a kernel: {', '.join(package.name for package in packages)}")
    path, match = found[-1]
    release = match["old"] or match["new"]
    options = f"boot/config-{release}" if match["old"] else f"usr/lib/modules/{release}/config"
    check_options(files.resolved(options).content.decode(), arch, path)
    folder = f"usr/lib/modules/{release}/"
    modules = {name.removeprefix(folder): files[name].content for name in files if name.startswith(folder)}
    return KernelFiles(release, bootable(files[path].content, arch, path), _only_modules(modules))


def kernel_packages(packages: Sequence[Package]) -> list[Package]:
    """Those of a kernel package and all it depends on that are the kernel's own."""
    return [package for package in packages if package.name.startswith("linux-")]


def own_kernel(own: OwnKernel, arch: Arch) -> KernelFiles:
    """A user's kernel. Raises HarnessError when it will not do."""
    name = str(own.file)
    image = bootable(own.file.read_bytes(), arch, name)
    banner = _BANNER.search(image)
    if banner is None:
        raise UsageError(f"{name} has no version string: it is not a Linux kernel")
    release = banner[1].decode()
    options = own.config.read_text() if own.config else _embedded_options(image)
    if options:
        check_options(options, arch, name, with_modules=own.modules is not None)
    else:
        notice(f"{name} does not contain its build options (key kernel.config); they are not checked")
    if own.modules and own.modules.name != release:
        raise UsageError(
            f"{own.modules} has the modules of another kernel than {release}",
            remedy="name the folder /lib/modules/RELEASE",
        )
    modules = dict(_files(own.modules)) if own.modules else {}
    return KernelFiles(release, image, _only_modules(modules))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def _only_modules(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path == _BUILTIN or ".ko" in Path(path).suffixes}


def _tree(files: dict[str, bytes]) -> ModuleTree:
    builtin = files.pop(_BUILTIN, b"").decode().split()
    return ModuleTree(files, builtin)


def _embedded_options(image: bytes) -> str:
    at = image.find(_EMBEDDED_OPTIONS)
    if at < 0:
        return ""
    packed = image[at + len(_EMBEDDED_OPTIONS) :]
    try:
        return zlib.decompressobj(32 + zlib.MAX_WBITS).decompress(packed).decode()
    except (zlib.error, UnicodeDecodeError):
        return ""
