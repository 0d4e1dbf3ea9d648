# SPDX-License-Identifier: Apache-2.0
"""The emulated host as a labgrid driver: a daemon of its own on this machine, and a ``qvm`` process per guest."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, get_args

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory

from harness import events, provision
from harness.emulator import qvm
from harness.emulator.machine.board import ChipSet
from harness.emulator.service.client import EmulatedHost, HostClient, HostRequestError
from harness.errors import BenchError
from harness.host.protocol import (
    EMULATION,
    FAULTS,
    HOST_CLIENT,
    HOST_STATUS,
    KILLS,
    PATHS,
    PULSES,
    REFERENCES,
    REGIONS,
    REPORTS,
    RESOURCES,
    ConsoleLocation,
    GuestEndedError,
    HostConnection,
    HostGuest,
    HostProgram,
    HostRegion,
    RequestRefusedError,
    Resources,
    SecondGuestError,
    ShmemHostProtocol,
    StopHow,
)
from harness.host.typed import active
from harness.provision import ManifestItem

_KILL_SECONDS: Final = 60.0
_SLICE_SECONDS: Final = 0.1
_SIGNALS: Final[dict[StopHow, signal.Signals]] = {"power-button": signal.SIGTERM, "power-cut": signal.SIGQUIT}


class EmulatedGuest(HostGuest):
    """A guest of the emulated host: a local ``qvm`` process.

    It has a session of its own, because a Ctrl-C on the terminal is for the harness, which then stops its guests.
    """

    def __init__(self, system: str, configuration: str, terminal: Path, host: EmulatedHost, client: HostClient) -> None:
        self.system = system
        self._terminal = terminal
        self._client = client
        self._said = Path(configuration).with_suffix(".said")
        with self._said.open("wb") as output:
            self._process = subprocess.Popen(
                [*qvm.command(), f"@{configuration}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._said.parent,
                env={**os.environ, "QVM_HOST": str(host.socket)},
                start_new_session=True,
            )

    def wait_console(self, timeout: float) -> ConsoleLocation:
        """See HostGuest. The daemon's answer is the event; qvm's end is looked for between short waits for it."""
        deadline = time.monotonic() + timeout
        while True:
            asked = time.monotonic()
            try:
                running = self._client.wait_guest(self.system, _SLICE_SECONDS)
            except BenchError:
                self._must_run()
                now = time.monotonic()
                # A refusal that comes early is no time-out: the host itself has an error.
                if now - asked < _SLICE_SECONDS / 2 or now > deadline:
                    raise
                continue
            if str(self._terminal) in running.consoles:
                return ConsoleLocation("RawSerialPort", {"port": os.path.realpath(self._terminal)})
            # Another virtual machine of that name runs; this qvm's end is what is waited for.
            if time.monotonic() > deadline:
                raise SecondGuestError(f"another guest {self.system} still runs, at {', '.join(running.consoles)}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_SLICE_SECONDS)
            self._must_run()

    def _must_run(self) -> None:
        status = self.exit_status()
        if status is not None:
            raise GuestEndedError(self.system, status, self.messages())

    def exit_status(self) -> int | None:
        """See HostGuest."""
        return self._process.poll()

    def wait_end(self, timeout: float) -> int:
        """See HostGuest."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise BenchError(f"qvm of guest {self.system} did not end in {timeout:g} s\n{self.messages()}") from None

    def messages(self) -> str:
        """See HostGuest."""
        return self._said.read_text(errors="backslashreplace")

    def request_stop(self, how: StopHow) -> None:
        """See HostGuest; the signals are those of the User's Guide, "Shutting down guests"."""
        self._process.send_signal(_SIGNALS[how])

    def request_report(self) -> None:
        """See HostGuest."""
        self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """See HostGuest."""
        self._process.kill()
        self._process.wait(_KILL_SECONDS)


class EmulatedHostProgram(HostProgram):
    """A connection to the daemon is a host program of its own."""

    def __init__(self, client: HostClient) -> None:
        self._client = client

    def attach(self, name: str) -> HostConnection | None:
        """See HostProgram."""
        known = {region.name for region in self._client.regions()}
        with _refusals(name):
            return self._client.attach(name) if name in known else None

    def create(self, name: str, pages: int) -> HostConnection:
        """See HostProgram."""
        with _refusals(name):
            return self._client.create(name, pages)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()


@contextlib.contextmanager
def _refusals(name: str) -> Iterator[None]:
    try:
        yield
    except HostRequestError as error:
        raise RequestRefusedError(name, error.status) from error


def _resources(process: Path) -> Resources:
    """The resources of a process of this machine. Its memory is what belongs to it alone: regions are shared."""
    rollup = (process / "smaps_rollup").read_text().splitlines()
    sizes = {name.rstrip(":"): int(kib) for name, kib, _unit in (line.split() for line in rollup[1:])}
    return Resources(
        memory=1024 * (sizes["Private_Clean"] + sizes["Private_Dirty"]),
        descriptors=len(list((process / "fd").iterdir())),
        mappings=len((process / "maps").read_text().splitlines()),
    )


