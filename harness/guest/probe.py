# SPDX-License-Identifier: Apache-2.0
"""The client of the probe in a guest: a typed method per command (docs/probe.md).

Every method raises ProbeError when the guest reports an error, ProbeFaultError when its processor refused an access,
ProbeTimeoutError when no answer came in time and ProbeRestartedError when the guest restarted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from harness.console.buffer import ConsoleEndedError
from harness.errors import BenchError
from harness.guest.probe_link import (
    ProbeDeviceError,
    ProbeError,
    ProbeFaultError,
    ProbeLink,
    ProbeRestartedError,
    ProbeTimeoutError,
    Transport,
)
from harness.guest.probe_measurements import (
    Comparison,
    Interrupt,
    InterruptCount,
    InterruptWait,
    Rampage,
    RoundTrips,
    Scan,
    Throughput,
    Timing,
    Verification,
)
from harness.guest.probe_results import (
    Attachment,
    ControlStatus,
    Detachment,
    Factory,
    Handle,
    Identity,
    PageAccess,
    ShmemDevice,
)
from harness.shmem.name_lists import encode_name

__all__ = [
    "IrqSource",
    "Mapping",
    "Memory",
    "Page",
    "Probe",
    "ProbeDeviceError",
    "ProbeError",
    "ProbeFaultError",
    "ProbeRestartedError",
    "ProbeTimeoutError",
    "Transport",
    "Work",
]

PROTOCOL: Final = 1
TIMEOUT: Final = 10.0
"""Seconds for a command that only touches registers."""

Page = Literal["factory", "control", "data", "phys"]
IrqSource = Literal["pin", "message", "vector"]
Work = Literal["write", "read", "copy"]
Memory = Literal["region", "private"]
Mapping = Literal["normal", "uncached"]
Crash = Literal["read", "write", "jump", "undefined", "stack", "divide", "hang"]

_PIECE: Final = 4096
_SLOTS: Final = 32
# Far below what an emulated guest on a busy machine reaches; they only bound the wait.
_BYTES_PER_SECOND: Final = 2_000_000
_SCAN_WORDS_PER_SECOND: Final = 10_000
_WINDOW_WORDS: Final = 1_000_000

# Seconds that a guest which measures is left alone.
_BUSY: Final = 30.0


class Probe:
    """The probe at the other end of ``transport``. ``name`` says in errors which guest it is."""

    def __init__(self, transport: Transport, name: str = "guest") -> None:
        self.link = ProbeLink(transport, name)

    def command(
        self, text: str, *, handle: int | None = None, timeout: float = TIMEOUT, busy: float = 0.0
    ) -> dict[str, Any]:
        """The answer to any command, untyped; with ``handle``, the command is about that region.

        The guest is expected to be ``busy`` for so many seconds; only then the command may be sent again.
        """
        return self.link.request(text if handle is None else f"on {handle} {text}", timeout, busy)

    # The guest

    def identify(self, *, timeout: float = TIMEOUT) -> Identity:
        """Who answers. Raises BenchError when it speaks another protocol than this client."""
        identity = Identity.of(self.command("identify", timeout=timeout))
        if identity.protocol != PROTOCOL:
            raise BenchError(
                f"{self.link.name}: the probe speaks protocol {identity.protocol}, this harness {PROTOCOL}",
                remedy="use the probe image of this version of the harness",
            )
        return identity

    def power_off(self) -> None:
        """End the guest. Returns when the guest has said that it will, or its console has ended."""
        try:
            self.command("poweroff")
        except ConsoleEndedError:
            return

    def reboot(self, *, timeout: float = TIMEOUT) -> None:
        """Restart the guest and wait for its greeting (for hosts on which a guest survives that)."""
        self.command("reboot")
        self.link.wait_restart(timeout)

    def crash(self, kind: Crash, address: int | None = None, *, timeout: float = TIMEOUT) -> None:
        """Make the guest's processor fault: raises ProbeFaultError, or ProbeError when it did not fault.

        ``hang`` makes the guest deaf for good: raises ProbeTimeoutError.
        """
        self.command(f"crash {kind}" if address is None else f"crash {kind} {address:#x}", timeout=timeout)

    # Devices and regions

    def find(self) -> tuple[ShmemDevice, ...]:
        """The shmem devices that the guest finds; it looks again on every call."""
        return tuple(ShmemDevice.of(item) for item in self.command("find")["devices"])

    def register_device(self, address: int, line: int, *, edge: bool = False) -> ShmemDevice:
        """Tell the guest of a memory-mapped device that no table of its machine lists; it is the selected one then."""
        command = f"device {address:#x} {line} {'edge' if edge else 'level'}"
        return ShmemDevice.of(self.command(command)["devices"][0])

    def select(self, device: int) -> None:
        """Let the commands about the factory page mean device number ``device``."""
        self.command(f"select {device}")

    def attach(self, name: str | bytes, pages: int, *, timeout: float = TIMEOUT) -> Attachment:
        """Write the name byte by byte, then the size; a granted region becomes the current one."""
        return Attachment.of(self.command(f"attach {encode_name(name)} {pages}", timeout=timeout))

    def detach(self, handle: int | None = None, *, value: int = 1) -> Detachment:
        """Write ``value`` to the region's detach register and forget the region."""
        return Detachment.of(self.command(f"detach {value:#x}", handle=handle))

    def forget(self, handle: int | None = None) -> None:
        """Take a region out of the guest's table without touching the device."""
        self.command("forget", handle=handle)

    def map_data(self, kind: Mapping, *, handle: int | None = None) -> str:
        """Map the data of a region in another way; how the processor maps it now, empty where a system decides that.

        What others have of the region in their caches, a guest without a cache does not see on every machine.
        """
        return self.command(f"mapping {kind}", handle=handle)["attribute"] or ""

    def use(self, handle: int) -> None:
        """Make a region the current one."""
        self.command(f"use {handle}")

    def handles(self, *, timeout: float = TIMEOUT) -> tuple[Handle, ...]:
        """The attached regions."""
        return tuple(Handle.of(item) for item in self.command("handles", timeout=timeout)["handles"])

    def set_name(self, name: str | bytes) -> None:
        """Write the name register only: the bytes, and a NUL where there is room."""
        self.command(f"setname {encode_name(name)}")

    # Registers

    def status(self, handle: int | None = None) -> ControlStatus:
        """Read the control page's status, which clears its pending bits, and the index."""
        return ControlStatus.of(self.command("status", handle=handle))

    def factory(self) -> Factory:
        """Read the registers of the factory page."""
        return Factory.of(self.command("factory"))

    def read(self, page: Page, offset: int, width: int, *, handle: int | None = None) -> int:
        """One load of ``width`` bytes; for ``phys``, ``offset`` is a guest-physical address."""
        return int(self.command(f"read {page} {offset:#x} {width}", handle=handle)["value"], 0)

    def write(self, page: Page, offset: int, width: int, value: int, *, handle: int | None = None) -> None:
        """One store of ``width`` bytes."""
        self.command(f"write {page} {offset:#x} {width} {value:#x}", handle=handle)

    def access_factory(self, device: int, accesses: Iterable[PageAccess]) -> list[int]:
        """What the loads of a factory page see. All accesses are one command, so at most some 300.

        A load that the processor refuses sees all ones but the lowest bit.
        """
        return self._accesses("r,0", "w,0", device, accesses)

    def access_configuration(self, device: int, accesses: Iterable[PageAccess]) -> list[int]:
        """The same with the configuration space of a device on PCI, in accesses of 1, 2 or 4 bytes."""
        return self._accesses("h", "k", device, accesses)

    def store_to_empty_slots(self, stores: Iterable[PageAccess]) -> list[int]:
        """Store to the configuration space of each slot of the bus without a function; how many were so at each store.

        There are none where an operating system is between the probe and the bus.
        """
        counts = self._steps([f"o,{at:x},{width},{value or 0:x}" for at, width, value in stores])
        return [count if count <= _SLOTS else 0 for count in counts]

    def _accesses(self, load: str, store: str, device: int, accesses: Iterable[PageAccess]) -> list[int]:
        steps = [
            f"{load},{device:x},{at:x},{width}" if value is None else f"{store},{device:x},{at:x},{width},{value:x}"
            for at, width, value in accesses
        ]
        values = self._steps(steps)
        return [value for step, value in zip(steps, values, strict=True) if step.startswith(load)]

    def timed(self, page: Page, offset: int, width: int, count: int, *, handle: int | None = None) -> Timing:
        """``count`` loads (at most 16384), each timed by itself."""
        return Timing.of(self.command(f"timed {page} {offset:#x} {width} {count}", handle=handle, timeout=60.0))

    def load_configuration(self, device: int, offset: int, width: int) -> int:
        """One load of 1, 2 or 4 bytes from the configuration space of a device on PCI."""
        return self._step(f"h,{device:x},{offset:x},{width}")

    def store_configuration(self, device: int, offset: int, width: int, value: int) -> None:
        """One store of 1, 2 or 4 bytes to the configuration space of a device on PCI."""
        self.command(f"batch k,{device:x},{offset:x},{width},{value:x}")

    # Interrupts of the selected device

    def irq_on(self, how: IrqSource | int = "pin", *, edge: bool | None = None) -> Interrupt:
        """Listen, with all counts at 0: to the line of the guest's tables (``pin``), by message, to the line that the
        ``vector`` register has, or to a line given as a number (with its trigger)."""
        trigger = "" if edge is None else " edge" if edge else " level"
        return Interrupt.of(self.command(f"irq on {how}{trigger}"))

    def irq_off(self) -> None:
        """Listen no more."""
        self.command("irq off")

    def irq_wait(self, timeout: float, count: int = 1) -> InterruptWait:
        """Wait until ``count`` interrupts have been taken since the wait before; ones that came already count."""
        answer = self.command(f"irq wait {round(1000 * timeout)} {count}", timeout=TIMEOUT + timeout)
        return InterruptWait.of(answer)

    def irq_count(self) -> InterruptCount:
        """What the interrupt handler has counted."""
        return InterruptCount.of(self.command("irq count"))

    def irq_serve(self, count: int, *, times: bool = False, handle: int | None = None) -> None:
        """Let the handler answer the next ``count`` signals to a region with a signal to their senders.

        With ``times`` it keeps when it took each of them as the samples of the last measurement.
        """
        self.command(f"irq serve {count}{' times' if times else ''}", handle=handle)

    def count_messages(self, device: int) -> bool:
        """Count the messages of a device on PCI, with no look at any status: whether the guest can."""
        return self._step(f"g,{device:x},3") == 1

    def count_no_more(self, device: int) -> None:
        """Take no interrupts of the device."""
        self._step(f"g,{device:x},0")

    def messages(self, device: int, expected: int, seconds: float) -> int:
        """How many messages have come since this was last asked; those that are missing are waited for."""
        step = f"i,{device:x},{expected:x},{expected:x},{round(1000 * seconds):x}"
        wrong = self._step(step, timeout=TIMEOUT + seconds)
        return wrong - 1 if wrong else expected

    def _step(self, step: str, timeout: float = TIMEOUT) -> int:
        """The first value of a batch of one step."""
        return self._steps([step], timeout)[0]

    def _steps(self, steps: Sequence[str], timeout: float = TIMEOUT) -> list[int]:
        """The first 640 values of a batch."""
        self.command(f"batch {';'.join(steps)}", timeout=timeout)
        return [int(value, 0) for value in self.command("seen 0")["values"]]

    def notify(self, mask: int, *, handle: int | None = None) -> None:
        """Write ``mask`` to the control page's notify register."""
        self.command(f"notify {mask:#x}", handle=handle)

    def pingpong(self, peer: int, rounds: int, *, times: bool = False, handle: int | None = None) -> RoundTrips:
        """Signal client ``peer`` and wait for its answering signal, ``rounds`` times (at most 16384).

        With ``times``, half as many at most, the samples are pairs: when a round began, and its time. The peer must
        serve as many. Raises ProbeError when not even the first round has an answer.
        """
        seconds = TIMEOUT + rounds * 0.02
        # The line of the console would interrupt the guest between two rounds if the command came again.
        command = f"pingpong {peer} {rounds}{' times' if times else ''}"
        return RoundTrips.of(self.command(command, handle=handle, timeout=seconds + _BUSY, busy=_BUSY))

    # Data of a region

    def fill(self, offset: int, length: int, seed: int, *, handle: int | None = None) -> None:
        """Write the seeded pattern."""
        self.command(f"fill {offset:#x} {length:#x} {seed:#x}", handle=handle, timeout=_time_for(length))

    def stamp(self, offset: int, length: int, step: int, value: int, *, handle: int | None = None) -> None:
        """Write the 64-bit ``value`` at the beginning of every ``step`` bytes."""
        command = f"stamp {offset:#x} {length:#x} {step} {value:#x}"
        self.command(command, handle=handle, timeout=_time_for(length))

    def verify(self, offset: int, length: int, seed: int, *, handle: int | None = None) -> Verification:
        """Compare with the seeded pattern."""
        command = f"verify {offset:#x} {length:#x} {seed:#x}"
        return Verification.of(self.command(command, handle=handle, timeout=_time_for(length)))

    def checksum(self, offset: int, length: int, *, handle: int | None = None) -> int:
        """The CRC-32 of data, as zlib computes it."""
        command = f"checksum {offset:#x} {length:#x}"
        return int(self.command(command, handle=handle, timeout=_time_for(length))["crc32"], 0)

    def peek(self, offset: int, length: int, *, handle: int | None = None) -> bytes:
        """Bytes of the region."""
        pieces = (
            self.command(f"peek {offset + at:#x} {min(_PIECE, length - at)}", handle=handle)["data"]
            for at in range(0, length, _PIECE)
        )
        return bytes.fromhex("".join(pieces))

    def poke(self, offset: int, data: bytes, *, handle: int | None = None) -> None:
        """Write bytes into the region."""
        for at in range(0, len(data), _PIECE):
            self.command(f"poke {offset + at:#x} {data[at : at + _PIECE].hex()}", handle=handle)

    def bench(
        self,
        work: Work,
        memory: Memory,
        block: int,
        total: int,
        *,
        span: int | None = None,
        handle: int | None = None,
    ) -> Throughput:
        """Move ``total`` bytes in blocks of ``block`` (a multiple of 64; below 64 one of 8) and time it.

        ``copy`` goes from the first half of the span to the second. The span is the region's size, or ``span`` bytes.
        """
        command = f"bench {work} {memory} {block} {total}" + ("" if span is None else f" {span}")
        return Throughput.of(self.command(command, handle=handle, timeout=_time_for(total)))

    def compare(
        self, work: Work, block: int, total: int, count: int, *, seed: int = 0, handle: int | None = None
    ) -> Comparison:
        """Time ``count`` (at most 4096) pieces of ``total`` bytes in the region and in private memory, alternately.

        Short pieces (a millisecond) make the ratio of the medians steady on a machine that is busy with other things.
        With a ``seed`` that is not 0, the blocks come in the random order that it gives.
        """
        command = f"compare {work} {block} {total} {count}" + (f" region {seed}" if seed else "")
        return Comparison.of(self.command(command, handle=handle, timeout=_time_for(2 * count * total)))

    def scan_window(self, *, step: int = 8, needle: int | None = None) -> Scan:
        """Read the whole window (BAR 2) of the selected device, a word every ``step`` bytes, skipping words that fault.

        ``hits`` counts words equal to ``needle``.
        """
        timeout = TIMEOUT + _WINDOW_WORDS / _SCAN_WORDS_PER_SECOND
        return Scan.of(self.command(f"scan window {step}{_needle(needle)}", timeout=timeout))

    def scan_physical(self, address: int, length: int, *, step: int = 8, needle: int | None = None) -> Scan:
        """Read a range of guest-physical memory in the same way."""
        timeout = TIMEOUT + length / step / _SCAN_WORDS_PER_SECOND
        return Scan.of(self.command(f"scan phys {address:#x} {length:#x} {step}{_needle(needle)}", timeout=timeout))

    def rampage(self, seconds: float, seed: int, needle: int, address: int, length: int) -> Rampage:
        """Read and write at random, in every width, the selected device's factory page and a range of memory.

        What the guest had attached is in disorder afterwards. ``hits`` counts 64-bit reads of ``needle``.
        """
        command = f"rampage {round(1000 * seconds)} {seed} {needle:#x} {address:#x} {length:#x}"
        return Rampage.of(self.command(command, timeout=TIMEOUT + 2 * seconds))


def _needle(needle: int | None) -> str:
    return "" if needle is None else f" {needle:#x}"


def _time_for(length: int) -> float:
    return TIMEOUT + length / _BYTES_PER_SECOND
