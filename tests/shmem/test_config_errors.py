# SPDX-License-Identifier: Apache-2.0
"""Texts that cannot be read: the message says where, what is there and what could be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.shmem.config import ConfigError, parse, parse_arguments, parse_file

CANNOT_BE_READ = [
    ("system", "t:1:1: argument of 'system' is missing: found the end of 't', expected a name"),
    ("ram # nothing", "t:1:1: argument of 'ram' is missing"),
    ("logger fatal", "t:1:1: argument of 'logger' is missing: found the end of 't', expected two arguments"),
    ("system a\nsystem b", "t:2:1: 'system' is given twice: found the first at t:1:1"),
    ('cmdline "a" cmdline "b"', "t:1:13: 'cmdline' is given twice: found the first at t:1:1"),
    ("ram 12x", "t:1:5: length of 'ram' is not a number: found '12x', expected a number such as"),
    ("ram 0x", "t:1:5: length of 'ram' is not a number"),
    ("ram -1", "t:1:5: length of 'ram' is not a number"),
    ("ram 1,2,3", "t:1:5: too many fields for 'ram': found '1,2,3', expected [ADDR,]LEN"),
    ("ram x,1M", "t:1:5: address of 'ram' is not a number"),
    ("ram 0x10000000000000000", "t:1:5: length of 'ram' is too large"),
    ("ram 17179869184G", "t:1:5: length of 'ram' is too large"),
    ("ram ٣", "t:1:5: length of 'ram' is not a number"),
    ("load 0x1000,", "t:1:6: 'load' names no file"),
    ("vdev shmem create a", "t:1:19: 'create' has the wrong number of fields"),
    ("vdev shmem create a,1,2,3,4", "t:1:19: 'create' has the wrong number of fields"),
    ("vdev shmem create a,x", "t:1:19: size of 'create' is not a number"),
    ("vdev shmem create a,1,rw", "t:1:19: mode of 'create' is not a set of permission bits"),
    ("vdev shmem create a,1,0999", "t:1:19: mode of 'create' is not a set of permission bits"),
    ("vdev shmem umask 8", "t:1:18: 'umask' is not a set of permission bits"),
    ("vdev shmem subst foo", "t:1:18: 'subst' needs a comma: found 'foo', expected [ORIGINAL],PREFIX"),
    ("vdev shmem sched high", "t:1:18: argument of 'sched' is not a number"),
    ("vdev shmem loc 0x1c05000g0", "t:1:16: address of 'loc' is not a number"),
    ("vdev shmem loc io:0x3f8 intr gic:1", "t:1:16: 'vdev shmem' has no I/O ports"),
    ("vdev shmem loc pci:", "t:1:16: PCI location is empty"),
    ("vdev shmem intr gic:", "t:1:17: not a guest interrupt: found 'gic:', expected PIC:LINE"),
    ("vdev shmem intr :3", "t:1:17: not a guest interrupt"),
    ('cmdline a"open', "t:1:10: quoted argument is not closed: found the end of the text"),
    ('cmdline "open', "t:1:9: quoted argument is not closed: found the end of the text"),
    ('cmdline "open\nram 1M', "t:1:9: quoted argument is not closed: found the end of the text"),
    ("ram 0d", "t:1:5: length of 'ram' is not a number"),
    ("vdev shmem loc io intr", "t:1:16: address of 'loc' is not a number"),
    ("ram 1M\x07", "t:1:7: control character in the text: found 0x07"),
]


@pytest.mark.parametrize(("text", "message"), CANNOT_BE_READ)
def test_message(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "t")
    assert str(caught.value).startswith(message)
    assert caught.value.qvm_message().startswith(f"[t:{caught.value.position.line}] ")


def test_the_parts_of_an_error_can_be_used() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("ram 1M\nvdev shmem\n\tcreate a", "guest.qvmconf")
    error = caught.value
    assert (error.position.file, error.position.line, error.position.column) == ("guest.qvmconf", 3, 9)
    assert error.found == "'a'"
    assert error.qvm_message().startswith("[guest.qvmconf:3] 'create' has the wrong number of fields: found 'a'")


def test_an_argument_is_not_looked_for_in_the_next_source(tmp_path: Path) -> None:
    path = tmp_path / "half"
    path.write_text("cpu\nram")
    with pytest.raises(ConfigError, match=r"half:2:1: argument of 'ram' is missing: found the end of '.*half'"):
        parse_arguments([f"@{path}", "128M"])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"<command line>:1:8: cannot read '.*none': No such file or directory"):
        parse_arguments(["ram", "1M", f"@{tmp_path / 'none'}"])
    with pytest.raises(ConfigError, match="Is a directory"):
        parse_file(tmp_path)
    (tmp_path / "latin").write_bytes(b"# caf\xe9\nsystem caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin:2:11: text is not UTF-8: found byte 0xe9"):
        parse_file(tmp_path / "latin")
    with (tmp_path / "image").open("wb") as image:
        image.truncate(8 << 20)
    with pytest.raises(ConfigError, match="too large for a configuration"):
        parse_file(tmp_path / "image")
    with pytest.raises(ConfigError, match="<command line>:1:5: control character in the text: found 0x1b"):
        parse_arguments(["ram", "1M\x1b"])
    with pytest.raises(ConfigError, match="<command line>:1:1: cannot read"):
        parse_arguments(["@"])
