# SPDX-License-Identifier: Apache-2.0
"""The protocol between client and guest on a real console: resends, noise, and a person who types."""

from __future__ import annotations

import json
import random
import re
import time
from typing import Any

import pytest

from harness.guest.framing import Decoder, Frame, Kind, encode
from harness.guest.probe import Probe, ProbeError, ProbeRestartedError, ProbeTimeoutError
from tests.probe.machine import Machine


class NoisyTransport:
    """A console that damages what goes over it, in both directions, by rules of the test."""

    def __init__(self, machine: Machine, **rules: Any) -> None:
        self._inner = machine.transport
        self._to_guest = rules.get("to_guest", lambda data: data)
        self._from_guest = rules.get("from_guest", lambda data: data)

    def write(self, data: bytes) -> None:
        self._inner.write(self._to_guest(data))

    def read(self, deadline: float) -> bytes:
        while True:
            data: bytes = self._from_guest(self._inner.read(deadline))
            if data:
                return data

    def last_lines(self, n: int = 20) -> str:
        return self._inner.last_lines(n)


def _exchange(machine: Machine, wire: bytes, sequence: int) -> Frame:
    """Send bytes, wait for the frame with that number; others may still be on their way from an earlier test."""
    decoder, end = Decoder(), time.monotonic() + 10
    machine.transport.write(wire)
    while True:
        for frame in decoder.feed(machine.transport.read(end)):
            if frame.sequence == sequence:
                return frame


def _scratch(probe: Probe) -> int:
    ram = probe.identify().ram[-1]
    return ram.address + ram.size - 8192


def test_a_request_that_comes_again_is_answered_but_not_carried_out_again(machine: Machine, probe: Probe) -> None:
    address = _scratch(probe)
    write = encode(Frame(Kind.REQUEST, 0x1234, f"write phys {address:#x} 4 1"))
    first = _exchange(machine, write, 0x1234)
    # Behind the protocol's back: a typed command does not take part in the numbering.
    machine.transport.write(f"write phys {address:#x} 4 2\n".encode())
    again = _exchange(machine, write, 0x1234)
    assert first == again == Frame(Kind.ANSWER, 0x1234, '{"value":"0x1"}')
    assert probe.read("phys", address, 4) == 2


def test_another_request_with_the_same_number_is_carried_out(machine: Machine, probe: Probe) -> None:
    address = _scratch(probe)
    _exchange(machine, encode(Frame(Kind.REQUEST, 5, f"write phys {address:#x} 4 1")), 5)
    _exchange(machine, encode(Frame(Kind.REQUEST, 5, f"write phys {address:#x} 4 2")), 5)
    assert probe.read("phys", address, 4) == 2


def test_a_damaged_request_is_refused(machine: Machine, probe: Probe) -> None:
    wire = encode(Frame(Kind.REQUEST, 9, "identify"))
    for damaged in (wire.replace(b"ident", b"idemt"), wire.replace(b"ident", b"iden"), b"@Q:zz" + wire[5:]):
        assert _exchange(machine, damaged, 0).kind is Kind.REFUSAL
    assert probe.identify()


@pytest.mark.parametrize(
    "wire", [b"@", b"@Q:0000", b"@Q:00000001:0100:00000000:abc", b"x" * 20000, b"@A:\n{}\n", b"\0\xff"]
)
def test_noise_before_a_request_does_no_harm(machine: Machine, probe: Probe, wire: bytes) -> None:
    machine.transport.write(wire)
    assert probe.identify()


def test_what_is_left_of_a_request_is_not_carried_out(machine: Machine, probe: Probe) -> None:
    address = _scratch(probe)
    probe.write("phys", address, 4, 1)
    wire = encode(Frame(Kind.REQUEST, 11, f"on 0 write phys {address:#x} 4 2"))
    for begin in (26, 31):
        machine.transport.write(wire[begin:])
        machine.transport.write(wire[:begin] + b"\n" + wire[begin:])
    assert probe.read("phys", address, 4) == 1


