# SPDX-License-Identifier: Apache-2.0
"""The files in the distribution's packages, read without installing or unpacking anything."""

from __future__ import annotations

import posixpath
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from harness.errors import HarnessError
from harness.narrow import present
from harness.provision.apt import Package
from harness.provision.linux import elf
from harness.provision.process import ToolError, bound_to_parent, environment

_MERGED: Final = ("bin/", "sbin/", "lib/", "lib64/", "libx32/")
"""Folders of the root that are links into /usr (file-hierarchy(7)); some packages still name the old places."""

_LINKS_FOLLOWED: Final = 16
_SAID_BYTES: Final = 4096


@dataclass(frozen=True)
class PackageFile:
    """One file of a package; ``link`` is where it points when it is a symbolic link."""

    content: bytes
    mode: int
    package: str
    link: str = ""


class PackageFiles:
    """The files of several packages by their path without the leading slash, all below ``usr`` as far as possible."""

    def __init__(self, files: dict[str, PackageFile] | None = None) -> None:
        self._files = files or {}
        self._libraries = {
            posixpath.basename(path): path for path in self._files if ".so" in path and path.startswith("usr/lib")
        }

    @classmethod
    def of(cls, packages: Iterable[Package], wanted: Callable[[str], bool] = lambda _: True) -> PackageFiles:
        """Read the packages, keeping the files whose path is ``wanted``. Raises HarnessError for a damaged package."""
        return cls({path: file for package in packages for path, file in _unpacked(package) if wanted(path)})

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._files))

    def __getitem__(self, path: str) -> PackageFile:
        return self._files[normal(path)]

    def packages_of(self, paths: Iterable[str]) -> set[str]:
        """The names of the packages that these paths come from; other paths are left out."""
        return {self._files[path].package for path in paths if path in self._files}

    def resolved(self, path: str) -> PackageFile:
        """The file itself, links followed. Raises HarnessError when no package has it."""
        at = normal(path)
        for _ in range(_LINKS_FOLLOWED):
            file = self._files.get(at)
            if file is None:
                break
            if not file.link:
                return file
            at = normal(posixpath.join("/", posixpath.dirname(at), file.link))
        raise HarnessError(f"none of the packages has the file /{normal(path)}")

    def closure(self, programs: Iterable[str]) -> list[str]:
        """These programs, and the libraries and the loader that they need in turn; each path once.

        A library keeps the name by which it is asked for, a loader the path that the program says. Raises HarnessError
        for a library that no package has.
        """
        ordered: dict[str, None] = {}
        waiting = list(programs)
        while waiting:
            path = normal(waiting.pop(0))
            if path not in ordered:
                ordered[path] = None
                waiting += self._needs(path)
        return list(ordered)

    def _needs(self, program: str) -> list[str]:
        content = self.resolved(program).content
        if not content.startswith(elf.MAGIC):
            return []
        try:
            names = elf.needed_libraries(content)
        except elf.ElfError as error:
            raise HarnessError(f"/{program} cannot be used: {error}") from error
        return [self._resolve(name, program) for name in names]

    def _resolve(self, name: str, user: str) -> str:
        """Where a library lies. The loader is named by its path, which may be a link that no package ships."""
        path = normal(name) if "/" in name else self._libraries.get(name, "")
        if path in self._files:
            return path
        library = self._libraries.get(posixpath.basename(name))
        if library is None:
            raise HarnessError(f"/{user} needs {name}, which none of the packages has")
        if "/" in name:
            self._files[path] = PackageFile(b"", 0o777, self._files[library].package, link=f"/{library}")
            return path
        return library


def normal(path: str) -> str:
    """A path as this module has it: no leading slash, no ``.`` or ``..``, below ``usr`` where the root only links."""
    plain = posixpath.normpath(posixpath.join("/", path)).lstrip("/")
    return f"usr/{plain}" if plain.startswith(_MERGED) else plain


def _unpacked(package: Package) -> Iterator[tuple[str, PackageFile]]:
    """The files and links of a package (dpkg-deb(1), ``--fsys-tarfile``)."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package.file)]
    try:
        process = subprocess.Popen(
            bound_to_parent(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
    except OSError as error:
        raise HarnessError(f"{command[0]} cannot be started: {error.strerror}") from error
    with process:
        stdout, stderr = present(process.stdout), present(process.stderr)
        damage = ""
        try:
            with tarfile.open(fileobj=stdout, mode="r|") as archive:
                yield from _members(archive, package.name)
            stdout.read()  # the padding behind the archive, so that the tool can end
        except tarfile.TarError as error:
            damage = str(error)
        finally:
            stdout.close()
            said = stderr.read(_SAID_BYTES).decode(errors="replace")
    if process.returncode or damage:
        raise ToolError(f"{package.file} cannot be unpacked", output=said or damage)


def _members(archive: tarfile.TarFile, package: str) -> Iterator[tuple[str, PackageFile]]:
    read: dict[str, PackageFile] = {}
    for member in archive:
        path = normal(member.name)
        if member.issym():
            yield path, PackageFile(b"", 0o777, package, link=member.linkname)
        elif member.islnk():
            yield path, read[normal(member.linkname)]
        elif member.isfile():
            content = present(archive.extractfile(member))
            read[path] = PackageFile(content.read(), member.mode, package)
            yield path, read[path]
