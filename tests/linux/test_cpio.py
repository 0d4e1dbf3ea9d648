# SPDX-License-Identifier: Apache-2.0
"""Archives are read back by the machine's own cpio where there is one, else by a reader written from the format."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.provision.linux.cpio import Cpio


@dataclass(frozen=True)
class _Read:
    mode: int
    content: bytes
    device: tuple[int, int]
    inode: int


def _members(archive: bytes) -> dict[str, _Read]:
    """cpio(5), "New ASCII Format": 110 bytes of header in hexadecimal, name, content; both padded to 4."""
    found: dict[str, _Read] = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * index :][:8], 16) for index in range(13)]
        inode, mode, owner, group, _, changed, size, _, _, major, minor, name_size, check = fields
        assert (owner, group, changed, check) == (0, 0, 0, 0)
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        assert archive[at + 110 + name_size - 1] == 0
        begin = (at + 110 + name_size + 3) // 4 * 4
        at = (begin + size + 3) // 4 * 4
        if name == "TRAILER!!!":
            assert at == len(archive)
            return found
        assert name not in found
        found[name] = _Read(mode, archive[begin : begin + size], (major, minor), inode)


def test_what_is_put_in_comes_out() -> None:
    root = Cpio()
    root.file("/usr/bin/program", b"\x7fELF", 0o755)
    root.link("/bin", "usr/bin")
    root.character_device("dev/console", 0o600, 5, 1)
    root.directory("tmp", 0o1777)
    read = _members(root.serialise())
    assert list(read) == ["bin", "dev", "dev/console", "tmp", "usr", "usr/bin", "usr/bin/program"]
    assert read["usr/bin/program"] == _Read(stat.S_IFREG | 0o755, b"\x7fELF", (0, 0), 7)
    assert (read["bin"].mode, read["bin"].content) == (stat.S_IFLNK | 0o777, b"usr/bin")
    assert (read["dev/console"].mode, read["dev/console"].device) == (stat.S_IFCHR | 0o600, (5, 1))
    assert read["tmp"].mode == stat.S_IFDIR | 0o1777
    assert len({member.inode for member in read.values()}) == len(read), "equal inodes would be hard links"


@given(st.dictionaries(st.sampled_from(["a", "b/c", "b/d", "e/f/g", "h.i"]), st.binary(max_size=9)), st.randoms())
def test_equal_content_gives_equal_bytes_in_any_order(content: dict[str, bytes], random: object) -> None:
    ordered, shuffled = Cpio(), Cpio()
    names = list(content)
    for name in names:
        ordered.file(name, content[name])
    random.shuffle(names)  # type: ignore[attr-defined]
    for name in names:
        shuffled.file(name, content[name])
    archive = ordered.serialise()
    assert shuffled.serialise() == archive
    assert {name: read.content for name, read in _members(archive).items() if stat.S_ISREG(read.mode)} == content


def test_archives_may_follow_each_other() -> None:
    root = Cpio()
    root.file("x", b"12345")
    assert len(root.serialise()) % struct.calcsize("I") == 0


@pytest.mark.parametrize("path", ["", "/", "../etc/passwd", "a/../../b"])
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(HarnessError, match="no path"):
        Cpio().file(path, b"")


def test_a_file_is_no_folder() -> None:
    root = Cpio()
    root.file("etc", b"")
    with pytest.raises(HarnessError, match="etc is no folder"):
        root.file("etc/passwd", b"")
