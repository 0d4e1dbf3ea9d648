# SPDX-License-Identifier: Apache-2.0
"""Writes an initial RAM file system: a cpio archive whose bytes depend on its content alone.

The format is "newc" (cpio(5), "New ASCII Format"; the kernel's own description is
Documentation/driver-api/early-userspace/buffer-format.rst). Time stamps and owners are zero, inode numbers count up in
the order of the names: equal content gives equal bytes on every machine, and no privileges are needed for devices.
The kernel unpacks archives that follow each other, the later ones over the earlier ones.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from harness.errors import HarnessError

_MAGIC: Final = b"070701"
_TRAILER: Final = "TRAILER!!!"
_ALIGNMENT: Final = 4
_LARGEST: Final = 0xFFFF_FFFF


@dataclass(frozen=True)
class _Member:
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


class Cpio:
    """The members of an archive, by their path without the leading slash. Folders on the way are made as needed."""

    def __init__(self) -> None:
        self._members: dict[PurePosixPath, _Member] = {}

    def __contains__(self, path: str) -> bool:
        return _name(path) in self._members

    def __iter__(self) -> Iterator[str]:
        return map(str, sorted(self._members, key=lambda name: name.parts))

    def directory(self, path: str, mode: int = 0o755) -> None:
        """Add a folder. Adding it again changes its mode."""
        self._add(path, _Member(stat.S_IFDIR | mode))

    def file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file, in place of what had this path before."""
        if len(content) > _LARGEST:
            raise HarnessError(f"{path} has {len(content)} bytes; the archive takes files of up to 4 GiB")
        self._add(path, _Member(stat.S_IFREG | mode, content))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(path, _Member(stat.S_IFLNK | 0o777, target.encode()))

    def character_device(self, path: str, mode: int, major: int, minor: int) -> None:
        """Add a device node."""
        self._add(path, _Member(stat.S_IFCHR | mode, device=(major, minor)))

    def content(self, path: str) -> bytes:
        """What the file holds, or where the link points. KeyError when there is no such member."""
        return self._members[_name(path)].content

    def serialise(self) -> bytes:
        """The archive. Its length is a multiple of 4, so that another one may follow."""
        ordered = sorted(self._members.items(), key=lambda item: item[0].parts)
        parts = [_encode(number, str(name), member) for number, (name, member) in enumerate(ordered, start=1)]
        parts.append(_encode(0, _TRAILER, _Member(0)))
        return b"".join(parts)

    def _add(self, path: str, member: _Member) -> None:
        name = _name(path)
        for parent in list(name.parents)[:-1]:
            above = self._members.setdefault(parent, _Member(stat.S_IFDIR | 0o755))
            if not stat.S_ISDIR(above.mode):
                raise HarnessError(f"{path} cannot be put into the image: {parent} is no folder there")
        self._members[name] = member


def _name(path: str) -> PurePosixPath:
    """The path as the archive has it. Raises HarnessError for one that leads out of the file system's root."""
    name = PurePosixPath(path.lstrip("/"))
    if not name.parts or ".." in name.parts or "\0" in path:
        raise HarnessError(f"{path!r} is no path in a file system")
    return name


def _encode(inode: int, name: str, member: _Member) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(member.mode) else 1
    fields = (
        inode,
        member.mode,
        0,  # owner
        0,  # group
        links,
        0,  # time of the last change
        len(member.content),
        0,  # device that holds the file: major
        0,  # and minor
        *member.device,
        len(encoded),
        0,  # checksum: unused by this format
    )
    header = _MAGIC + b"".join(f"{field:08X}".encode() for field in fields)
    return _padded(header + encoded) + _padded(member.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
