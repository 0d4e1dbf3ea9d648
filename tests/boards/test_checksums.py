# SPDX-License-Identifier: Apache-2.0
"""What is compared with a host is what the host's own tools say of the same bytes."""

from __future__ import annotations

import hashlib
import random
import shutil
from io import BytesIO
from pathlib import Path

import pytest

from harness.host.checksums import TOOLS, content_of, content_of_file
from tests import programs

SIZES = (0, 1, 255, 256, 65537, (1 << 20) - 1, (1 << 20) + 1)


@pytest.mark.parametrize("size", SIZES)
def test_tools_of_this_machine_say_the_same(tmp_path: Path, size: int) -> None:
    file = tmp_path / "image"
    file.write_bytes(random.Random(size).randbytes(size))
    content = content_of_file(file)
    assert (content.size, content.sha256) == (size, hashlib.sha256(file.read_bytes()).hexdigest())
    asked = [tool for tool in TOOLS if shutil.which(tool.words[0])]
    assert {"sha256sum", "cksum"} <= {tool.words[0] for tool in asked}
    for tool in asked:
        with file.open("rb") as stream:
            said = programs.run(tool.words, stdin=stream, capture_output=True, text=True, check=True)
        assert tool.find(said.stdout) == tool.expected(content), tool.words


def test_cksum_is_the_one_of_posix() -> None:
    """The values of the standard's algorithm for nothing and for nine digits, as every implementation gives them."""
    assert content_of(BytesIO()).cksum == "4294967295"
    assert content_of(BytesIO(b"123456789")).cksum == "930766865"


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"old")
    before = content_of_file(file)
    file.write_bytes(b"other")
    assert content_of_file(file) != before
