# SPDX-License-Identifier: Apache-2.0
"""The guests of a script and the programs of the host, running together."""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from harness.bench.configuration import shmem
from harness.bench.guests import Starter
from harness.bench.linux import LinuxKit
from harness.bench.settings import BenchConfig
from harness.errors import BenchError
from harness.host.protocol import HOST_CLIENT, HOST_STATUS, PATHS, PULSES, REGIONS, REPORTS, ShmemHostProtocol
from harness.replay.drawn.layout import laid_out
from harness.replay.guests import Guest
from harness.replay.model.state import Facts, Outcome, cannot_start, made_by
from harness.replay.programs import Program
from harness.replay.script import GUESTS, HOST, PROGRAMS, Script, Step
from harness.shmem.config import ShmemVdev
from harness.shmem.profile import Profile

_PATHS_RELEASE: Final = "8.0"
_NOTICE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01


class World:
    """The guests of a script on a host, running while the context lasts.

    ``devices`` are the options of the devices of each guest; those of ``asleep`` do not run yet. The guests' logs and
    configurations go to ``folder``.
    """

    def __init__(
        self,
        config: BenchConfig,
        host: ShmemHostProtocol,
        devices: Mapping[str, Sequence[str]],
        folder: Path,
        asleep: frozenset[str] = frozenset(),
    ) -> None:
        self.config = config
        self.host = host
        self.starter = Starter(config, host, LinuxKit())
        self.guests = {}
        for name, options in devices.items():
            made = shmem(tuple(options))
            self.guests[name] = Guest(name, made.vdevs, laid_out(made.text), config, self.starter, folder)
        broken = {name for name, guest in self.guests.items() if cannot_start(guest.vdevs, config.profile)}
        self.asleep = asleep | broken
        self._broken = broken
        self.programs: dict[int, Program] = {}
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for guest in self.guests.values():
                stack.callback(guest.end)
            # They start once, to find their devices.
            asleep = [guest for name, guest in self.guests.items() if name in self.asleep - self._broken]
            self._start(asleep)
            for guest in asleep:
                guest.end()
            self._start([guest for name, guest in self.guests.items() if name not in self.asleep])
            if HOST_CLIENT in self.abilities:
                tells_modes = self.config.profile.permission_options == "accepted"
                for number in PROGRAMS:
                    self.programs[number] = Program(self.host, tells_modes=tells_modes)
                    stack.callback(self.programs[number].end)
            self.threads = stack.enter_context(ThreadPoolExecutor(max_workers=len(GUESTS) + 1))
            self._cleanup = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _start(self, guests: Sequence[Guest]) -> None:
        """Start guests, all at once unless several create one region: the first one makes that."""
        together = not _create_the_same([guest.vdevs for guest in guests], self.config.profile)
        for guest in guests:
            guest.begin()
            if not together:
                guest.open()
        for guest in guests if together else ():
            guest.open()

    @property
    def abilities(self) -> frozenset[str]:
        """What the host can do of ``regions``, ``host-client``, ``pulses`` and ``reports``.

        The model knows with which status a program is refused. A host that does not tell it has no program here.
        """
        ours = {REGIONS, REPORTS} | ({HOST_CLIENT, PULSES} if HOST_STATUS in self.host.capabilities else set())
        return self.host.capabilities & ours

    def facts(self) -> Facts:
        """What the reference model has to know."""
        vdevs = {name: guest.vdevs for name, guest in self.guests.items()}
        vectors = {name: guest.vectors for name, guest in self.guests.items()}
        headers = {name: guest.headers for name, guest in self.guests.items()}
        return Facts(vdevs, self.config.profile, vectors, headers)

    def change(self, step: Step) -> None:
        """Start or end a guest, or have its qvm report."""
        guest = self.guests[step.actor]
        if step.verb == "start" and step.actor in self._broken:
            guest.begin()
            guest.be_refused()
        elif step.verb == "start":
            guest.begin()
            guest.open()
        elif step.verb == "abort":
            guest.begin()
            time.sleep(step.number("MILLISECONDS") / 1000)
            guest.end()
        elif step.verb == "report":
            guest.report()
        else:
            guest.end_by(step.verb)

    @property
    def tells_paths(self) -> bool:
        """Whether the host tells which paths there are, in a release for which it is known when there is one."""
        return PATHS in self.host.capabilities and self.config.release == _PATHS_RELEASE

    def named(self, running: Sequence[str]) -> list[str]:
        """The guests whose name is in /dev/qvm, which qvm makes and takes back; that may take it a moment.

        Source: QNX Hypervisor User's Guide, "qvm process" (QVM-RUN-01).
        """
        until = time.monotonic() + _NOTICE_SECONDS
        while True:
            found = sorted(name for name, guest in self.guests.items() if self.host.path_exists(guest.path))
            if found == sorted(running) or time.monotonic() > until:
                return found
            time.sleep(_LOOK_SECONDS)

    def check_means(self) -> None:
        """Raise BenchError when the machine ran out of something: then what was seen says nothing."""
        if missed := self.host.shortages():
            raise BenchError(f"the machine is {missed[0]}", remedy="raise the limit (ulimit -a shows them)")

    def can(self, step: Step) -> bool:
        """Whether the host has the ability that a step needs."""
        if step.actor != HOST:
            return step.verb != "report" or REPORTS in self.abilities
        needed = {"regions": REGIONS, "pulses": PULSES}.get(step.verb, HOST_CLIENT)
        return needed in self.abilities


def _create_the_same(guests: Sequence[Sequence[ShmemVdev]], profile: Profile) -> bool:
    """Whether there is a region that more than one of the guests create."""
    made = [made_by(vdevs, profile) for vdevs in guests]
    return len(set().union(*made)) < sum(map(len, made))


def asleep(script: Script) -> frozenset[str]:
    """The guests that do not run at the beginning: what they do first is to start, as far as they get."""
    first = {step.actor: step for step in reversed(script.steps)}
    return frozenset(actor for actor, step in first.items() if step.verb in ("start", "abort"))


def digest(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """What a probe would answer to a batch that shows this."""
    values = [value for outcome in outcomes for value in outcome.values()]
    return zlib.crc32(struct.pack(f"<{len(values)}Q", *values)), len(values)
