# SPDX-License-Identifier: Apache-2.0
"""A QNX Hypervisor host as a labgrid driver: files by SFTP, a qvm per guest over SSH, everything taken back at the end.

What it knows of QNX is from the User's Guide of the hypervisor ("Starting VMs", "Shutting down guests", "qvm process
exit codes") and from the utilities reference (devc-pty, stty); see docs/boards.md for what was tried on what.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import NetworkService

from harness.errors import BenchError
from harness.host.board.log import HostLog
from harness.host.errors import PermanentHostError
from harness.host.hostkeys import CHECKS, HostKeys
from harness.host.protocol import (
    HOST_CLIENT,
    PATHS,
    PULSES,
    REPORTS,
    ConsoleLocation,
    HostGuest,
    HostProgram,
    HostRegion,
    ShmemHostProtocol,
    stop_guests,
)
from harness.host.qnx import identity
from harness.host.qnx.guest import Launch, QnxGuest
from harness.host.qnx.leftovers import end_leftovers
from harness.host.qnx.program import QnxHostProgram
from harness.host.qnx.tools import must_have
from harness.host.sftp import exists
from harness.host.ssh import SshAddress, SshConnection, SshLogin, SshLostError, wait_for_ssh
from harness.host.typed import active
from harness.host.uart import uart_location
from harness.host.upload import HostFiles
from harness.provision import ManifestItem

_COMMAND_SECONDS: Final = 15.0
_STOP_SECONDS: Final = 10.0
_FOLDER: Final = "shmem-harness"
_PSEUDO_TERMINAL: Final = re.compile(r"/dev/pty([p-zP-T][0-9a-f])")
"""The controlling sides of devc-pty; their user sides are ``/dev/tty...`` with the same letter and digit."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _variables(_driver: object, _attribute: object, value: object) -> None:
    """Check names and values of environment variables."""
    pairs = value.items() if isinstance(value, Mapping) else [("", None)]
    for name, text in pairs:
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name) or not isinstance(text, str) or "\0" in text:
            raise ValueError(f"'environment' is {value!r}; expected NAME: TEXT for each variable")


