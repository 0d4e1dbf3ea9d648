# SPDX-License-Identifier: Apache-2.0
"""A serial port of the lab at the other end of a cable from a board: where a guest's console may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labgrid.exceptions import NoResourceFoundError
from labgrid.resource import NetworkSerialPort
from labgrid.resource.base import SerialPort

from harness.errors import BenchError
from harness.host.protocol import ConsoleLocation


def uart_location(target: Any, cable: Mapping[str, Any]) -> ConsoleLocation:
    """Where the serial port is that an entry of ``consoles`` names, local or exported by a lab.

    Raises BenchError when there is none.
    """
    name = cable["resource"]
    txdelay, txchunk = float(cable.get("txdelay", 0.0)), int(cable.get("txchunk", 1))
    for kind in (SerialPort, NetworkSerialPort):
        try:
            port = target.get_resource(kind, name=name)
        except NoResourceFoundError:
            continue
        if isinstance(port, SerialPort):
            return ConsoleLocation("RawSerialPort", {"port": port.port, "speed": port.speed}, txdelay, txchunk)
        arguments = {"host": port.host, "port": port.port, "speed": port.speed, "protocol": port.protocol}
        return ConsoleLocation("NetworkSerialPort", arguments, txdelay, txchunk)
    raise BenchError(
        f"target {target.name} has no serial port named {name!r}",
        remedy="add it to the resources of the target file, or correct the name under 'consoles'",
    )
