# SPDX-License-Identifier: Apache-2.0
"""The interface of a hypervisor host, which every host driver implements.

Everything above a host is the same for the emulated host on this machine and for a QNX Hypervisor host on a board.
What not every host can do is a capability, and code that needs one asks for it; nothing asks which host it is.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol, Self

from harness.errors import BenchError
from harness.provision import ManifestItem
from harness.shmem.status import Status

REGIONS: Final = "regions"
"""Capability: the host can list its shared regions and their clients (``ShmemHostProtocol.regions``)."""

HOST_CLIENT: Final = "host-client"
"""Capability: the host itself can be a client of a region (``ShmemHostProtocol.program``)."""

HOST_STATUS: Final = "host-status"
"""Capability: a program of the host is refused with a status of the device, as a guest is; ``create`` raises it."""

PULSES: Final = "pulses"
"""Capability: a program of the host can report the pulses that it received (``HostConnection.wait_pulses``)."""

RESOURCES: Final = "resources"
"""Capability: the host can report the memory that it and its guests use (``ShmemHostProtocol.resources``)."""

PATHS: Final = "paths"
"""Capability: the host can check whether a path exists (``ShmemHostProtocol.path_exists``)."""

REPORTS: Final = "reports"
"""Capability: qvm can be asked for its state, and its messages can be read (``HostGuest.request_report``)."""

KILLS: Final = "kills"
"""Capability: ``HostGuest.kill`` is SIGKILL at once, so that qvm cannot give anything back before it ends."""

REFERENCES: Final = "references"
"""Capability: guests are QEMU's on this machine, so that others of stock QEMU can be measured beside them."""

EMULATION: Final = "emulation"
"""Capability: processors of guests are emulated in software, which has no caches that memory could be kept out of."""

FAULTS: Final = "faults"
"""Capability: the host supports fault injection (``ShmemHostProtocol.inject``)."""

REJECTED: Final = 65
"""qvm's exit status for a configuration that it does not take (8.0 User's Guide, "qvm process exit codes")."""

# Messages are files or streams without an event for "more".
_MESSAGE_SECONDS: Final = 0.01

StopHow = Literal["power-button", "power-cut"]
"""SIGTERM to qvm, which lets an operating system shut down, or SIGQUIT, which ends the guest at once."""


@dataclass(frozen=True)
class ConsoleLocation:
    """Where a guest's console is reached from this machine: a labgrid resource class and its arguments.

    ``txdelay`` is the pause in seconds before each ``txchunk`` bytes that a guest can take without flow control.
    """

    resource: str
    arguments: Mapping[str, Any]
    txdelay: float = 0.0
    txchunk: int = 1


@dataclass(frozen=True)
class HostRegion:
    """One region as its host sees it: the host-side name, its size in pages of 4 KiB, its clients by index.

    ``mode`` and ``group`` are its POSIX permissions and its owner group, None where the host does not report them.
    """

    name: str
    pages: int
    clients: Mapping[int, str] = field(default_factory=dict)
    mode: int | None = None
    group: int | None = None


@dataclass(frozen=True)
class Resources:
    """What a process of the host holds: bytes of memory, open descriptors, mappings of its address space."""

    memory: int
    descriptors: int
    mappings: int


class GuestEndedError(BenchError):
    """The qvm of ``system`` ended when it should have run; ``exit_status`` is qvm's, ``messages`` what it said."""

    def __init__(self, system: str, exit_status: int, messages: str) -> None:
        said = "\n".join(f"  | {line}" for line in messages.splitlines()) or "  | (no message)"
        super().__init__(f"qvm of guest {system} ended with exit status {exit_status} and said:\n{said}")
        self.system = system
        self.exit_status = exit_status
        self.messages = messages


class SecondGuestError(BenchError):
    """A host cannot tell whether a second guest of a name runs, only that its qvm has not ended in a long time."""


class RequestRefusedError(BenchError):
    """The host has refused a program a region, with a ``status`` as a guest is shown one."""

    def __init__(self, name: str, status: int) -> None:
        super().__init__(f"the host refuses a program the region {name!r}: {Status(status).name}")
        self.status = status


class HostConnection(Protocol):
    """A program of the host as a client of one region. Offsets and lengths are bytes of data.

    Every method raises OperationRefusedError when the host refuses it.
    """

    index: int
    pages: int

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the region."""

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes into the region."""

    def notify(self, mask: int) -> None:
        """Signal the clients that ``mask`` selects."""

    def status(self) -> int:
        """The status word; the read takes the signals."""

    def wait_pulses(self, count: int, timeout: float) -> int:
        """Pulses since the connection was made: at least ``count``, or what there are after ``timeout`` seconds.

        For hosts with the capability ``pulses``.
        """

    def detach(self) -> None:
        """Leave the region."""


class HostProgram(abc.ABC):
    """A program of the host, which may be a client of several regions; leaving the context ends it."""

    @abc.abstractmethod
    def attach(self, name: str) -> HostConnection | None:
        """Attach to the region of that host-side name; None when there is none. Raises RequestRefusedError."""

    @abc.abstractmethod
    def create(self, name: str, pages: int) -> HostConnection:
        """Create the region, or attach to it when it exists. Raises RequestRefusedError."""

    @abc.abstractmethod
    def __enter__(self) -> Self: ...

    @abc.abstractmethod
    def __exit__(self, *_error: object) -> None: ...


