# SPDX-License-Identifier: Apache-2.0
"""A running guest as a labgrid Target of its own, made when the guest starts and closed when it ends.

A guest is not in the environment file: it exists only while its qvm runs, and a handle on its console must not
outlive it (a console that is reused over a restart is a known source of hangs).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import serial
from labgrid import Target
from labgrid.driver import SerialDriver
from labgrid.factory import target_factory

from harness.errors import BenchError
from harness.guest.console import ShmemConsoleDriver
from harness.host.protocol import ConsoleLocation
from harness.narrow import instance

_LOCAL_PORT: Final = "RawSerialPort"


class _Serial(serial.Serial):  # type: ignore[misc]
    """A local port that is opened without discarding its input buffer, which may hold a guest's only output."""

    def _reset_input_buffer(self) -> None:
        pass


class GuestTarget:
    """A guest's labgrid Target with its console open and listening."""

    def __init__(self, name: str, location: ConsoleLocation, log: Path) -> None:
        """Open the console of guest ``name``; everything it says goes to ``log``. Raises BenchError if it cannot."""
        self.name = name
        self.target: Any = Target(name)
        try:
            self.console = self._open(location, log)
        except Exception as error:
            # labgrid and pyserial have no class of errors in common.
            self.close()
            raise BenchError(f"the console of guest {name} cannot be opened: {error}") from error

    def _open(self, location: ConsoleLocation, log: Path) -> ShmemConsoleDriver:
        target_factory.make_resource(self.target, location.resource, None, dict(location.arguments))
        port = SerialDriver(self.target, None)
        if location.resource == _LOCAL_PORT:
            port.serial = _Serial(exclusive=True)  # a second run must not share the console
        arguments = {"log": str(log), "txdelay": location.txdelay, "txchunk": location.txchunk}
        made = target_factory.make_driver(self.target, ShmemConsoleDriver.__name__, None, arguments)
        console = instance(ShmemConsoleDriver, made)
        self.target.activate(console)
        return console

    def close(self) -> None:
        """Close the console and all that is bound to the guest. May be called again."""
        self.target.cleanup()
