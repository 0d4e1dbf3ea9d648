# SPDX-License-Identifier: Apache-2.0
"""A walk over a real board, from its power switch to the first answer of a guest, each step with its time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labgrid import Environment
from labgrid.exceptions import NoStrategyFoundError
from labgrid.strategy import StrategyError

from harness import provision
from harness.bench.guests import StartedGuest, Starter, Wanted, stop
from harness.bench.linux import LinuxKit
from harness.errors import UsageError, told
from harness.host.board.strategy import ShmemBoardStrategy
from harness.process import ending
from harness.target.benches import read_benches
from harness.target.check import require
from harness.target.scope.left_out import left_out

_STOP_SECONDS = 10.0
_SYSTEM = "check"
MOST_GUESTS = 8
"""Guests that the suites have at once, those with a configuration that is tried among them."""

Say = Callable[[str], object]


def walk(file: Path, only: str | None, log: Path | None, say: Say) -> bool:
    """Go over every target of a file, or ``only`` one; returns whether all went well. ``say`` gets a line per step."""
    require(file)
    environment = Environment(str(file))
    names = list(environment.config.get_targets())
    if only is not None and only not in names:
        raise UsageError(f"{file} has no target {only}", remedy=f"choose one of {', '.join(names)}")
    benches = read_benches(environment.config)
    results = [_Walk(environment, benches[name], log, say).run() for name in names if only in (None, name)]
    return all(results)


class _Walk:
    """A walk over one target."""

    def __init__(self, environment: Any, bench: Any, log: Path | None, say: Say) -> None:
        self._environment = environment
        self._bench = bench
        self._log = log
        self._say = say
        self._failed = False

    def run(self) -> bool:
        """Go step by step until one fails; the board is off at the end in every case."""
        strategy: Any = None
        self._say(f"target {self._bench.name}")
        try:
            with self._step("target file"):
                strategy = self._strategy()
            self._climb(strategy)
            self._guest(strategy.host)
        except _StepFailedError:
            pass
        finally:
            if strategy is not None:
                self._finish(strategy)
        return not self._failed

    def _strategy(self) -> Any:
        target = self._environment.get_target(self._bench.name)
        try:
            strategy = target.get_strategy()
        except NoStrategyFoundError as error:
            raise UsageError(str(error)) from error
        strategy.host.log = self._log
        return strategy

    def _climb(self, strategy: Any) -> None:
        if not isinstance(strategy, ShmemBoardStrategy):
            with self._step("host"):
                strategy.transition("ready")
            return
        for status, what in (
            ("off", "power off"),
            ("booting", "power on, boot messages on the serial console"),
            ("shell", "login on the serial console"),
            ("ready", "SSH, qvm on the host"),
        ):
            with self._step(what):
                strategy.transition(status)
        for reason in strategy.recoveries:
            self._say(f"       after a power cycle, because: {reason}")

    def _guest(self, host: Any) -> None:
        with self._step("what the host is"):
            parts = host.components()
        for part in parts:
            if part.name.startswith("host "):
                self._say(f"       {part.name}: {part.version}; {part.source}")
        bench = self._bench
        with self._step("probe image for the guest"):
            image = provision.probe_image(bench.architecture, bench.probe_image)
        with self._step(f"upload of {image.stat().st_size} bytes"):
            host.put(image)
        with tempfile.TemporaryDirectory() as folder:
            wanted = self._wanted(Path(folder), 0)
            starter = Starter(bench, host, LinuxKit())
            with self._step("guest's configuration from its template"):
                text = starter.configuration(wanted)
            with self._step("qvm and the guest's console"):
                guest = starter.launch(wanted, text)
                guest.open_console()
            try:
                self._ask(guest)
            finally:
                with self._step("end of the guest"):
                    stop([guest], _STOP_SECONDS)
            self._consoles(starter, Path(folder))
        with self._step("what the suites leave out here"):
            lines = list(left_out(bench, host.capabilities))
        for line in lines:
            self._say(f"       {line}")

    def _wanted(self, folder: Path, number: int) -> Wanted:
        where = self._bench.mmio[0].options if "pci" not in self._bench.placements else ""
        return Wanted(number, "probe", f"vdev shmem\n    {where}\n    allow *\n", folder, f"{_SYSTEM}{number or ''}")

    def _consoles(self, starter: Starter, folder: Path) -> None:
        """Open the consoles of as many guests as the suites have at once, all at the same time."""
        guests: list[StartedGuest] = []
        try:
            for number in range(MOST_GUESTS):
                with self._step(f"guest {number + 1} of {MOST_GUESTS} at once, console {starter.console(number)}"):
                    wanted = self._wanted(folder, number)
                    guests.append(starter.launch(wanted, starter.configuration(wanted)))
                    guests[-1].open_console()
                    guests[-1].connect()
        except _StepFailedError:
            self._say(f"       suites that have more than {max(0, len(guests) - 1)} guests at once end as bench errors")
            raise
        finally:
            with self._step(f"end of {len(guests)} guests"):
                stop(guests, _STOP_SECONDS)

    def _ask(self, guest: StartedGuest) -> None:
        with self._step("first answer of the guest"):
            probe = guest.connect()
        found = guest.identity
        self._say(f"       probe {found.probe} on {found.architecture}, {found.devices} vdev shmem found")
        rate = f", {found.clock_hz} Hz" if found.clock_hz else ""
        self._say(f"       started with: {found.loader}; clock: {found.clock or 'the processor'}{rate}")
        with self._step("region created through the vdev"):
            status = probe.attach("check", 1).status
            if status:
                raise UsageError(f"the vdev answered with status {status}")

    def _finish(self, strategy: Any) -> None:
        try:
            with self._step("host left as it was found, power off"):
                strategy.force("off")
                strategy.target.cleanup()
        except _StepFailedError:
            pass

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        """Print the result and the duration of the block. Raises _StepFailedError when it fails."""
        began = time.monotonic()
        try:
            with ending.insisting():
                yield
        except Exception as error:
            # labgrid, its drivers, jinja2 and paramiko have no class of errors in common.
            self._failed = True
            reason = error.__cause__ if isinstance(error, StrategyError) and error.__cause__ else error
            words = told(reason)
            self._say(f"failed {time.monotonic() - began:7.2f} s  {what}")
            self._say("".join(f"       {line}\n" for line in words.splitlines()).rstrip("\n"))
            raise _StepFailedError from error
        self._say(f"ok     {time.monotonic() - began:7.2f} s  {what}")


class _StepFailedError(Exception):
    """A step failed and was reported."""