_text: Final = attr.validators.instance_of(str)


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemQnxHostDriver(Driver, ShmemHostProtocol):  # type: ignore[misc]
    """A host that is reached over SSH.

    Args:
        folder (str): folder on the host for images and configurations; relative to the account's home if not absolute;
            left out, one that can be made, below /data, /var, the account's home or /tmp
        qvm (str): how qvm is called on the host; a path where it is not on the PATH of SSH sessions
        keyfile (str): private key, relative to the target file; without one the agent's keys, then the password of the
            NetworkService
        agent (bool): whether to try the keys of the SSH agent
        host_key (str): how the host proves what it is: ``known_hosts``, ``console`` (the strategy reads its public keys
            from the serial console) or ``unchecked``
        known_hosts (str): file of known hosts, relative to the target file; the user's own without one
        consoles (list): for guests whose console is a UART of the board: ``hostdev`` as qvm gets it and ``resource``,
            the name of the labgrid serial port on this side of its cable, in the order of the guests; for a UART that
            loses what comes too fast also ``txdelay`` and ``txchunk``: seconds before each so many bytes
        raw_mode (str): command that puts the terminal on its standard input into raw mode
        environment (dict): variables that every command on the host gets, such as PATH and LD_LIBRARY_PATH: a server of
            SSH reads no profile for a command
        host_client (str): how the host's client of regions is called there (docs/host-client.md); without it, there is
            none
        root (str): where the host's ``/dev``, ``/data``, ``/var`` and ``/tmp`` are; ``/`` on every real host
        keep_images (bool): leave uploaded images on the host, so that the next run need not upload them
    """

    bindings = {"network": NetworkService}  # noqa: RUF012 - labgrid's own form

    folder: str | None = attr.ib(default=None, validator=attr.validators.optional(_text))
    qvm: str = attr.ib(default="qvm", validator=_text)
    keyfile: str = attr.ib(default="", validator=_text)
    agent: bool = attr.ib(default=True, validator=attr.validators.instance_of(bool))
    host_key: str = attr.ib(default="known_hosts", validator=attr.validators.in_(CHECKS))
    known_hosts: str = attr.ib(default="", validator=_text)
    consoles: Sequence[Mapping[str, Any]] = attr.ib(factory=list, validator=attr.validators.instance_of(list))
    raw_mode: str = attr.ib(default="stty raw -echo", validator=_text)
    environment: Mapping[str, str] = attr.ib(factory=dict, validator=_variables)
    host_client: str = attr.ib(default="", validator=_text)
    root: str = attr.ib(default="/", validator=_text)
    keep_images: bool = attr.ib(default=True, validator=attr.validators.instance_of(bool))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.log: Path | None = None
        self._journal: HostLog | None = None
        self._connection: SshConnection | None = None
        self._files: HostFiles | None = None
        self._texts: dict[str, str] = {}
        self._guests: list[QnxGuest] = []
        self._devices = "/"
        self._address = ""
        self._shown_keys: list[str] = []
        self._ways: list[str] = []

    @property
    def capabilities(self) -> frozenset[str]:
        """See ShmemHostProtocol."""
        return frozenset({PATHS, REPORTS, *([HOST_CLIENT, PULSES] if self.host_client else [])})

    @property
    def journal(self) -> HostLog:
        """The host's log, opened at its first use."""
        if self._journal is None:
            self._journal = HostLog(self.log, self.target.name)
        return self._journal

    def say(self, text: str) -> None:
        """Write a remark into the host's log."""
        self.journal.remark(text)

    def close_journal(self) -> None:
        """Close the log when its last writer has gone; the next remark opens it again."""
        journal, self._journal = self._journal, None
        if journal:
            journal.close()

    def on_deactivate(self) -> None:
        """An inactive driver has no connection and no guests."""
        self.stop()
        self.close_journal()

    # --- for the strategy: from a host that has booted to one that answers over SSH

    def set_address(self, address: str) -> None:
        """Connect to this address instead of the NetworkService's, from the next connection on."""
        self._address = address

    def set_ways(self, ways: Sequence[str]) -> None:
        """Say how else the host is reached, for the report."""
        self._ways = list(ways)

    def set_shown_keys(self, keys: Sequence[str]) -> None:
        """Believe these public keys (``host_key: console``), from the next connection on."""
        self._shown_keys = list(keys)

    @active
    def connect(self, timeout: float, between: Callable[[], None]) -> None:
        """Connect over SSH as soon as the host's server is up; ``between`` is called between two tries.

        Raises SshRefusedError at once, SshUnreachableError after ``timeout`` seconds.
        """
        if self._connection is None:
            self._connection = self._new_connection()
        wait_for_ssh(self._connection, timeout, between)
        connection = self._connection
        self.say(f"SSH: {connection.address}, {connection.server}, {connection.host_key()}")

    def _new_connection(self) -> SshConnection:
        network = self.network
        address = SshAddress(self._address or network.address, network.port, network.username)
        if not address.host:
            raise PermanentHostError(
                f"the address of {self.target.name} is not known",
                remedy="write it into the NetworkService of the target file, or let the strategy find it on the console"
                " (address_command)",
            )
        login = SshLogin(self._resolved(self.keyfile), self.agent, network.password)
        keys = HostKeys(self.host_key, self._resolved(self.known_hosts), self._shown_keys)  # type: ignore[arg-type]
        return SshConnection(self.target.name, address, login, keys, self.environment)

    def _resolved(self, path: str) -> Path | None:
        """A path of the target file: relative to it, with ``~`` and variables as labgrid has them."""
        if not path:
            return None
        return Path(self.target.env.config.resolve_path(path)) if self.target.env else Path(path)

    # --- the protocol

    @active
    def start(self) -> None:
        """See ShmemHostProtocol. The host must answer over SSH already."""
        connection = self._connected
        if self._files is not None:
            return
        # First of all: without them, every other command fails with words that mislead.
        must_have(connection, self.qvm, self.raw_mode, self.host_client)
        with connection.translated(f"the search for {self.root!r}, which has its /dev,"):
            self._devices = connection.sftp().normalize(self.root)
        files = HostFiles(connection, self._folders(), self.say)
        files.prepare()
        end_leftovers(connection, files, posixpath.join(self._devices, "dev/qvm"), self.say)
        self._files = files

    def _folders(self) -> list[str]:
        """Where files may go, the best first: disks, the account's home, then what may have no folders."""
        if self.folder is not None:
            return [self.folder]
        below = [posixpath.join(self._devices, place, _FOLDER) for place in ("data", "var")]
        return [*below, _FOLDER, posixpath.join(self._devices, "tmp", _FOLDER)]

    def stop(self) -> None:
        """See ShmemHostProtocol. What cannot be taken back, because the host is gone, is said in its log."""
        files, self._files = self._files, None
        connection, self._connection = self._connection, None
        guests, self._guests = self._guests, []
        try:
            if connection and connection.connected:
                self._take_back(guests, files)
        except BenchError as error:
            self.say(f"the host could not be left as it was found: {error}")
        finally:
            for guest in guests:
                guest.close()
            if connection:
                connection.close()
            self._texts.clear()

    def _take_back(self, guests: Sequence[QnxGuest], files: HostFiles | None) -> None:
        living = [guest for guest in guests if not guest.ended]
        if living:
            stop_guests(living, "power-cut", _STOP_SECONDS)
        if files:
            files.clean(everything=not self.keep_images)

    @active
    def check(self) -> None:
        """See ShmemHostProtocol."""
        answer = self._connected.run(["sh", "-c", "echo alive"], _COMMAND_SECONDS)
        if answer.output.strip() != "alive":
            raise BenchError(
                f"{self.target.name} does not run commands as expected: 'echo alive' printed {answer.output!r}"
            )

    @active
    def components(self) -> Sequence[ManifestItem]:
        """See ShmemHostProtocol: the host, and the ways by which it and its guests are reached."""
        connection = self._connected
        kernel = connection.run(["uname", "-a"], _COMMAND_SECONDS)
        consoles = ", ".join(entry["hostdev"] for entry in self.consoles) or "pseudo-terminals over SSH"
        ways = [f"ssh {connection.address}, host key {connection.host_key()}", *self._ways, f"guests: {consoles}"]
        system = kernel.output.strip() if kernel.status == 0 else ""
        return [
            ManifestItem(f"host {self.target.name}", connection.server, "", "; ".join(ways)),
            *([ManifestItem(f"system of {self.target.name}", system, "", "uname -a")] if system else []),
        ]

    @active
    def identity(self) -> Mapping[str, str]:
        """See ShmemHostProtocol."""
        return identity.of_host(self._connected, self.qvm)

    @active
    def put(self, source: Path) -> str:
        """See ShmemHostProtocol. A connection that breaks in the middle is made once more."""
        try:
            return self._prepared.put(source)
        except SshLostError as error:
            self._reconnect(error)
            return self._prepared.put(source)

    @active
    def put_text(self, name: str, text: str) -> str:
        """See ShmemHostProtocol."""
        path = self._prepared.put_text(name, text)
        self._texts[path] = text
        return path

    def _reconnect(self, reason: SshLostError) -> None:
        """One new connection, where no guest has died with the old one. Raises BenchError."""
        if any(not guest.ended for guest in self._guests):
            raise reason
        self.say(f"{reason.message}; connecting again")
        connection = self._connected_or_not()
        # It may only seem to be there: a server that has stopped answers nothing and closes nothing.
        connection.close()
        connection.connect(_COMMAND_SECONDS)
        # A host that has restarted in between may have lost what was in its RAM.
        self._prepared.prepare()

    def console(self, number: int) -> str:
        """See ShmemHostProtocol."""
        if number < len(self.consoles):
            return str(self.consoles[number]["hostdev"])
        return super().console(number)

    @active
    def start_guest(self, system: str, configuration: str, console: str) -> HostGuest:
        """See ShmemHostProtocol."""
        files = self._prepared
        again = any(old.system == system and not old.ended for old in self._guests)
        # The file of the one that runs stays: by that it is found should this run be killed.
        pid_file = files.own(f"{system}{'-again' * again}.pid")
        terminal, uart = self._reach(console)
        launch = Launch(
            system=system,
            qvm=self.qvm,
            configuration=configuration,
            text=self._texts.get(configuration, ""),
            folder=files.path,
            pid_file=pid_file,
            node=posixpath.join(self._devices, "dev/qvm", system),
            terminal=terminal,
            set_raw=self.raw_mode,
            uart=uart,
            again=again,
        )
        guest = QnxGuest(self._connected, launch, self.say)
        self._guests = [old for old in self._guests if not old.ended]
        self._guests.append(guest)
        return guest

    def _reach(self, console: str) -> tuple[str, ConsoleLocation | None]:
        """The user side of a pseudo-terminal of the host, or where the cable of a UART ends. Raises BenchError."""
        for entry in self.consoles:
            if entry["hostdev"] == console:
                return "", uart_location(self.target, entry)
        match = _PSEUDO_TERMINAL.fullmatch(console)
        if match is None:
            raise BenchError(
                f"the console {console!r} of a guest of {self.target.name} cannot be reached",
                remedy="use /dev/ptypN, or list the UART under 'consoles' of ShmemQnxHostDriver in the target file",
            )
        return posixpath.join(self._devices, f"dev/tty{match[1]}"), None

    @active
    def path_exists(self, path: str) -> bool:
        """See ShmemHostProtocol."""
        connection = self._connected
        with connection.translated(f"the search for {path}"):
            return exists(connection.sftp(), posixpath.join(self._devices, path.lstrip("/")))

    @active
    def regions(self) -> Sequence[HostRegion]:
        """See ShmemHostProtocol; not one of this host's capabilities."""
        raise BenchError(f"{self.target.name} cannot list its shared regions")

    @active
    def program(self) -> HostProgram:
        """See ShmemHostProtocol; a capability of hosts with a ``host_client``."""
        if not self.host_client:
            raise BenchError(f"{self.target.name} has no program that uses shared regions")
        return QnxHostProgram(self._connected, self.host_client)

    @active
    def inject(self, fault: str, **arguments: Any) -> None:
        """See ShmemHostProtocol; not one of this host's capabilities."""
        raise BenchError(f"{self.target.name} does not support fault injection ({fault} {arguments})")

    @active
    def clear_faults(self) -> None:
        """See ShmemHostProtocol: there are none."""

    def _connected_or_not(self) -> SshConnection:
        if self._connection is None:
            raise BenchError(f"{self.target.name} is not connected")
        return self._connection

    @property
    def _connected(self) -> SshConnection:
        connection = self._connected_or_not()
        if not connection.connected:
            raise SshLostError(f"the SSH connection to {self.target.name} was lost")
        return connection

    @property
    def _prepared(self) -> HostFiles:
        if self._files is None:
            raise BenchError(f"the host {self.target.name} is not up")
        return self._files
