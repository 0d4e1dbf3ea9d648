# SPDX-License-Identifier: Apache-2.0
"""The Linux guests whose network figures are held against."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from harness.arch import ARCHES, Arch
from harness.bench.network import network_guests
from harness.emulator.machine.plan import plan
from harness.shmem.config import ConfigError, parse
from harness.shmem.profile import PROFILES
from tests.emulator.conftest import configuration

NEITHER = r"file:6:13: neither a forwarded port nor a cable: found tcp:10\.0\.0\.1:80, expected .*unix-listen:PATH"


@pytest.mark.long
@pytest.mark.parametrize("arch", ARCHES)
def test_bytes_go_from_guest_to_guest_and_nothing_is_left(
    arch: Arch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with network_guests(arch) as guests:
        assert guests.stream(64) > 0
        assert guests.stream(65536) > 0
        assert [path.name for path in tmp_path.glob("*/cable")] == ["cable"]
    assert not list(tmp_path.iterdir())


def test_a_network_that_is_neither_a_port_nor_a_cable_is_refused() -> None:
    text = configuration(devices="vdev virtio-net\n    hostdev tcp:10.0.0.1:80")
    with pytest.raises(ConfigError, match=NEITHER):
        plan(parse(text, "file"), Path(), PROFILES["7.0"])
