# SPDX-License-Identifier: Apache-2.0
"""The same board over every kind of serial port that labgrid knows: local, RFC 2217, raw TCP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boards.lab import Lab, within
from tests.boards.ser2net import Protocol, serving


@pytest.fixture(params=["rfc2217", "raw"])
def exported(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Iterator[str]:
    """The console of the board is on the network."""
    protocol: Protocol = request.param
    with serving(lab.folder / "serial", protocol, tmp_path / "bin") as port:
        del lab.data["resources"]["RawSerialPort"]
        lab.data["resources"]["NetworkSerialPort"] = {"host": "127.0.0.1", "port": port, "protocol": protocol}
        yield protocol
        lab.close()


def test_a_board_comes_up_over_a_serial_port_on_the_network(lab: Lab, exported: str) -> None:
    lab.set("ShmemQnxHostDriver", host_key="console")
    with within(30, f"console over {exported}: host up"):
        host = lab.ready()
    host.check()
    assert f"({exported})" in str(host.parts()[0].source)
    assert "< hypervisor host ready" in lab.log.read_text()
