# SPDX-License-Identifier: Apache-2.0
"""The loopback board as a program on a machine that others use too."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.loopback.resource import LoopbackBoard


def test_what_a_board_is_made_of_is_fetched_before_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit of the start is none of the fetching's, and what the fetching says is not hidden in a log."""
    monkeypatch.setenv("SHMEM_HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SHMEM_HARNESS_APT_SOURCES", str(tmp_path / "no.sources"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(HarnessError) as error:
        LoopbackBoard()
    assert "no.sources" in str(error.value)
    assert "did not start" not in str(error.value)
    assert not list(tmp_path.glob("shmem-board-*"))
