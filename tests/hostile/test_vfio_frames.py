# SPDX-License-Identifier: Apache-2.0
"""Whatever comes over a device's socket: each message gets the answer that the protocol demands, and no other."""

from __future__ import annotations

import array
import asyncio
import errno
import os
import random
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.regions import Registry
from harness.emulator.vfio_user.server import Connection
from harness.emulator.window import LARGE_BANK, SLOT_SIZE, SLOTS, Mapper, Window
from harness.shmem.config import ShmemVdev
from harness.shmem.profile import PROFILES
from harness.shmem.registers import SIGNATURE
from tests.hostile.fuzzing import descriptors, fuzzed, sample_and_many, spoilt

HEADER: Final = struct.Struct("<HHIII")
VERSION, MAP, UNMAP, INFO, REGION, IRQ, SET_IRQS, READ, WRITE, RESET = 1, 2, 3, 4, 5, 7, 8, 9, 10, 13
SIZES: Final = {0: 4096, 2: SLOTS * SLOT_SIZE, 4: sum(LARGE_BANK), 7: 256}
"""Bytes of BAR 0, BAR 2, BAR 4 and the configuration space."""
INTERRUPTS: Final = {0: 1, 1: 1, 2: 0, 3: 1, 4: 0}
NO_REPLY: Final = 0x10
MEBIBYTE: Final = 1 << 20
SHORTEST: Final = {MAP: 32, UNMAP: 24, INFO: 16, REGION: 32, IRQ: 16, SET_IRQS: 20, VERSION: 4, READ: 16, WRITE: 16}
EXACT: Final = (MAP, READ)


@dataclass(frozen=True)
class Message:
    """A whole message, and how many descriptors come with it."""

    identifier: int
    command: int
    flags: int
    payload: bytes
    carried: int = 0

    def data(self) -> bytes:
        return HEADER.pack(self.identifier, self.command, HEADER.size + len(self.payload), self.flags, 0) + self.payload


def verdict(message: Message) -> int:
    """The error number that the protocol demands for a message; 0 for one that is right.

    Source: vfio-user Protocol Specification 0.9, and Linux's ``vfio.h`` for the flags of interrupts. This reading is
    the test's own.
    """
    payload = message.payload
    if message.flags & ~NO_REPLY:
        return errno.EINVAL
    if message.command not in (*SHORTEST, RESET):
        return errno.ENOSYS
    needed = SHORTEST.get(message.command, 0)
    if len(payload) < needed or (message.command in EXACT and len(payload) != needed):
        return errno.EINVAL
    return errno.EINVAL if _is_wrong(message.command, payload, message.carried) else 0


def _is_wrong(command: int, payload: bytes, carried: int) -> bool:
    match command:
        case 1:
            return struct.unpack_from("<H", payload) != (0,)
        case 5:
            return bool(struct.unpack_from("<8xI", payload)[0] > 8)
        case 7:
            return struct.unpack_from("<8xI", payload)[0] not in INTERRUPTS
        case 8:
            _, flags, index, start, count = struct.unpack_from("<5I", payload)
            one_of_each = flags in [data | action for data in (1, 2, 4) for action in (8, 16, 32)]
            return not one_of_each or carried > count or start + count > INTERRUPTS.get(index, -1)
        case 9 | 10:
            offset, region, count = struct.unpack_from("<QII", payload)
            wrong_length = command == WRITE and len(payload) - 16 != count
            return wrong_length or not 1 <= count <= MEBIBYTE or offset + count > SIZES.get(region, -1)
    return False


def _word(source: random.Random) -> int:
    return source.choice([0, 1, 2, 3, 4, 5, 7, 8, 16, 4095, 4096, 1 << 20, (1 << 32) - 1, source.getrandbits(32)])


