# SPDX-License-Identifier: Apache-2.0
"""What is asked of the emulated host over its control socket, and what it answers, a record for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

StopHow = Literal["power-button", "power-cut"]


@dataclass(frozen=True)
class Request:
    """Something that is asked; ``op`` is its name."""

    op: ClassVar[str]


@dataclass(frozen=True)
class Done:
    """The answer to what shows nothing."""


# --- qvm: the session is the process


@dataclass(frozen=True)
class Start(Request):
    """Start a guest, by qvm's command line in its working directory; two descriptors come with it."""

    op = "start"
    arguments: list[str]
    directory: str


@dataclass(frozen=True)
class Stop(Request):
    """Press the power button of qvm's own guest, or cut its power."""

    op = "stop"
    how: StopHow


@dataclass(frozen=True)
class Report(Request):
    """Ask qvm's own guest for its state."""

    op = "report"


@dataclass(frozen=True)
class Started:
    """The guest runs; ``notes`` are for a person."""

    started: str
    notes: list[str]


@dataclass(frozen=True)
class Reported:
    """The state of a guest, a line each."""

    notes: list[str]


@dataclass(frozen=True)
class Ended:
    """The last word: the exit status of qvm, and what it says."""

    exit: int
    message: str


# --- looking at the host


@dataclass(frozen=True)
class AskGuests(Request):
    """The running guests."""

    op = "guests"


class Wait(Request):
    """What may take as long as its ``timeout`` says, in seconds."""


@dataclass(frozen=True)
class WaitGuest(Wait):
    """The guest as soon as it runs."""

    op = "wait_guest"
    system: str
    timeout: float


@dataclass(frozen=True)
class WaitEnd(Wait):
    """Until no guest of that name runs and what it held is given back."""

    op = "wait_end"
    system: str
    timeout: float


@dataclass(frozen=True)
class StopGuest(Request):
    """Press a guest's power button or cut its power."""

    op = "stop_guest"
    system: str
    how: StopHow


@dataclass(frozen=True)
class AskRegions(Request):
    """All regions."""

    op = "regions"


@dataclass(frozen=True)
class AskShortages(Request):
    """What the host ran out of since its start."""

    op = "shortages"


@dataclass(frozen=True)
class Inject(Request):
    """Give the devices a named defect."""

    op = "inject"
    fault: str


@dataclass(frozen=True)
class ClearFaults(Request):
    """Take all defects away."""

    op = "clear_faults"


@dataclass(frozen=True)
class Shutdown(Request):
    """End the host."""

    op = "shutdown"


@dataclass(frozen=True)
class RunningGuest:
    """A guest: its name, the paths of its terminals, the process identifier of its QEMU (None: that has ended)."""

    system: str
    consoles: list[str]
    pid: int | None


@dataclass(frozen=True)
class Guests:
    """The running guests."""

    guests: list[RunningGuest]


@dataclass(frozen=True)
class RegionClient:
    """A client of a region."""

    index: int
    owner: str


@dataclass(frozen=True)
class RegionState:
    """A region by the name of the host's side."""

    name: str
    pages: int
    mode: int
    group: int
    clients: list[RegionClient] = field(default_factory=list)


@dataclass(frozen=True)
class Regions:
    """All regions."""

    regions: list[RegionState]


@dataclass(frozen=True)
class Shortages:
    """What the host ran out of, a line each."""

    shortages: list[str]


# --- a program of the host as a client of regions


@dataclass(frozen=True)
class Create(Request):
    """Create a region, or attach to it."""

    op = "create"
    name: str
    pages: int


@dataclass(frozen=True)
class Attach(Request):
    """Attach to a region that exists."""

    op = "attach"
    name: str


@dataclass(frozen=True)
class OfConnection(Request):
    """What is asked of one connection to a region."""

    connection: int


@dataclass(frozen=True)
class Read(OfConnection):
    """Bytes of data."""

    op = "read"
    offset: int
    length: int


@dataclass(frozen=True)
class Write(OfConnection):
    """Write bytes of data."""

    op = "write"
    offset: int
    data: bytes


@dataclass(frozen=True)
class Notify(OfConnection):
    """Signal the clients that ``mask`` selects."""

    op = "notify"
    mask: int


@dataclass(frozen=True)
class TakeStatus(OfConnection):
    """The status word, whose signals are taken."""

    op = "status"


@dataclass(frozen=True)
class WaitPulses(OfConnection, Wait):
    """Wait for ``count`` pulses since the connection was made, at most ``timeout`` seconds."""

    op = "wait_pulses"
    count: int
    timeout: float


@dataclass(frozen=True)
class Detach(OfConnection):
    """Leave the region."""

    op = "detach"


@dataclass(frozen=True)
class Connected:
    """A connection: its number, the client index, the region's size."""

    connection: int
    index: int
    pages: int


@dataclass(frozen=True)
class Data:
    """Bytes of a region."""

    data: bytes


@dataclass(frozen=True)
class StatusWord:
    """A status word."""

    status: int


@dataclass(frozen=True)
class Pulses:
    """How many pulses have come."""

    pulses: int