class EmulatedHypervisor(ShmemHostProtocol):
    """An emulated host on this machine, with the behaviour of a ``profile``. Not up before ``start``.

    ``chip_set`` is that of guests that are PCs.
    """

    item_kind = "emulated device"

    def __init__(
        self,
        profile: str = "7.0",
        overrides: Mapping[str, str] | None = None,
        log: Path | None = None,
        chip_set: ChipSet = "q35",
    ) -> None:
        self.log = log
        self.chip_set = chip_set
        self._profile = profile
        self._overrides = overrides or {}
        self._host: EmulatedHost | None = None
        self._client: HostClient | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """See ShmemHostProtocol."""
        return frozenset(
            {REGIONS, HOST_CLIENT, HOST_STATUS, PULSES, RESOURCES, PATHS, REPORTS, KILLS, FAULTS, REFERENCES, EMULATION}
        )

    def components(self) -> Sequence[ManifestItem]:
        """QEMU with its packages, the guest images, the library inside QEMU, qvm, the compiler."""
        return provision.manifest()

    def start(self) -> None:
        """See ShmemHostProtocol."""
        if self._host is not None:
            return
        host = EmulatedHost(profile=self._profile, overrides=self._overrides, log=self.log, chip_set=self.chip_set)
        host.start()
        self._host = host
        self._client = host.client()
        self._files.mkdir()

    def client(self) -> HostClient:
        """A new connection to the host, which the caller closes."""
        return self._running.client()

    def stop(self) -> None:
        """See ShmemHostProtocol."""
        client, self._client = self._client, None
        host, self._host = self._host, None
        if client:
            client.close()
        if host:
            host.stop()

    def check(self) -> None:
        """See ShmemHostProtocol. A new connection, as qvm makes one: a host that is ending still serves old ones."""
        with self._running.client() as client:
            client.guests()

    def put(self, source: Path) -> str:
        """See ShmemHostProtocol. The host is this machine: a link is as good as a copy, and never half written."""
        path = self._files / source.name
        if not (path.is_symlink() and path.readlink() == source.resolve()):
            temporary = path.with_name(f".{path.name}.new")
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(source.resolve(strict=True))
            temporary.replace(path)
        return str(path)

    def put_text(self, name: str, text: str) -> str:
        """See ShmemHostProtocol."""
        path = self._files / name
        temporary = path.with_name(f".{name}.new")
        temporary.write_text(text)
        temporary.replace(path)
        return str(path)

    def start_guest(self, system: str, configuration: str, console: str) -> HostGuest:
        """See ShmemHostProtocol."""
        terminal = self._running.root / console.lstrip("/").replace("dev/pty", "dev/tty", 1)
        return EmulatedGuest(system, configuration, terminal, self._running, self._connection)

    def regions(self) -> Sequence[HostRegion]:
        """See ShmemHostProtocol."""
        return [
            HostRegion(
                region.name,
                region.pages,
                {client.index: client.owner for client in region.clients},
                region.mode,
                region.group,
            )
            for region in self._connection.regions()
        ]

    def program(self) -> HostProgram:
        """See ShmemHostProtocol."""
        return EmulatedHostProgram(self._running.client())

    def resources(self) -> Mapping[str, Resources]:
        """See ShmemHostProtocol."""
        pids = {"host": self._running.pid} | {guest.system: guest.pid for guest in self._connection.guests()}
        return {name: _resources(Path(f"/proc/{pid}")) for name, pid in pids.items()}

    def shortages(self) -> Sequence[str]:
        """See ShmemHostProtocol."""
        return self._connection.shortages()

    def path_exists(self, path: str) -> bool:
        """See ShmemHostProtocol."""
        return (self._running.root / path.lstrip("/")).exists()

    def inject(self, fault: str, **arguments: Any) -> None:
        """See ShmemHostProtocol."""
        if arguments:
            raise BenchError(f"the faults of the emulated host take no arguments: {', '.join(arguments)}")
        events.session.emit(events.Action(what=events.INJECT, detail=fault))
        self._connection.inject(fault)

    def clear_faults(self) -> None:
        """See ShmemHostProtocol."""
        self._connection.clear_faults()

    @property
    def _running(self) -> EmulatedHost:
        if self._host is None:
            raise BenchError("the emulated host is not up")
        return self._host

    @property
    def _connection(self) -> HostClient:
        if self._client is None:
            raise BenchError("the emulated host is not up")
        return self._client

    @property
    def _files(self) -> Path:
        return self._running.run_directory / "files"


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemEmulatedHostDriver(Driver, EmulatedHypervisor):  # type: ignore[misc]
    """An emulated host on this machine, with the behaviour that the target's options ``profile...`` name.

    ``chip_set`` is that of guests that are PCs.
    """

    chip_set: ChipSet = attr.ib(default="q35", validator=attr.validators.in_(get_args(ChipSet)))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        EmulatedHypervisor.__init__(self, chip_set=self.chip_set)

    def on_deactivate(self) -> None:
        """An inactive driver leaves no host behind."""
        self.stop()

    @active
    def start(self) -> None:
        """See ShmemHostProtocol."""
        options = self.target.env.config.get_targets()[self.target.name]["options"]
        self._profile, self._overrides = str(options["profile"]), options.get("profile_overrides") or {}
        super().start()