class HostGuest(abc.ABC):
    """One started guest: a qvm process on the host."""

    system: str

    @abc.abstractmethod
    def wait_console(self, timeout: float) -> ConsoleLocation:
        """Wait until the console exists. Raises GuestEndedError at once if qvm ends, BenchError after ``timeout`` s."""

    @abc.abstractmethod
    def exit_status(self) -> int | None:
        """qvm's exit status, None while it runs."""

    @abc.abstractmethod
    def wait_end(self, timeout: float) -> int:
        """Wait for qvm's end and return its exit status; BenchError after ``timeout`` seconds."""

    @abc.abstractmethod
    def messages(self) -> str:
        """What qvm has said so far, standard output and standard error together."""

    @abc.abstractmethod
    def request_stop(self, how: StopHow) -> None:
        """Ask qvm to end its guest, without waiting. Nothing happens if it has ended."""

    @abc.abstractmethod
    def kill(self) -> None:
        """End qvm by force and wait for it. Nothing happens if it has ended."""

    def request_report(self) -> None:
        """Ask qvm and its devices to write their state into the messages, without waiting (capability ``reports``).

        8.0 User's Guide, "Gathering information about a virtual machine": SIGUSR1.
        """
        raise BenchError(f"qvm of guest {self.system} cannot be asked for its state")

    def wait_message(self, text: str, timeout: float) -> str:
        """The messages as soon as ``text`` is in them; raises BenchError with them after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while text not in (said := self.messages()):
            if time.monotonic() > deadline:
                raise BenchError(f"qvm of guest {self.system} did not say {text!r} in {timeout:g} s; it said:\n{said}")
            time.sleep(_MESSAGE_SECONDS)
        return said


class ShmemHostProtocol(abc.ABC):
    """A host of the QNX Hypervisor's kind: it keeps files, runs ``qvm @FILE`` per guest, and owns the regions.

    ``log`` is where the host's own messages go; set it before ``start``.
    """

    log: Path | None

    item_kind: ClassVar[str] = "board"
    """What is under test where this host is: the words with which the title of a report begins."""

    @property
    @abc.abstractmethod
    def capabilities(self) -> frozenset[str]:
        """What this host can do beyond running guests. May be asked before the host is started."""

    def components(self) -> Sequence[ManifestItem]:
        """The components of this host that it can report, with versions and hashes, for the evidence of a run."""
        return ()

    def identity(self) -> Mapping[str, str]:
        """What distinguishes this host and its hypervisor from others, by name, for the title of a report.

        What a host of this kind has and this one could not say is ``unknown``. Empty where the kind of the item and
        the commit of the harness say it all.
        """
        return {}

    @abc.abstractmethod
    def start(self) -> None:
        """Bring the host up; raises BenchError. Nothing happens if it is up."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Bring the host down and leave nothing behind; may be called in any state."""

    @abc.abstractmethod
    def check(self) -> None:
        """Raise BenchError unless the host is up and answers."""

    @abc.abstractmethod
    def put(self, source: Path) -> str:
        """Put a file on the host unless it has the same content already; returns its path on the host."""

    @abc.abstractmethod
    def put_text(self, name: str, text: str) -> str:
        """Put a small text file on the host; a reader sees the old or the new one whole. Returns its path there."""

    def console(self, number: int) -> str:
        """The ``hostdev`` for the console of the guest with this number, from 0: a pseudo-terminal, if nothing else."""
        return f"/dev/ptyp{number:x}"

    @abc.abstractmethod
    def start_guest(self, system: str, configuration: str, console: str) -> HostGuest:
        """Run ``qvm @configuration`` without waiting for the guest.

        ``configuration`` is a path on the host, ``console`` the ``hostdev`` that the configuration names.
        """

    @abc.abstractmethod
    def regions(self) -> Sequence[HostRegion]:
        """All regions of the host (capability ``regions``)."""

    @abc.abstractmethod
    def program(self) -> HostProgram:
        """A program of the host as a client of regions (capability ``host-client``)."""

    def resources(self) -> Mapping[str, Resources]:
        """What the host's own processes hold together (``host``) and the VM of each guest (its name).

        For hosts with the capability ``resources``.
        """
        raise BenchError("this host does not report its resources")

    def shortages(self) -> Sequence[str]:
        """Resources that the machine under the host has run out of since the host's start, one per line, if known.

        Nothing that guests met after such a thing says anything about the device.
        """
        return ()

    def path_exists(self, path: str) -> bool:
        """Whether the host has a file or directory of this absolute path (capability ``paths``)."""
        raise BenchError(f"this host does not report whether {path} exists")

    @abc.abstractmethod
    def inject(self, fault: str, **arguments: Any) -> None:
        """Make the device wrong in a named way until ``clear_faults`` (capability ``faults``)."""

    @abc.abstractmethod
    def clear_faults(self) -> None:
        """Make the device right again (capability ``faults``)."""


def stop_guests(guests: Sequence[HostGuest], how: StopHow, timeout: float) -> None:
    """Stop guests, the last started first; all are asked before any is waited for.

    A guest that does not end in ``timeout`` seconds is killed; BenchError says so after all have ended.
    """
    for guest in reversed(guests):
        guest.request_stop(how)
    deadline = time.monotonic() + timeout
    stuck: list[str] = []
    reasons: list[str] = []
    for guest in reversed(guests):
        try:
            guest.wait_end(max(0.0, deadline - time.monotonic()))
        except BenchError as error:
            stuck.append(guest.system)
            reasons.append(f"  {error.message.splitlines()[0]}")
            guest.kill()
    if stuck:
        said = "\n".join([", ".join(stuck), *reasons])
        raise BenchError(f"qvm did not end in {timeout:g} s and was killed: {said}")
