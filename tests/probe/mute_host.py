# SPDX-License-Identifier: Apache-2.0
"""The emulated host with PCI functions whose ``Interrupt Line`` is 255, "connected to nothing"."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

from harness.emulator import daemon
from harness.emulator.device import function
from harness.emulator.device.pci_config import ConfigSpace


class _Mute(ConfigSpace):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**{**arguments, "line": 0xFF})


if __name__ == "__main__":
    with patch.object(function, "ConfigSpace", _Mute):
        sys.exit(daemon.main())
