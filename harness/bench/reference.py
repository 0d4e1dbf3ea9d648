# SPDX-License-Identifier: Apache-2.0
"""Guests of stock QEMU with its own shared memory devices, which figures of ``vdev shmem`` are held against.

They run the same probe on the same machines as the guests of the embedded benches, without the emulated host: memory by
``ivshmem-plain``, signals by ``ivshmem-doorbell``, registers by a vfio-user server in C (``register_server.py``). The
server of doorbells only hands out descriptors, one for each peer, and is not on the way of a signal; so it is done
before the guests run, by messages that wait for QEMU in a socket.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Sequence
from typing import IO, Final, Self

from harness.arch import Arch
from harness.bench import alone
from harness.bench.register_server import RegisterServer
from harness.errors import BenchError
from harness.guest.probe import Probe
from harness.guest.probe_measurements import Comparison, RoundTrips, Timing
from harness.guest.socket_console import SocketConsole
from harness.shmem.registers import STATUS_OFFSET

MEMORY: Final = 16 << 20
"""Bytes that the guests share."""

_PEERS: Final = 2
_BOOT_SECONDS: Final = 60.0
_BUSY: Final = 60.0
_PROTOCOL: Final = 0
_SHARED_MEMORY: Final = -1


class ReferenceGuests:
    """Two guests that share memory and have a doorbell at each other; they end with the context."""

    def __init__(self, arch: Arch) -> None:
        self._arch = arch
        self._stack = contextlib.ExitStack()
        self._words: list[IO[bytes]] = []
        self.probes: list[Probe] = []

    def __enter__(self) -> Self:
        try:
            memory = self._memory()
            bells = self._bells()
            registers = self._stack.enter_context(RegisterServer())
            for number in range(_PEERS):
                # The server has room for one.
                more = () if number else ("-device", registers.argument)
                self.probes.append(self._start(number, memory, bells[number], more))
            for number in range(_PEERS):
                self._first_answer(number)
            registers.connected()
            for number, probe in enumerate(self.probes):
                position = probe.command("doorbell on")["position"]
                if position != number:
                    raise BenchError(f"peer {number} of ivshmem-doorbell has the position {position}")
            self.probes[0].find()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def compare(self, work: str, block: int, total: int, count: int, *, seed: int = 0) -> Comparison:
        """As :meth:`harness.guest.probe.Probe.compare`, with the memory that these guests share."""
        command = f"compare {work} {block} {total} {count} ivshmem {seed}"
        return Comparison.of(self.probes[0].command(command, timeout=2 * _BUSY, busy=_BUSY))

    def round_trips(self, rounds: int) -> RoundTrips:
        """Signals from one to the other and back, both by interrupt."""
        self.probes[1].command(f"doorbell serve 0 {rounds}")
        command = f"doorbell ring 1 {rounds}"
        return RoundTrips.of(self.probes[0].command(command, timeout=2 * _BUSY, busy=_BUSY))

    def register_reads(self, count: int) -> Timing:
        """``count`` loads of a register of the server, each timed by itself; the probe keeps the times."""
        return self.probes[0].timed("factory", STATUS_OFFSET, 4, count)

    def _memory(self) -> int:
        memory = os.memfd_create("reference")
        self._stack.callback(os.close, memory)
        os.ftruncate(memory, MEMORY)
        return memory

    def _bells(self) -> list[socket.socket]:
        """For each peer QEMU's end of its connection to the server, which has said everything already."""
        events = [os.eventfd(0, os.EFD_CLOEXEC) for _ in range(_PEERS)]
        for event in events:
            self._stack.callback(os.close, event)
        doorbell_memory = os.memfd_create("doorbell")
        self._stack.callback(os.close, doorbell_memory)
        os.ftruncate(doorbell_memory, mmap.PAGESIZE)
        ends = []
        for number in range(_PEERS):
            server, end = socket.socketpair()
            # Its end says to QEMU that the server has gone.
            self._stack.enter_context(server)
            self._stack.enter_context(end)
            _introduce(server, number, doorbell_memory, events)
            ends.append(end)
        return ends

    def _start(self, number: int, memory: int, bell: socket.socket, more: Sequence[str]) -> Probe:
        # What QEMU says is an error, or nothing.
        words = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        backend = f"memory-backend-file,id=memory,size={MEMORY},share=on,mem-path=/proc/self/fd/{memory}"
        devices = (
            *("-object", backend),
            *("-device", "ivshmem-plain,memdev=memory"),
            *("-chardev", f"socket,id=bell,fd={bell.fileno()}"),
            *("-device", "ivshmem-doorbell,chardev=bell,vectors=1"),
            *more,
        )
        descriptors = (bell.fileno(), memory)
        process, console = alone.start(self._arch, self._machine(), devices, descriptors=descriptors, words=words)
        self._stack.enter_context(console)
        self._words.append(words)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return Probe(SocketConsole(console), f"reference{number}")

    def _first_answer(self, number: int) -> None:
        try:
            self.probes[number].identify(timeout=_BOOT_SECONDS)
        except BenchError as error:
            self._words[number].seek(0)
            said = self._words[number].read().decode(errors="replace").strip()
            raise BenchError(f"a reference guest does not start: {said or error.message}") from error

    def _machine(self) -> tuple[str, ...]:
        """That of a guest of the embedded benches; but only a GIC of version 2 gives the probe its messages."""
        return tuple(word.replace("gic-version=3", "gic-version=2") for word in alone.machine(self._arch))


def _introduce(server: socket.socket, peer: int, memory: int, events: list[int]) -> None:
    """What a server says to a new peer: version, its number, the memory, then each peer's descriptor, its own last."""
    _say(server, _PROTOCOL)
    _say(server, peer)
    _say(server, _SHARED_MEMORY, memory)
    for number in sorted(range(len(events)), key=lambda number: number == peer):
        _say(server, number, events[number])


def _say(server: socket.socket, number: int, *descriptors: int) -> None:
    socket.send_fds(server, [struct.pack("<q", number)], list(descriptors))
