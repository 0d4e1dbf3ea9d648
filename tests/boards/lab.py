# SPDX-License-Identifier: Apache-2.0
"""A lab with one board: a loopback board, and a target file for it as a person would write one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from labgrid import Environment

from harness import events, provision
from harness.host.protocol import HostGuest
from harness.loopback.command import command_board
from harness.loopback.processes import descendants
from harness.loopback.resource import LoopbackBoard

CHECKOUT = Path(__file__).parents[2]

LIMITS: list[tuple[str, float, float]] = []
"""What was timed in this session: name, seconds, allowed seconds. The summary prints it."""

CONFIGURATION = """\
system {system}
ram 64M
cpu
load {image}
vdev ioapic
    loc 0xfec00000
    intr apic
    name myioapic
vdev ser8250
    loc io:0x3f8
    intr myioapic:4
    hostdev {console}
vdev shmem
    {options}
"""


@contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """The block must not take longer; how long it took is printed at the end of the session.

    The time in which something on this machine waited for a processor does not count: it says how busy the machine is.
    """
    began, waited = time.monotonic(), _waited_for_a_processor()
    try:
        yield
    finally:
        took = time.monotonic() - began
        LIMITS.append((what, took, seconds))
    free = took - (_waited_for_a_processor() - waited)
    assert free <= seconds, f"{what}: took {took:.1f} s ({free:.1f} s without the waits), allowed are {seconds:g} s"


def _waited_for_a_processor() -> float:
    """Seconds since the start of the machine. Zero where the kernel does not keep count."""
    try:
        return int(Path("/proc/pressure/cpu").read_text().splitlines()[0].rpartition("total=")[2]) / 1e6
    except OSError:
        return 0.0


@contextmanager
def stopped(board: LoopbackBoard, program: str) -> Iterator[None]:
    """Processes of the board with that word in their command do nothing any more, and do not end either."""
    found = [pid for pid in descendants(board.pid) if program in command(pid)]
    assert found, f"no process of the board is {program}"
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def command(pid: int) -> str:
    """The command line of a process, nothing for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


class Lab:
    """The board and its target file. ``target`` is created again by ``open``; ``folder`` is the board's."""

    HOME = "home"
    """The account's home, below the folder of the board."""
    KEYS = "etc"
    """The folder of the server's keys, there too."""

    def __init__(self, board: LoopbackBoard, place: Path) -> None:
        self.board = board
        self.folder = board.folder
        self.place = place
        self.home = board.folder / self.HOME
        self.actions: list[events.Action] = []
        self.network: dict[str, Any] = {"address": "127.0.0.1", "username": "board", "port": board.port}
        self.data: dict[str, Any] = self._target()
        self.target: Any = None
        for left in self.home.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        self._unsubscribe = events.session.subscribe(self._note)
        self.log = place / "host.log"

    def _target(self) -> dict[str, Any]:
        return {
            "resources": {
                "RawSerialPort": {"port": os.path.realpath(self.folder / "serial")},
                "NetworkService": self.network,
            },
            "drivers": {
                "ExternalPowerDriver": {
                    "cmd_on": f"{self.folder}/switch on",
                    "cmd_off": f"{self.folder}/switch off",
                    "delay": 0.1,
                },
                "SerialDriver": {},
                "ShmemQnxHostDriver": {
                    "folder": "shmem-harness",
                    "keyfile": f"{self.folder}/etc/client_key",
                    "agent": False,
                    "known_hosts": "known_hosts",
                    "root": "../host/root",
                },
                "ShmemBoardStrategy": {
                    "boot": ["boot loader", "hypervisor host ready"],
                    "boot_seconds": 60.0,
                    "password": "loopback",
                    "login_seconds": 60.0,
                    "host_key_command": "cat $BOARD_HOST_KEY",
                    "ssh_seconds": 60.0,
                },
            },
            "features": ["access", "performance"],
            "options": {
                "architecture": "x86_64",
                "profile": "7.0",
                "placements": ["pci"],
                "guest_images": ["probe"],
                "ways": ["serial"],
                "templates": str(CHECKOUT / "targets/qemu-x86_64"),
            },
        }

    def set(self, driver: str, **arguments: object) -> None:
        """Change arguments of a driver in the target file."""
        self.data["drivers"][driver] |= arguments

    @property
    def known_hosts(self) -> Path:
        return self.place / "known_hosts"

    def trust(self) -> None:
        """Write the board's real key into the file of known hosts."""
        key = (self.folder / self.KEYS / "ssh_host_ed25519_key.pub").read_text()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.network['port']} {key}")

    def file(self) -> Path:
        """The target file, as it is now."""
        path = self.place / "target.yaml"
        path.write_text(
            yaml.safe_dump({"imports": ["harness.labgrid"], "targets": {"board": self.data}}, sort_keys=False)
        )
        return path

    def open(self) -> Any:
        """The strategy of a new labgrid target from the file."""
        self.close()
        if not self.known_hosts.exists():
            self.trust()
        self.target = Environment(str(self.file())).get_target("board")
        strategy = self.target.get_driver("Strategy")
        strategy.host.log = self.log
        return strategy

    def ready(self) -> Any:
        """The host driver of a board that is up."""
        strategy = self.open()
        strategy.transition("ready")
        return strategy.host

    def close(self) -> None:
        """Bring the board down through its target, as the end of a run does."""
        target, self.target = self.target, None
        if target is not None:
            target.get_driver("Strategy").force("off")
            target.cleanup()

    def end(self) -> None:
        """Close, and switch off what a test has left on."""
        try:
            self.close()
        finally:
            self._unsubscribe()
            command_board(self.folder, "off")
            usual = {"hanging_boots": 0, "sftp_options": "", "max_sessions": None, "path": "", "terminals": None}
            command_board(self.folder, "behave", **usual)
            self.disturb("serial")

    def disturb(self, line: str, **disturbance: object) -> None:
        """Disturb a serial line; without more, not any longer."""
        command_board(self.folder, "disturb", line=line, **disturbance)

    def start_guest(self, host: Any, number: int = 0, options: str = "allow *", **changes: str) -> HostGuest:
        """Put a guest's files on the host and start it."""
        values: Mapping[str, str] = {
            "system": f"guest{number}",
            "image": host.put(provision.probe_image("x86_64")),
            "console": host.console(number),
            "options": options,
            **changes,
        }
        place = host.put_text(f"guest{number}.qvmconf", CONFIGURATION.format(**values))
        guest: HostGuest = host.start_guest(f"guest{number}", place, host.console(number))
        return guest

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.Action):
            self.actions.append(event)
