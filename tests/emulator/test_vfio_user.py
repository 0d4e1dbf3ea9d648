# SPDX-License-Identifier: Apache-2.0
"""The device's socket against a client of the test's own: what QEMU relies on, and what a broken client may send."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.function import ShmemFunction
from harness.emulator.device.regions import Registry
from harness.emulator.vfio_user.server import Listener
from harness.emulator.window import SLOT_SIZE, SLOTS, Mapper, Window
from harness.shmem.config import ShmemVdev
from harness.shmem.profile import PROFILES
from harness.shmem.registers import SIGNATURE
from tests import programs

_HEADER = struct.Struct("<HHIII")
_REPLY, _ERROR = 0x1, 0x20
VERSION, DEVICE_INFO, REGION_INFO, IRQ_INFO, READ, WRITE, RESET = 1, 4, 5, 7, 9, 10, 13


class Client:
    """Sends requests to the device as QEMU does."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.setblocking(False)
        self._path = path

    async def open(self) -> None:
        await asyncio.get_running_loop().sock_connect(self._socket, str(self._path))

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def call(self, command: int, payload: bytes) -> tuple[int, bytes]:
        """errno and payload of the reply."""
        await self.send(_HEADER.pack(7, command, _HEADER.size + len(payload), 0, 0) + payload)
        return await self.reply()

    async def reply(self) -> tuple[int, bytes]:
        identifier, _, size, flags, errno = _HEADER.unpack(await self._exactly(_HEADER.size))
        assert (identifier, flags & 0xF) == (7, _REPLY)
        return (errno if flags & _ERROR else 0), await self._exactly(size - _HEADER.size)

    async def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            async with asyncio.timeout(programs.PATIENCE):
                chunk = await asyncio.get_running_loop().sock_recv(self._socket, count - len(data))
            if not chunk:
                raise ConnectionError
            data += chunk
        return data

    async def read(self, region: int, offset: int, count: int) -> bytes:
        errno, data = await self.call(READ, struct.pack("<QII", offset, region, count))
        assert errno == 0
        return data[16:]

    async def finish(self) -> None:
        """Say that nothing more comes, and read until the device has closed too."""
        self._socket.shutdown(socket.SHUT_WR)
        try:
            async with asyncio.timeout(programs.PATIENCE):
                while await asyncio.get_running_loop().sock_recv(self._socket, 4096):
                    pass
        except ConnectionResetError:
            return

    def close(self) -> None:
        self._socket.close()


def with_device(path: Path, body: Callable[[Client], Awaitable[None]]) -> None:
    """Run ``body`` against a new device."""

    errors: list[object] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
        registry, mapper = Registry(PROFILES["7.0"]), Mapper()
        window = Window(mapper)
        device = SharedMemoryDevice(
            ShmemVdev(), system="one", registry=registry, window=window, profile=PROFILES["7.0"], vector=9, others=[]
        )
        listener, client = Listener(path, ShmemFunction(device, window, pytest.fail)), Client(path)
        try:
            await client.open()
            await body(client)
        finally:
            client.close()
            listener.close()
            window.close()
            mapper.close()
            path.unlink()

    asyncio.run(run())
    assert errors == []


def test_the_first_short_answer_about_a_region_tells_the_full_size(tmp_path: Path) -> None:
    async def body(client: Client) -> None:
        errno, info = await client.call(REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 2, 0, 0, 0))
        size, flags, _, capability, length, _ = struct.unpack("<IIIIQQ", info)
        assert (errno, flags, capability, length) == (0, 15, 32, SLOTS * SLOT_SIZE)
        _, info = await client.call(REGION_INFO, struct.pack("<IIIIQQ", size, 0, 2, 0, 0, 0))
        identifier, version, _, areas = struct.unpack_from("<HHII", info, 32)
        assert (len(info), identifier, version, areas) == (size, 1, 1, SLOTS)
        first, second = struct.unpack_from("<QQQQ", info, 48)[::2]
        assert (first, second) == (4096, SLOT_SIZE + 4096)

    with_device(tmp_path / "socket", body)


def test_it_answers_with_the_minor_version_that_it_was_asked_with(tmp_path: Path) -> None:
    async def body(client: Client) -> None:
        errno, answer = await client.call(VERSION, struct.pack("<HH", 0, 0) + b"{}\0")
        assert (errno, answer[:4], answer[-1:]) == (0, struct.pack("<HH", 0, 0), b"\0")
        assert (await client.call(VERSION, struct.pack("<HH", 1, 0)))[0] != 0

    with_device(tmp_path / "socket", body)


def test_requests_split_anywhere_and_sent_together_are_answered_one_by_one(tmp_path: Path) -> None:
    async def body(client: Client) -> None:
        request = _HEADER.pack(7, READ, 32, 0, 0) + struct.pack("<QII", 0, 0, 8)
        stream = request * 3
        for position in range(0, len(stream), 5):
            await client.send(stream[position : position + 5])
        for _ in range(3):
            _, data = await client.reply()
            assert int.from_bytes(data[16:], "little") == SIGNATURE

    with_device(tmp_path / "socket", body)


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (READ, struct.pack("<QII", 4095, 0, 2)),
        (READ, struct.pack("<QII", 0, 1, 4)),
        (READ, struct.pack("<QII", 1 << 63, 2, 4)),
        (WRITE, struct.pack("<QII", 0, 0, 4) + b"abc"),
        (READ, b"short"),
        (99, b""),
    ],
)
def test_an_impossible_request_gets_an_error(tmp_path: Path, command: int, payload: bytes) -> None:
    async def body(client: Client) -> None:
        errno, data = await client.call(command, payload)
        assert errno != 0
        assert data == b""
        assert int.from_bytes(await client.read(0, 0, 8), "little") == SIGNATURE

    with_device(tmp_path / "socket", body)


_messages = st.binary(max_size=64) | st.builds(
    lambda command, flags, size, payload: _HEADER.pack(7, command, size, flags, 0) + payload,
    st.integers(0, 20),
    st.integers(0, 63),
    st.integers(0, 96) | st.integers(0, 2**32 - 1),
    st.binary(max_size=80),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_messages, min_size=1, max_size=8))
def test_no_message_breaks_the_device(tmp_path: Path, messages: list[bytes]) -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))

    async def body(client: Client) -> None:
        try:
            for message in messages:
                await client.send(message)
        except (BrokenPipeError, ConnectionResetError):
            return
        await client.finish()

    with_device(tmp_path / "socket", body)
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
