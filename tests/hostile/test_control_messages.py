# SPDX-License-Identifier: Apache-2.0
"""Whatever is said over the control socket: an answer for each line, right ones carried out and no others."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from harness.emulator.faults.injection import Injection
from harness.emulator.service.client import EmulatedHost
from harness.emulator.service.control import Service
from harness.emulator.service.host import Host
from harness.emulator.service.protocol import connect
from harness.emulator.window import Window
from harness.shmem.profile import PROFILES
from tests import programs
from tests.hostile.fuzzing import descriptors, fuzzed, sample_and_many, spoilt

NAMES: Final = ("a", "b", "c")
PAGE: Final = 4096
LARGEST: Final = Window.max_pages
WORD: Final = 0xFFFFFFFF
STRANGE: Final[tuple[object, ...]] = (
    *(None, True, False, 0, -1, 1, 2, 16, 4095, LARGEST + 1, WORD, WORD + 1),
    *(1 << 63, 1 << 64, -(1 << 80), 10**400, 0.5, -1.5),
    *(
        "",
        "a",
        "b\0",
        "\ud800",
        "é",
        "x" * 31,
        "x" * 32,
        "a/b",
        "€",
        [],
        [1],
        {},
        {"a": 1},
        "AAAA",
        "A",
        "====",
        "AA=A",
    ),
)


def _is_word(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= WORD


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_bytes(value: object) -> bool:
    """Base64 as its specification has it, in a text."""
    try:
        return isinstance(value, str) and base64.b64encode(base64.b64decode(value, validate=True)).decode() == value
    except ValueError:
        return False


def _is_legal(name: object) -> bool:
    """A name of a region on a host with the documented behaviour."""
    if not isinstance(name, str):
        return False
    try:
        data = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return 0 < len(data) <= 31 and not any(byte < 0x20 or byte == 0x7F or byte == 0x2F for byte in data)


class Model:
    """What the regions and the connections of one program must be; each verdict is True for what must be done."""

    def __init__(self) -> None:
        self.pages: dict[str, int] = {}
        self.connections: dict[int, str] = {}
        self.made = 0

    def accepts(self, said: object) -> bool | None:
        """Whether a request must be done, and it is done here. None: another test's business."""
        if not isinstance(said, dict):
            return False
        match said.get("op"):
            case "guests" | "regions" | "shortages":
                return True
            case "create":
                return self._create(said.get("name"), said.get("pages"))
            case "attach":
                return self._connects(said.get("name"))
            case "notify" | "status" | "detach" | "read" | "write" as operation:
                number = said.get("connection")
                if not _is_number(number) or number not in self.connections:
                    return False
                return bool(getattr(self, f"_{operation}")(number, said))
            case _:
                return False

    def _create(self, name: object, pages: object) -> bool:
        if not _is_legal(name) or not _is_word(pages):
            return False
        assert isinstance(name, str)
        assert isinstance(pages, int)
        if name not in self.pages:
            if not 1 <= pages <= LARGEST:
                return False
            self.pages[name] = pages
        elif pages == 0:
            return False
        return self._connects(name)

    def _connects(self, name: object) -> bool:
        if not isinstance(name, str) or name not in self.pages or list(self.connections.values()).count(name) == 16:
            return False
        self.made += 1
        self.connections[self.made] = name
        return True

    def _notify(self, _number: int, said: dict[str, Any]) -> bool:
        return _is_word(said.get("mask"))

    def _status(self, _number: int, _said: dict[str, Any]) -> bool:
        return True

    def _detach(self, number: int, _said: dict[str, Any]) -> bool:
        name = self.connections.pop(number)
        if name not in self.connections.values() and PROFILES["7.0"].region_lifetime == "last-client":
            del self.pages[name]
        return True

    def _span(self, number: int, offset: object, length: int) -> bool:
        size = self.pages[self.connections[number]] * PAGE
        return isinstance(offset, int) and _is_number(offset) and offset >= 0 and 0 <= length <= size - offset

    def _read(self, number: int, said: dict[str, Any]) -> bool:
        length = said.get("length")
        return isinstance(length, int) and _is_number(length) and self._span(number, said.get("offset"), length)

    def _write(self, number: int, said: dict[str, Any]) -> bool:
        data = said.get("data")
        return _is_bytes(data) and self._span(number, said.get("offset"), len(base64.b64decode(data or "")))