def _access(source: random.Random) -> tuple[int, int, int]:
    region = source.choice([0, 0, 2, 2, 2, 4, 7, _word(source)])
    count = source.choice([1, 2, 4, 4, 4, 8, 8, 16, 0, 3, 64, 4096, _word(source)])
    size = SIZES.get(region, 4096)
    near = source.choice([0, 0x14, 0x18, 0x1C, 0x3C, 0x40, size, SLOT_SIZE * source.randrange(SLOTS + 1)])
    offset = source.choice([near, max(0, near - count), near + source.randrange(64), source.getrandbits(64)])
    return offset, region, count


def drawn(source: random.Random, identifier: int) -> Message:
    """A message that is right, nearly right, or nothing at all."""
    command = source.choice([*SHORTEST, READ, READ, WRITE, WRITE, WRITE, SET_IRQS, RESET, source.randrange(1 << 16)])
    carried = 0
    match command:
        case 1:
            payload = struct.pack("<HH", source.choice([0, 0, 0, 1, 65535]), 1) + b'{"capabilities":{}}\0'
        case 8:
            flags = source.choice([1, 2, 4]) | source.choice([8, 16, 32, 32]) | source.choice([0, 0, 0, 64, 3, 40])
            carried = source.choice([0, 0, 0, 1, 2, 16])
            words = (20, flags, source.choice([0, 1, 1, 1, 3, _word(source)]), source.choice([0, 0, _word(source)]))
            payload = struct.pack("<5I", *words, source.choice([0, 1, 1, carried, _word(source)]))
        case 9:
            payload = struct.pack("<QII", *_access(source))
        case 10:
            offset, region, count = _access(source)
            data = source.randbytes(min(count, 4096))
            if source.random() < 0.5 and region == 0:
                # A request of the device: a name, then its size.
                offset, data = source.choice([(0x1C, b"ab\0\0" * 8), (0x18, struct.pack("<I", source.randrange(4)))])
                count = len(data)
            payload = struct.pack("<QII", offset, region, count) + data
        case _:
            payload = b"".join(struct.pack("<I", _word(source)) for _ in range(SHORTEST.get(command, 0) // 4))
    if source.random() < 0.1:
        payload = spoilt(source, payload)
    flags = source.choice([0] * 12 + [NO_REPLY, NO_REPLY, 1, 0x20, 0x11, source.getrandbits(32)])
    return Message(identifier & 0xFFFF, command, flags, payload, carried)


@contextmanager
def answering(mapper: Mapper) -> Iterator[None]:
    """What the library inside QEMU says: everything is mapped."""

    def serve() -> None:
        while True:
            request, came, _, _ = socket.recv_fds(mapper.child, 40, 4)
            for descriptor in came:
                os.close(descriptor)
            if not request:
                return
            mapper.child.sendall(struct.pack("=i", 0))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        mapper.child.shutdown(socket.SHUT_RDWR)
        thread.join(60)


@asynccontextmanager
async def served() -> AsyncIterator[socket.socket]:
    """The client's end of a connection to a new device."""
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(context))
    mapper = Mapper()
    window = Window(mapper)
    ended: list[str] = []
    registry = Registry(PROFILES["7.0"])
    device = SharedMemoryDevice(
        ShmemVdev(), system="one", registry=registry, window=window, profile=PROFILES["7.0"], vector=9, others=[]
    )
    theirs, ours = socket.socketpair()
    ours.settimeout(60)
    with answering(mapper):
        connection = Connection(theirs, ShmemFunction(device, window, ended.append))
        try:
            yield ours
        finally:
            ours.close()
            # The connection sees the end, and lets go of everything.
            await asyncio.sleep(0.001)
            connection.close()
            registry.close()
            window.close()
    mapper.close()
    assert troubles == []
    assert ended == []


async def _received(ours: socket.socket, count: int) -> bytes:
    data = bytearray()
    ours.setblocking(False)
    async with asyncio.timeout(60):
        while len(data) < count:
            chunk = await asyncio.get_running_loop().sock_recv(ours, count - len(data))
            assert chunk, "the device closed the connection"
            data += chunk
    return bytes(data)


async def _send(ours: socket.socket, message: Message, descriptor: int) -> None:
    fds = array.array("i", [descriptor] * message.carried)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if fds else []
    data = message.data()
    sent = ours.sendmsg([data], rights)
    if sent < len(data):
        await asyncio.get_running_loop().sock_sendall(ours, data[sent:])


async def _check(ours: socket.socket, message: Message) -> None:
    expected = verdict(message)
    if message.flags & NO_REPLY:
        return
    identifier, command, size, flags, number = HEADER.unpack(await _received(ours, HEADER.size))
    payload = await _received(ours, size - HEADER.size)
    assert (identifier, command, flags & 0xF) == (message.identifier, message.command, 1), message
    assert (flags >> 5 & 1, number) == (bool(expected), expected), message
    if expected:
        assert payload == b"", message
    elif command == READ:
        count = struct.unpack_from("<QII", message.payload)[2]
        assert (payload[:16], len(payload)) == (message.payload[:16], 16 + count), message


async def _fuzz(count: int) -> None:
    eventfd = os.eventfd(0)
    before = descriptors()
    wrong = 0
    with fuzzed("vfio-user frames", count) as run:
        for size in run.batches(100):
            async with served() as ours:
                for number in range(size):
                    message = drawn(run.source, number)
                    wrong += verdict(message) != 0
                    await _send(ours, message, eventfd)
                    await _check(ours, message)
                await _send(ours, Message(1, READ, 0, struct.pack("<QII", 0, 0, 8)), eventfd)
                assert int.from_bytes((await _received(ours, 40))[32:], "little") == SIGNATURE
                # What comes last is no whole message, and the client has gone.
                ours.send(spoilt(run.source, drawn(run.source, 0).data())[: run.source.randrange(64)])
            assert descriptors() <= before + 2, "descriptors are left"
    assert count * 0.2 < wrong < count * 0.8, "right ones and wrong ones"
    os.close(eventfd)


@sample_and_many(1500)
def test_every_message_gets_the_answer_that_the_protocol_demands(count: int) -> None:
    asyncio.run(_fuzz(count))


def test_a_length_without_end_closes_the_connection() -> None:
    async def run() -> None:
        for size in (0, 15, (1 << 21) + 1, (1 << 32) - 1):
            async with served() as ours:
                ours.sendall(HEADER.pack(1, READ, size, 0, 0))
                ours.setblocking(False)
                async with asyncio.timeout(60):
                    assert await asyncio.get_running_loop().sock_recv(ours, 1) == b""

    asyncio.run(run())


def test_a_flood_of_descriptors_closes_the_connection_and_leaves_none() -> None:
    async def run() -> None:
        with Path(os.devnull).open("rb") as null:
            before = descriptors()
            async with served() as ours:
                held = descriptors()
                data, most = HEADER.pack(1, READ, 1 << 20, 0, 0) + bytes(1 << 12), 0
                try:
                    for byte in data:
                        socket.send_fds(ours, [bytes([byte])], [null.fileno()] * 16)
                        await asyncio.sleep(0)
                        most = max(most, descriptors())
                except (BrokenPipeError, ConnectionResetError):
                    pass
                else:
                    raise AssertionError("the device took them all")
                assert most <= held + 3 * 16
            assert descriptors() == before

    asyncio.run(run())


def test_a_client_that_takes_no_answers_gets_no_more_of_them() -> None:
    """The host's memory does not grow with what somebody asks and never reads."""

    async def run() -> None:
        async with served() as ours:
            ours.setblocking(False)
            request = Message(1, READ, 0, struct.pack("<QII", 0, 2, MEBIBYTE)).data()
            asked, before = 0, _resident()
            for _ in range(20_000):
                try:
                    ours.send(request)
                    asked += 1
                except BlockingIOError:
                    break
                await asyncio.sleep(0)
            else:
                raise AssertionError("the device takes every request")
            await asyncio.sleep(0.01)
            assert _resident() - before < 64 << 20
            # And each gets its answer after all.
            for _ in range(asked):
                assert len(await _received(ours, 32 + MEBIBYTE)) == 32 + MEBIBYTE

    asyncio.run(run())


def _resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
