# SPDX-License-Identifier: Apache-2.0
"""On a noisy line, damaged frames are dropped, and no wrong frame is returned."""

from __future__ import annotations

import json
import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.guest.framing import Decoder, Frame, Kind, encode
from harness.guest.probe_link import ProbeLink

_PAYLOAD = st.text(alphabet=[c for c in string.printable if c.isprintable() and c != "@"], max_size=300)
_FRAMES = st.builds(Frame, st.sampled_from(Kind), st.integers(0, 0xFFFFFFFF), _PAYLOAD)
_NOISE = st.binary(max_size=80).map(lambda data: data.replace(b"@", b""))

corrupted = pytest.mark.parametrize(
    "lines", [pytest.param(20_000, id="some"), pytest.param(1_000_000, id="a million", marks=pytest.mark.long)]
)


@given(_FRAMES)
def test_what_is_encoded_is_decoded(frame: Frame) -> None:
    assert Decoder().feed(encode(frame)) == [frame]


@given(st.lists(st.tuples(_NOISE, _FRAMES)), _NOISE, st.integers(1, 40))
def test_frames_are_found_between_anything_and_in_any_pieces(
    parts: list[tuple[bytes, Frame]], tail: bytes, piece: int
) -> None:
    line = b"".join(noise + encode(frame) for noise, frame in parts) + tail
    decoder = Decoder()
    found = [frame for at in range(0, len(line), piece) for frame in decoder.feed(line[at : at + piece])]
    assert found == [frame for _, frame in parts]


@given(_FRAMES, st.data())
def test_a_frame_broken_into_lines_is_whole(frame: Frame, data: st.DataObject) -> None:
    wire = encode(frame).removesuffix(b"~\n")
    width = data.draw(st.integers(1, len(wire)))
    broken = b"\r\n".join(wire[at : at + width] for at in range(0, len(wire), width))
    assert Decoder().feed(broken) == [frame]


class Busy:
    """A guest that answers when the client has given up waiting for the first time."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.deadlines: list[float] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def read(self, deadline: float) -> bytes:
        self.deadlines.append(deadline)
        if len(self.deadlines) == 1:
            raise TimeoutError
        (request,) = Decoder().feed(self.written[0])
        return encode(Frame(Kind.ANSWER, request.sequence, "{}"))

    def last_lines(self, n: int = 20) -> str:  # noqa: ARG002 - the interface has it
        return ""


def test_a_busy_guest_is_not_asked_again_before_it_is_done() -> None:
    guest = Busy()
    before = time.monotonic()
    assert ProbeLink(guest).request("names", timeout=600, busy=3.0) == {}
    assert guest.deadlines[0] >= before + 3.0
    assert len(guest.written) == 2


@given(_FRAMES, _FRAMES)
def test_a_frame_after_a_torn_one_is_found(torn: Frame, whole: Frame) -> None:
    wire = encode(torn).removesuffix(b"~\n")
    assert Decoder().feed(wire[: len(wire) - 1] + encode(whole)) == [whole]


@pytest.mark.parametrize("payload", ["a@b", "tab\there", "line\n", "\x7f", "ä", "x" * 0x10000])
def test_a_payload_that_could_break_the_frame_is_refused(payload: str) -> None:
    with pytest.raises(ValueError, match="payload"):
        encode(Frame(Kind.REQUEST, 1, payload))


def test_a_checksum_of_the_payload_alone_is_not_enough() -> None:
    wire = encode(Frame(Kind.ANSWER, 7, "{}"))
    decoder = Decoder()
    for other in (b"@A:00000008:", b"@Q:00000007:"):
        assert decoder.feed(other + wire[len(other) :]) == []
    assert decoder.damaged == 2


def _corrupt(rng: random.Random, wire: bytearray) -> None:
    """Damage as serial lines have it, one to three times."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(wire))
        match rng.randrange(6):
            case 0:
                wire[at] ^= 1 << rng.randrange(8)
            case 1:
                del wire[at : at + rng.randint(1, 5)]
            case 2:
                wire[at:at] = wire[at : at + rng.randint(1, 5)]
            case 3:
                wire[at:at] = b"\r\n[   12.345678] usb 1-1: new device @ 0x1000\r\n"
            case 4:
                wire[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
            case _:
                swap = rng.randrange(len(wire))
                wire[at], wire[swap] = wire[swap], wire[at]


@corrupted
def test_no_corrupted_line_is_taken_for_another_frame(lines: int) -> None:
    """Each corrupted line carries an answer; the decoder gives out that answer, unharmed, or nothing."""
    rng = random.Random(20240229)
    decoder = Decoder()
    wrong, kept, lost = [], 0, 0
    for number in range(lines):
        sent = Frame(Kind.ANSWER, number, f'{{"value":"{rng.getrandbits(64):#x}","count":{rng.randrange(9999)}}}')
        wire = bytearray(encode(sent))
        _corrupt(rng, wire)
        found = decoder.feed(bytes(wire))
        wrong += [frame for frame in found if frame != sent]
        kept += sent in found
        lost += not found
    assert wrong == []
    # Line ends in the middle do no harm and some damage hits the line end; all else must cost the frame.
    assert lost > kept > 0


class _BadLine:
    """A console that corrupts every answer of a probe; whoever waits for more than has come is late at once."""

    def __init__(self) -> None:
        self.corrupted = 0
        self._rng = random.Random(20240301)
        self._probe = Decoder()
        self._waiting = b""

    def write(self, data: bytes) -> None:
        for request in self._probe.feed(data):
            answer = Frame(Kind.ANSWER, request.sequence, json.dumps({"asked": request.payload}))
            wire = bytearray(encode(answer))
            _corrupt(self._rng, wire)
            self.corrupted += 1
            self._waiting += wire

    def read(self, deadline: float) -> bytes:
        data, self._waiting = self._waiting, b""
        if not data:
            raise TimeoutError(deadline)
        return data

    def last_lines(self, n: int = 20) -> str:
        return f"(no {n} lines)"


@corrupted
def test_every_answer_over_a_line_that_corrupts_all_of_them_is_the_right_one_and_comes(lines: int) -> None:
    line = _BadLine()
    link = ProbeLink(line, "guest0")
    number = 0
    while line.corrupted < lines:
        number += 1
        assert link.request(f"request {number}", timeout=5.0) == {"asked": f"request {number}"}
    assert line.corrupted > number