def _request(source: random.Random, model: Model) -> dict[str, Any]:
    connection = source.choice([*model.connections, 1, 99])
    one_of = source.choice
    offset = one_of([0, 1, PAGE - 1, PAGE, 3 * PAGE, -1])
    length = one_of([0, 1, 16, PAGE, PAGE + 1, -1])
    request: dict[str, Any] = one_of(
        [
            {"op": one_of(["guests", "regions", "shortages"])},
            {"op": "create", "name": one_of(NAMES), "pages": one_of([0, 1, 2, 3, 4095, LARGEST + 1])},
            {"op": "create", "name": one_of(NAMES), "pages": one_of([1, 2])},
            {"op": "attach", "name": one_of(NAMES)},
            {
                "op": "read",
                "connection": connection,
                "offset": offset,
                "length": length,
            },
            {
                "op": "write",
                "connection": connection,
                "offset": offset,
                "data": base64.b64encode(source.randbytes(one_of([0, 1, 3, 16]))).decode(),
            },
            {"op": "notify", "connection": connection, "mask": one_of([0, 1, 0xFFFF, WORD, source.getrandbits(32)])},
            {"op": "status", "connection": connection},
            {"op": "detach", "connection": connection},
            {"op": one_of(["frobnicate", "stop", "report", "", "Create"])},
        ]
    )
    if source.random() < 0.3:
        field = one_of([*request, "more"])
        if source.random() < 0.3:
            request.pop(field, None)
        elif field != "op" or source.random() < 0.3:
            request[field] = one_of(STRANGE)
    return request


def _line(source: random.Random, request: object) -> bytes:
    """The request as a line, in one of its spellings, or nothing that is JSON."""
    line = json.dumps(request, ensure_ascii=source.random() < 0.9).encode("utf-8", "surrogatepass")
    if source.random() < 0.15:
        # What a change makes of an operation could be one that ends the host, or waits.
        line = spoilt(source, line).replace(b"\n", b" ")
    elif source.random() < 0.02:
        line = source.choice(
            [
                b"[" * 50_000,
                b'{"op":' * 2000,
                b"NaN",
                b"-Infinity",
                b'"' + b"x" * 10_000,
                b"\xff\xfe{}",
                b"\0",
                b"9" * 5000,
            ]
        )
    return line


def _meaning(line: bytes) -> object:
    """What a line says by the specification of JSON; None for what is no JSON."""

    def refuse(_text: str) -> float:
        raise ValueError

    def finite(text: str) -> float:
        return float(text) if abs(float(text)) < 1e308 else refuse(text)

    try:
        return json.loads(line.decode(), parse_constant=refuse, parse_float=finite)
    except (ValueError, RecursionError):
        return None


OPERATIONS: Final = ("shutdown", "start", "wait", "inject", "stop_guest", "clear")
"""What the fuzzer does not say by chance; tests below say it."""


@contextmanager
def _service(folder: Path) -> Iterator[tuple[Service, Path]]:
    host = Host(folder, PROFILES["7.0"])
    yield Service(host, Injection(), asyncio.Event(), linger=False), folder / "control"


async def _fuzz(folder: Path, count: int) -> None:
    done = 0
    with _service(folder) as (service, path), fuzzed("control-socket messages", count) as run:
        await service.listen(path)
        loop, troubles = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _loop, context: troubles.append(context))
        for size in run.batches(200):
            with socket.socket(socket.AF_UNIX) as client:
                connect(client, path)
                client.setblocking(False)
                model = Model()
                said: list[bytes] = []
                while len(said) < size:
                    line = _line(run.source, _request(run.source, model))
                    meaning = _meaning(line)
                    if isinstance(meaning, dict) and str(meaning.get("op")).startswith(OPERATIONS):
                        continue
                    said.append(line)
                    await loop.sock_sendall(client, line + b"\n")
                    answer = json.loads(await _answer(client))
                    expected = model.accepts(meaning)
                    assert answer["ok"] is expected, (line[:300], answer, model.pages, model.connections)
                    done += bool(answer["ok"])
                    if not answer["ok"]:
                        assert answer["error"]
            await asyncio.sleep(0)
            while any(any(region.connected()) for region in service.host.registry):
                await asyncio.sleep(0)
            for region in service.host.registry:
                service.host.registry.drop(region)
        await service.close()
        await service.host.close()
    assert troubles == []
    assert done > count // 5


async def _answer(client: socket.socket) -> bytes:
    data = bytearray()
    async with asyncio.timeout(60):
        while not data.endswith(b"\n"):
            data += await asyncio.get_running_loop().sock_recv(client, 1 << 16)
            assert data, "the host closed the connection"
    return bytes(data)


@sample_and_many(800)
def test_every_line_gets_the_answer_that_it_deserves(tmp_path: Path, count: int) -> None:
    asyncio.run(_fuzz(tmp_path, count))


def _raw(host: EmulatedHost) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connect(connection, host.socket)
    return connection


