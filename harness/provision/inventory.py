# SPDX-License-Identifier: Apache-2.0
"""The list of everything that takes part in a run: name, version, SHA-256, where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Final

from harness import commit
from harness.arch import ARCHES
from harness.provision.cache import sha256
from harness.provision.compiler import compile_c, compiler
from harness.provision.images import built
from harness.provision.linux.image import linux_image
from harness.provision.qemu_program import prefix, qemu

_DISTRIBUTION: Final = "shmem-harness"


@dataclass(frozen=True)
class ManifestItem:
    """One thing that takes part. ``sha256`` is empty for what is no file, such as a git commit."""

    name: str
    version: str
    sha256: str
    source: str


def manifest(images: Collection[str] = ("probe", "linux")) -> list[ManifestItem]:
    """Everything that takes part in a run with these guest images, provisioning what is missing.

    Raises HarnessError as that does.
    """
    linux = _linux() if "linux" in images else []
    return [*_harness(), *_qemus(), *_built(), *linux, *_compiler(), *_python_packages()]


def _harness() -> Iterator[ManifestItem]:
    """The harness itself."""
    yield ManifestItem("harness", metadata.version(_DISTRIBUTION), "", f"git {commit.of_harness()[0] or 'unknown'}")


def _qemus() -> Iterator[ManifestItem]:
    chosen = [qemu(arch) for arch in ARCHES]
    for choice in chosen:
        version = ".".join(map(str, choice.version))
        yield ManifestItem(choice.program.name, version, sha256(choice.program), choice.origin)
    if any(choice.private for choice in chosen):
        yield from (ManifestItem(*fields) for fields in prefix().facts["packages"])


def _built() -> Iterator[ManifestItem]:
    for name, recipe in built().items():
        entry = compile_c(recipe)
        yield ManifestItem(name, "", entry.files[recipe.output], f"built by ziglang {entry.facts['compiler']}")


def _linux() -> Iterator[ManifestItem]:
    for arch in ARCHES:
        yield from (ManifestItem(*row) for row in linux_image(arch).items)


def _compiler() -> Iterator[ManifestItem]:
    tool = compiler()
    yield ManifestItem("zig", tool.version, sha256(tool.program), "Python package ziglang")


def _python_packages() -> Iterator[ManifestItem]:
    """The installed packages except the harness itself; the hash is that of the installer's list of files (RECORD)."""
    installed = {package.name: package for package in metadata.distributions()}
    del installed[_DISTRIBUTION]
    for name in sorted(installed, key=str.lower):
        record = installed[name].read_text("RECORD")
        digest = hashlib.sha256(record.encode()).hexdigest() if record else ""
        yield ManifestItem(name, installed[name].version, digest, "Python package")
