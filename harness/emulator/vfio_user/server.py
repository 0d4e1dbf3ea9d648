# SPDX-License-Identifier: Apache-2.0
"""One vfio-user connection on an asyncio loop.

QEMU sends one request at a time per virtual CPU and waits 5 s for the answer while it holds its big lock: nothing here
may wait for QEMU (QMP, qtest), or both sides stand still.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.account import is_own
from harness.emulator import shortages
from harness.emulator.vfio_user import wire
from harness.emulator.vfio_user.function import PciFunction, Region
from harness.emulator.vfio_user.wire import Command, Header

_LOG = logging.getLogger(__name__)
_RECEIVE = 1 << 16
_ROOM_FOR_FDS = socket.CMSG_SPACE(wire.MAX_FDS * struct.calcsize("i"))
# Every access of a guest to a register is a message, and operators of flags cost more than the rest of it.
_CUT = int(socket.MSG_CTRUNC)
_CAPABILITIES = {"capabilities": {"max_msg_fds": wire.MAX_FDS, "max_data_xfer_size": wire.MAX_DATA, "pgsizes": 4096}}


class _RequestError(Exception):
    """A request that gets an error reply with this errno."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.errno = number


class Listener:
    """Waits on a UNIX socket for the one QEMU that the function is made for."""

    def __init__(self, path: Path, function: PciFunction) -> None:
        self._function = function
        self._connection: Connection | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.bind(str(path))
            self._socket.listen(1)
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except BlockingIOError:
            return
        except OSError as error:
            shortages.note(error, "the connection of a QEMU")
            self._stop_listening()
            return
        if not is_own(client):
            _LOG.warning("a connection of another user is refused")
            client.close()
            return
        self._stop_listening()
        self._connection = Connection(client, self._function)

    def _stop_listening(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def close(self) -> None:
        """Stop listening and drop the connection."""
        self._stop_listening()
        if self._connection is not None:
            self._connection.close()


def _descriptors(beside: Sequence[tuple[int, int, bytes]]) -> Iterator[int]:
    """The descriptors in what came beside a message; one that was cut off has no bytes of its own."""
    for _, kind, data in beside:
        if kind == socket.SCM_RIGHTS:
            yield from struct.unpack_from(f"{len(data) // struct.calcsize('i')}i", data)


class Connection:
    """Decodes requests, asks the function, encodes replies."""

    def __init__(self, client: socket.socket, function: PciFunction) -> None:
        self._socket = client
        self._socket.setblocking(False)
        self._function = function
        self._input = bytearray()
        self._output = bytearray()
        self._fds: list[tuple[int, int]] = []
        """Descriptors, each with the number of the byte with which it came, from the start of the connection."""
        self._taken = 0
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(client, self._readable)
        self._handlers: dict[int, Callable[[bytes, list[int]], tuple[bytes, list[int]]]] = {
            Command.VERSION: self._version,
            Command.DMA_MAP: self._dma_map,
            Command.DMA_UNMAP: self._dma_unmap,
            Command.DEVICE_GET_INFO: self._device_info,
            Command.DEVICE_GET_REGION_INFO: self._region_info,
            Command.DEVICE_GET_IRQ_INFO: self._irq_info,
            Command.DEVICE_SET_IRQS: self._set_irqs,
            Command.REGION_READ: self._region_read,
            Command.REGION_WRITE: self._region_write,
            Command.DEVICE_RESET: self._reset,
        }

    def close(self) -> None:
        """Drop the connection and notify the function; harmless when it is closed already."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._drop_fds([fd for _, fd in self._fds])
        self._fds.clear()
        self._function.disconnected()

    def _readable(self) -> None:
        try:
            data, beside, flags, _ = self._socket.recvmsg(_RECEIVE, _ROOM_FOR_FDS)
        except BlockingIOError:
            return
        except OSError:
            data, beside, flags = b"", [], 0
        if flags & _CUT:
            shortages.note_number(errno.EMFILE, "descriptors from QEMU")
        if beside:
            # The kernel hands out nothing behind the bytes that descriptors came with.
            last = self._taken + len(self._input) + len(data)
            self._fds += [(last, fd) for fd in _descriptors(beside)]
        if not data:
            self.close()
            return
        self._input += data
        self._handle_all()
        if len(self._fds) > wire.MAX_FDS:
            _LOG.error("more descriptors than a message has; connection closed")
            self.close()

    def _handle_all(self) -> None:
        """Answer what has come, until the client has answers to take: whoever takes none gets no more."""
        while self._input and not self._output and (message := self._next_message()) is not None:
            self._handle(*message)

    def _next_message(self) -> tuple[Header, bytes] | None:
        if len(self._input) < wire.HEADER.size or self._socket.fileno() < 0:
            return None
        header = Header.unpack(self._input)
        if not wire.HEADER.size <= header.size <= wire.MAX_MESSAGE:
            _LOG.error("message of %d bytes is not vfio-user; connection closed", header.size)
            self.close()
            return None
        if len(self._input) < header.size:
            return None
        payload = bytes(self._input[wire.HEADER.size : header.size])
        del self._input[: header.size]
        self._taken += header.size
        return header, payload

    def _handle(self, header: Header, payload: bytes) -> None:
        fds = [fd for came, fd in self._fds if came <= self._taken]
        if fds:
            self._fds = [(came, fd) for came, fd in self._fds if came > self._taken]
        try:
            if not header.is_request:
                raise _RequestError(errno.EINVAL)
            handler = self._handlers.get(header.command)
            if handler is None:
                raise _RequestError(errno.ENOSYS)
            answer, answer_fds = handler(payload, fds)
            message = wire.reply(header, answer)
        except (_RequestError, struct.error) as error:
            number = error.errno if isinstance(error, _RequestError) else errno.EINVAL
            _LOG.warning("request %d refused: %s", header.command, os.strerror(number))
            message, answer_fds = wire.reply(header, errno=number), []
        except (OSError, MemoryError) as error:
            # An answer all the same: QEMU would wait for it with its big lock held.
            _LOG.error("request %d failed: %r", header.command, error)
            shortages.note(error, "a request of QEMU's")
            message, answer_fds = wire.reply(header, errno=errno.EIO), []
        except Exception:
            # The same for a mistake of ours, which the log shows.
            _LOG.exception("request %d broke", header.command)
            message, answer_fds = wire.reply(header, errno=errno.EIO), []
        finally:
            self._drop_fds(fds)
        if header.wants_reply:
            self._send(message, answer_fds)

    @staticmethod
    def _drop_fds(fds: list[int]) -> None:
        while fds:
            os.close(fds.pop())

    def _send(self, message: bytes, fds: list[int]) -> None:
        try:
            if self._output:
                sent = 0
            elif fds:
                sent = socket.send_fds(self._socket, [message], fds)
            else:
                sent = self._socket.send(message)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(message):
            self._output += message[sent:]
            self._loop.remove_reader(self._socket)
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        try:
            del self._output[: self._socket.send(self._output)]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self._output:
            self._loop.remove_writer(self._socket)
            self._loop.add_reader(self._socket, self._readable)
            self._handle_all()

    # --- one method for each request: (payload, fds) -> (payload of the reply, fds of the reply)

    @staticmethod
    def _version(payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        major, minor = wire.VERSION.unpack_from(payload)
        if major != 0:
            raise _RequestError(errno.EINVAL)
        # QEMU refuses a minor number above its own, so it gets its own back (observed).
        return wire.VERSION.pack(major, minor) + json.dumps(_CAPABILITIES).encode() + b"\0", []

    @staticmethod
    def _dma_map(payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        wire.DMA_MAP.unpack(payload)
        return b"", []

    @staticmethod
    def _dma_unmap(payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        wire.DMA_UNMAP.unpack_from(payload)
        return payload[: wire.DMA_UNMAP.size], []

    @staticmethod
    def _device_info(payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        wire.DEVICE_INFO.unpack_from(payload)
        flags = wire.DEVICE_IS_PCI | wire.DEVICE_RESET_SUPPORTED
        info = wire.DEVICE_INFO.pack(wire.DEVICE_INFO.size, flags, len(range(wire.PciRegion.VGA + 1)), len(wire.PciIrq))
        return info, []

    def _region_info(self, payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        room, _, index, _, _, _ = wire.REGION_INFO.unpack_from(payload)
        if index > wire.PciRegion.VGA:
            raise _RequestError(errno.EINVAL)
        region = self._function.region(index) or Region(size=0)
        flags = wire.RegionFlag.READ | wire.RegionFlag.WRITE if region.size else wire.RegionFlag(0)
        capability = b""
        if region.mappable:
            flags |= wire.RegionFlag.MMAP | wire.RegionFlag.CAPS
            capability = wire.sparse_mmap_capability(list(region.mappable))
        full = wire.REGION_INFO.size + len(capability)
        # The client asks first with room for the fixed part only; that answer must hold the full size and a valid
        # capability offset already, or QEMU never asks again (observed).
        offset = wire.REGION_INFO.size if capability else 0
        info = wire.REGION_INFO.pack(full, flags, index, offset, region.size, 0) + capability
        return info[: max(room, wire.REGION_INFO.size)], [region.fd] if region.mappable else []

    def _irq_info(self, payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        _, _, index, _ = wire.IRQ_INFO.unpack_from(payload)
        self._check_interrupts(index, 0, 0)
        count = self._function.interrupts(index)
        flags = wire.IrqFlag.EVENTFD if count else wire.IrqFlag(0)
        if index == wire.PciIrq.INTX:
            flags |= wire.IrqFlag.MASKABLE | wire.IrqFlag.AUTOMASKED
        else:
            flags |= wire.IrqFlag.NORESIZE
        return wire.IRQ_INFO.pack(wire.IRQ_INFO.size, flags, index, count), []

    def _set_irqs(self, payload: bytes, fds: list[int]) -> tuple[bytes, list[int]]:
        _, flags, index, start, count = wire.IRQ_SET.unpack_from(payload)
        data, action = flags & wire.DATA_KINDS, flags & wire.ACTIONS
        if flags != data | action or data.bit_count() != 1 or action.bit_count() != 1 or len(fds) > count:
            raise _RequestError(errno.EINVAL)
        self._check_interrupts(index, start, count)
        if action != wire.IrqSet.ACTION_TRIGGER:
            return b"", []
        if data == wire.IrqSet.DATA_EVENTFD:
            taken = fds.copy()
            fds.clear()
            self._function.set_interrupts(index, start, taken)
        elif data == wire.IrqSet.DATA_NONE and count == 0:
            self._function.set_interrupts(index, 0, [])
        return b"", []

    def _check_interrupts(self, index: int, start: int, count: int) -> None:
        if index >= len(wire.PciIrq) or start + count > self._function.interrupts(index):
            raise _RequestError(errno.EINVAL)

    def _region_read(self, payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        offset, index, count = wire.REGION_ACCESS.unpack(payload)
        self._check_bounds(index, offset, count)
        data = self._function.read(index, offset, count)
        return wire.REGION_ACCESS.pack(offset, index, count) + data, []

    def _region_write(self, payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        offset, index, count = wire.REGION_ACCESS.unpack_from(payload)
        data = payload[wire.REGION_ACCESS.size :]
        if len(data) != count:
            raise _RequestError(errno.EINVAL)
        self._check_bounds(index, offset, count)
        self._function.write(index, offset, data)
        return wire.REGION_ACCESS.pack(offset, index, count), []

    def _check_bounds(self, index: int, offset: int, count: int) -> None:
        region = self._function.region(index)
        if region is None or not 1 <= count <= wire.MAX_DATA or offset + count > region.size:
            raise _RequestError(errno.EINVAL)

    def _reset(self, _payload: bytes, _fds: list[int]) -> tuple[bytes, list[int]]:
        self._function.reset()
        return b"", []