@pytest.fixture(name="host")
def _host(tmp_path: Path) -> Iterator[EmulatedHost]:
    with EmulatedHost(log=tmp_path / "host.log") as host:
        yield host
    assert "Traceback" not in (tmp_path / "host.log").read_text()


STARTS: Final = [
    {"op": "start", "arguments": ["@\0"], "directory": "/"},
    {"op": "start", "arguments": ["@\ud800"], "directory": "/"},
    {"op": "start", "arguments": ["@" + "x" * 5000], "directory": "/"},
    {"op": "start", "arguments": ["@" + "x/" * 5000], "directory": "/"},
    {"op": "start", "arguments": ["@x"], "directory": "\ud800"},
    {"op": "start", "arguments": ["@x"], "directory": "\0"},
    {"op": "start", "arguments": ["@/dev"], "directory": "/"},
    {"op": "start", "arguments": ["system", "../../x", "ram", "64M"], "directory": "/"},
    {"op": "start", "arguments": ["system", ".", "ram", "64M"], "directory": "/"},
    {"op": "start", "arguments": ["system", "x" * 400], "directory": "/"},
    {"op": "start", "arguments": [], "directory": ""},
]


@pytest.mark.parametrize("number", range(len(STARTS)))
def test_a_start_that_makes_no_sense_is_answered(host: EmulatedHost, number: int) -> None:
    with _raw(host) as connection:
        with Path(os.devnull).open("rb") as null:
            line = json.dumps(STARTS[number]).encode() + b"\n"
            socket.send_fds(connection, [line], [null.fileno(), null.fileno()])
        answer = connection.makefile("rb").read()
        assert re.fullmatch(rb"say \d+\n.+\nexit 6[45]\n", answer, re.DOTALL), answer
    with host.client() as client:
        assert client.guests() == []


def test_times_that_no_clock_knows_are_refused_and_disturb_nobody(host: EmulatedHost) -> None:
    with _raw(host) as connection, host.client() as other:
        stream = connection.makefile("rb")
        for time_ in ("NaN", "Infinity", "-Infinity", "1e999", "null", '"1"', "true"):
            connection.sendall(b'{"op": "wait_guest", "system": "g", "timeout": %s}\n' % time_.encode())
            assert not json.loads(stream.readline())["ok"]
        # A time of a clock still passes on this host.
        began = time.monotonic()
        program = other.create("r", 1)
        assert program.wait_pulses(1, 0.2) == 0
        assert time.monotonic() - began < 30


def test_whoever_ends_while_it_waits_leaves_its_regions(host: EmulatedHost) -> None:
    with host.client() as other:
        with _raw(host) as connection:
            stream = connection.makefile("rb")
            connection.sendall(b'{"op": "create", "name": "r", "pages": 1}\n')
            assert json.loads(stream.readline())["ok"]
            connection.sendall(b'{"op": "wait_guest", "system": "never", "timeout": 1e6}\n{"op": "regions"}\n')
            programs.until(lambda: [len(region.clients) for region in other.regions()] == [1], "it was never there")
            stream.close()
        programs.until(lambda: not any(region.clients for region in other.regions()), "it is still a client", 60)


def test_a_flood_of_descriptors_ends_the_session_and_leaves_none(host: EmulatedHost) -> None:
    def held() -> int:
        return descriptors(host.pid)

    with host.client() as other, Path(os.devnull).open("rb") as null:
        other.regions()
        before = held()
        with _raw(host) as connection:
            most = 0
            for _ in range(2000):
                try:
                    socket.send_fds(connection, [b" "], [null.fileno()] * 8)
                except (BrokenPipeError, ConnectionResetError):
                    break
                most = max(most, held())
            else:
                raise AssertionError("the host took them all")
            assert most < before + 60
        # With whole requests none are kept either.
        with _raw(host) as connection:
            stream = connection.makefile("rb")
            for _ in range(200):
                socket.send_fds(connection, [b'{"op": "regions"}\n'], [null.fileno()] * 8)
                assert json.loads(stream.readline())["ok"]
            stream.close()
        programs.until(lambda: held() == before, lambda: f"{held()} descriptors, {before} before", 60)


def test_a_client_that_stops_half_way_disturbs_nobody(host: EmulatedHost) -> None:
    with host.client() as other, _raw(host) as half, _raw(host) as deaf:
        half.sendall(b'{"op": "create", "na')
        # One that asks for megabytes and reads none.
        deaf.sendall(b'{"op": "create", "name": "big", "pages": 4095}\n')
        deaf.sendall(b'{"op": "read", "connection": 1, "offset": 0, "length": 4000000}\n' * 20)
        for _ in range(20):
            assert {region.name for region in other.regions()} <= {"big"}
        half.sendall(b'me": "r", "pages": 1}\n')
        assert json.loads(half.makefile("rb").readline())["ok"]
