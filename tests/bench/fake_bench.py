# SPDX-License-Identifier: Apache-2.0
"""A host without guests for tests of what surrounds a bench. Environment files import it by its path.

What it does is written to the file that the environment variable FAKE_LOG names, a line for each start and stop.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from harness.errors import BenchError
from harness.host.protocol import HostGuest, HostProgram, HostRegion, ShmemHostProtocol
from harness.host.strategy import ShmemBenchStrategy

__all__ = ["ShmemBenchStrategy", "ShmemFakeHostDriver"]


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemFakeHostDriver(Driver, ShmemHostProtocol):  # type: ignore[misc]
    """Fails to start as often as ``broken_starts`` says."""

    broken_starts: int = attr.ib(default=0)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.log: Path | None = None
        self.up = False

    def _note(self, text: str) -> None:
        with Path(os.environ["FAKE_LOG"]).open("a") as log:
            log.write(f"{text} {self.target.name}\n")

    @property
    def capabilities(self) -> frozenset[str]:
        return frozenset()

    def start(self) -> None:
        self._note("start")
        if self.broken_starts:
            self.broken_starts -= 1
            raise BenchError("the power supply smokes")
        self.up = True

    def stop(self) -> None:
        if self.up:
            self._note("stop")
        self.up = False

    def check(self) -> None:
        raise BenchError("not this host")

    def put(self, source: Path) -> str:
        raise BenchError(f"not this host: {source}")

    def put_text(self, name: str, text: str) -> str:
        raise BenchError(f"not this host: {name} {text}")

    def start_guest(self, system: str, configuration: str, console: str) -> HostGuest:
        raise BenchError(f"not this host: {system} {configuration} {console}")

    def regions(self) -> Sequence[HostRegion]:
        raise BenchError("not this host")

    def program(self) -> HostProgram:
        raise BenchError("not this host")

    def inject(self, fault: str, **arguments: Any) -> None:
        raise BenchError(f"not this host: {fault} {arguments}")

    def clear_faults(self) -> None:
        raise BenchError("not this host")
