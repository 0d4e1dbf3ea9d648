# SPDX-License-Identifier: Apache-2.0
"""Host programs as clients: the results of their connections."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from harness.emulator.service.client import HostRequestError
from harness.emulator.service.messages import Data, Read
from harness.emulator.service.protocol import MAX_LINE, MAX_READ
from harness.emulator.window import Window
from harness.errors import OperationRefusedError
from harness.shmem.status import Status
from tests import programs
from tests.emulator.conftest import Bench, bench_with, configuration


def test_a_pulse_comes_for_each_change_of_the_status_word(bench: Bench) -> None:
    _, one = bench.guest(configuration())
    program = bench.client.create("bell", 1)
    assert program.wait_pulses(0, 0) == 0
    one.probe.attach("bell", 1)
    assert program.wait_pulses(1, programs.PATIENCE) == 1
    for _ in range(2):
        one.probe.notify(1 << program.index)
        assert program.status() == 0x0003_0002
    assert program.wait_pulses(3, programs.PATIENCE) == 3
    # A signal whose bit is set already changes nothing; the pulse for the detach is the next one.
    one.probe.notify(1 << program.index)
    one.probe.notify(1 << program.index)
    one.probe.detach()
    assert program.wait_pulses(5, programs.PATIENCE) == 5
    assert program.wait_pulses(6, 0.05) == 5


def test_no_vm_is_taken_for_the_programs_of_the_host(tmp_path: Path) -> None:
    with bench_with(tmp_path, {"region_lifetime": "creating-qvm"}) as bench:
        bench.guest(configuration(system="host"), "host")
        bench.client.create("of-a-program", 1).detach()
        assert bench.client.regions() == []


def test_the_list_of_guests_has_their_processes(bench: Bench) -> None:
    bench.guest(configuration())
    (guest,) = bench.client.guests()
    assert Path(f"/proc/{guest.pid}/exe").readlink()


_ILLEGAL = [
    ("none", 0, Status.UNKNOWN_FAILURE),
    ("negative", -1, Status.UNKNOWN_FAILURE),
    ("huge", 1_000_000_000, Status.NOMEM),
    ("one-too-many", Window.max_pages + 1, Status.NOMEM),
    ("n" * 200, 1, Status.ILLEGAL_NAME),
    ("n" * 32, 1, Status.ILLEGAL_NAME),
    ("a/b", 1, Status.ILLEGAL_NAME),
    ("", 1, Status.ILLEGAL_NAME),
    ("a\nb", 1, Status.ILLEGAL_NAME),
]


def test_what_a_guest_may_not_create_a_program_may_not_either(bench: Bench) -> None:
    for name, pages, status in _ILLEGAL:
        with pytest.raises(HostRequestError) as refused:
            bench.client.create(name, pages)
        assert refused.value.status == status, name
    assert bench.client.regions() == []


def test_a_region_of_another_size_is_attached_with_its_own_and_no_pages_are_refused(bench: Bench) -> None:
    bench.client.create("three", 3)
    assert bench.client.create("three", 1).pages == 3
    with pytest.raises(HostRequestError):
        bench.client.create("three", 0)


def test_a_17th_client_is_refused_with_the_status_of_a_guest(bench: Bench) -> None:
    for _ in range(16):
        bench.client.create("full", 1)
    with pytest.raises(HostRequestError, match="CLIENT_MAX") as refused:
        bench.client.attach("full")
    assert refused.value.status == Status.CLIENT_MAX


def test_no_answer_has_more_data_than_the_host_makes_at_one_go(bench: Bench) -> None:
    large = bench.client.create("large", 2 * MAX_READ // 4096)
    large.write(MAX_READ, b"here")
    assert bench.client.call(Read(1, 4, MAX_READ), Data).data == bytes(MAX_READ - 4) + b"here"
    with pytest.raises(OperationRefusedError, match="at most"):
        bench.client.call(Read(1, 0, MAX_READ + 1), Data)
    assert large.read(0, 2 * MAX_READ)[MAX_READ : MAX_READ + 4] == b"here"


def test_the_number_of_a_connection_that_was_left_is_that_of_no_other(bench: Bench) -> None:
    left, stays = bench.client.create("one", 1), bench.client.create("two", 1)
    left.detach()
    stays.detach()
    bench.client.create("three", 1)
    for gone in (left, stays):
        with pytest.raises(OperationRefusedError, match="no connection"):
            gone.detach()
    assert len(bench.client.regions()) == 1


def test_names_are_text_and_the_same_for_everybody(bench: Bench) -> None:
    _, one = bench.guest(configuration(devices="vdev shmem create café,0x2000"))
    assert [region.name for region in bench.client.regions()] == ["café"]
    assert bench.client.attach("café").pages == 2
    assert one.probe.attach("café".encode(), 1).size == 2


def test_a_whole_region_can_be_written_and_read_at_once(bench: Bench) -> None:
    program = bench.client.create("big", 4095)
    data = bytes(range(256)) * (4095 * 16)
    program.write(0, data)
    assert program.read(0, len(data)) == data
    assert program.read(4095 * 4096 - 3, 3) == data[-3:]
    assert program.read(0, 0) == b""


def test_a_request_that_cannot_be_read_gets_an_error_and_the_next_its_answer(bench: Bench) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as program, program.makefile("rb") as answers:
        program.settimeout(programs.PATIENCE)
        program.connect(str(bench.host.socket))
        for line in (b"x" * (3 * MAX_LINE), b"not JSON", b"[]", b'{"op": "fly"}', b'{"op": "create"}'):
            program.sendall(line + b'\n{"op": "guests"}\n')
            assert "error" in json.loads(answers.readline())
            assert json.loads(answers.readline()) == {"ok": True, "guests": []}