def test_an_echo_of_everything_starts_no_conversation(machine: Machine) -> None:
    echoes = []

    def echo(data: bytes) -> bytes:
        echoes.append(data)
        machine.transport.write(data)
        return data

    probe = Probe(NoisyTransport(machine, from_guest=echo))
    for _ in range(5):
        assert probe.identify()
    assert len(b"".join(echoes)) < 20000


def test_a_lost_answer_is_sent_again(machine: Machine) -> None:
    lost = bytearray()

    def lose_first(data: bytes) -> bytes:
        # Until the end of an answer has passed by; the probe says other things before that.
        if re.search(rb"@A:[^}]*}", lost):
            return data
        lost.extend(data)
        return b""

    probe = Probe(NoisyTransport(machine, from_guest=lose_first))
    assert probe.identify()
    assert probe.link.resent >= 1


@pytest.mark.parametrize("seed", range(3))
def test_every_answer_over_a_bad_line_is_the_right_one(machine: Machine, seed: int) -> None:
    """Damage to one request in five and to about one answer in five, which comes in pieces."""
    rng = random.Random(seed)

    def damage(data: bytes, chance: float = 0.2) -> bytes:
        if rng.random() > chance:
            return data
        wire, at = bytearray(data), rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                wire[at] ^= 1 << rng.randrange(7)
            case 1:
                del wire[at]
            case 2:
                wire.insert(at, wire[at])
            case _:
                wire[at:at] = b"\r\n[    1.234567] random: crng init done @cpu0\r\n"
        return bytes(wire)

    quiet = Probe(machine.transport)
    address = _scratch(quiet)
    probe = Probe(NoisyTransport(machine, to_guest=damage, from_guest=lambda data: damage(data, 0.02)))
    for number in range(30):
        probe.write("phys", address + 8 * (number % 16), 8, number)
        assert probe.read("phys", address + 8 * (number % 16), 8) == number


def test_a_restart_during_a_command_is_reported(machine: Machine) -> None:
    hello = [b""]
    probe = Probe(NoisyTransport(machine, from_guest=lambda data: hello[0] + data))
    probe.identify()
    hello[0] = encode(Frame(Kind.HELLO, 0, '{"probe":"1.0"}'))
    with pytest.raises(ProbeRestartedError, match="restarted during"):
        probe.identify()


def test_a_deaf_line_ends_in_time(machine: Machine) -> None:
    probe = Probe(NoisyTransport(machine, to_guest=lambda _: b""), "guest3")
    with pytest.raises(ProbeTimeoutError, match=r"guest3: no answer to 'identify' within 0\.2 s"):
        probe.identify(timeout=0.2)


class ChattyTransport:
    """A console that always says something, and nothing to the point."""

    def write(self, data: bytes) -> None:
        assert data

    def read(self, deadline: float) -> bytes:
        assert deadline
        return b"[   17.000000] still here\r\n"

    def last_lines(self, n: int = 20) -> str:
        return "still here\n" * n


def test_a_line_that_never_falls_silent_does_not_hold_the_client() -> None:
    with pytest.raises(ProbeTimeoutError, match=r"within 0\.2 s"):
        Probe(ChattyTransport()).identify(timeout=0.2)


def test_a_person_gets_a_line_of_json(machine: Machine, probe: Probe) -> None:
    probe.identify()
    machine.transport.said.clear()
    machine.transport.write(b"idex\x08ntify\r")
    answer = json.loads(machine.transport.line('"probe"'))
    assert answer["architecture"] == machine.architecture
    machine.transport.write(b"help\n")
    assert json.loads(machine.transport.line('"help"'))["attach"] == "NAME PAGES"


def test_errors_carry_what_and_where(probe: Probe) -> None:
    with pytest.raises(ProbeError, match=r"guest: 'select x': usage: not a number \(x\)"):
        probe.command("select x")
