# SPDX-License-Identifier: Apache-2.0
"""Whatever comes over a guest's console: the probe's C code, with sanitizers, and the decoder at the other end."""

from __future__ import annotations

import random
import re
import shutil
import sys
import zlib
from pathlib import Path
from typing import Final

import pytest

from harness.guest.framing import Decoder, Frame, Kind, encode
from tests import programs
from tests.hostile.fuzzing import fuzzed, sample_and_many, spoilt

CHECKOUT: Final = Path(__file__).parents[2]
PROBE: Final = CHECKOUT / "targets/images/probe"
FLAGS: Final = ["-std=gnu11", "-O2", "-g", "-fno-sanitize=alignment", "-fsanitize-coverage=trace-pc"]
"""The probe makes misaligned accesses on purpose."""


def _compiler() -> list[str]:
    """gcc finds wrong accesses as well; the compiler that this project brings along has no library for that."""
    if gcc := shutil.which("gcc"):
        return [gcc, "-no-pie", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    return [sys.executable, "-m", "ziglang", "cc", "-fsanitize=undefined", "-fsanitize-trap=undefined"]


@pytest.fixture(name="fuzzer", scope="module")
def _fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core of the probe, on a machine that is made up."""
    folder = tmp_path_factory.mktemp("probe")
    sources = sorted(PROBE.glob("core/*.c"))
    names = [
        name for source in sources for name in re.findall(r'^    \{"([^"]+)", "', source.read_text(), re.MULTILINE)
    ]
    assert len(names) > 20
    (folder / "words.inc").write_text("".join(f'"{name}",\n' for name in names))
    includes = [f"-I{place}" for place in (folder, PROBE / "core", PROBE / "platform", PROBE / "platform/shared")]
    program = folder / "probe_fuzz"
    command: list[str | Path] = [
        *_compiler(),
        *FLAGS,
        *includes,
        *sources,
        *sorted((CHECKOUT / "tests/hostile").glob("probe_*.c")),
        "-o",
        program,
    ]
    done = programs.run(command, capture_output=True, text=True, check=False)
    if done.returncode and re.search(r"cannot find .*(asan|ubsan)", done.stderr):
        pytest.skip("the compiler has no sanitizers")
    assert done.returncode == 0, done.stderr
    return program


@sample_and_many(5000)
def test_no_line_breaks_the_probe(fuzzer: Path, count: int) -> None:
    """Each whole request gets one answer, nothing else gets any, and every answer is clean text."""
    with fuzzed("probe lines, C", count) as run:
        # A hang ends by the program's own alarm.
        command = [str(fuzzer), str(run.seed), str(count)]
        done = programs.run(command, capture_output=True, text=True, timeout=6 * programs.PATIENCE, check=False)
        assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-3000:]}"
        run.done = count
    print(done.stdout.strip())
    blocks = int(re.findall(r"(\d+) blocks", done.stdout)[0])
    assert blocks > 250, "the commands themselves are reached"


def _frames(stream: bytes) -> list[tuple[str, int, bytes]]:
    """Kind, number and payload of the frames in a stream, by the words of docs/probe.md."""
    found = []
    for part in re.sub(rb"[\r\n]", b"", stream).split(b"@")[1:]:
        match = re.match(rb"([QANH]):([0-9a-f]{8}):([0-9a-f]{4}):([0-9a-f]{8}):", part)
        payload = part[25 : 25 + int(match[3], 16)] if match else b""
        whole = match and len(payload) == int(match[3], 16) and payload.isascii()
        if match and whole and zlib.crc32(part[:16] + payload) == int(match[4], 16):
            found.append((match[1].decode(), int(match[2], 16), payload))
    return found


def _stream(source: random.Random) -> bytes:
    """Frames, pieces of frames, echo and noise."""
    parts = []
    for _ in range(source.randint(1, 4)):
        text = "".join(source.choices('abc {}":0~%\\', k=source.choice([0, 1, 30, 200])))
        wire = encode(Frame(source.choice(list(Kind)), source.getrandbits(32), text))
        parts.append(
            source.choice(
                [
                    wire,
                    wire,
                    spoilt(source, wire),
                    wire[: source.randrange(len(wire))],
                    source.randbytes(9),
                    b"@\r\n@Q:",
                ]
            )
        )
    return b"".join(parts)


@sample_and_many(5000)
def test_the_decoder_finds_the_frames_and_nothing_else(count: int) -> None:
    found = 0
    with fuzzed("probe lines, Python", count) as run:
        for size in run.batches(1000):
            for _ in range(size):
                stream, decoder, frames = _stream(run.source), Decoder(), []
                at = 0
                while at < len(stream):
                    piece = run.source.choice([1, 7, 64, 1 << 12])
                    frames += decoder.feed(stream[at : at + piece])
                    at += piece
                seen = [(frame.kind.value, frame.sequence, frame.payload.encode()) for frame in frames]
                assert seen == _frames(stream), stream
                found += len(seen)
    assert found > count // 2


def test_a_stream_without_an_end_takes_no_memory_and_no_time() -> None:
    """A frame that is never whole, and noise that is none, in a hundred million bytes."""
    for start in (b"", b"@A:00000000:ffff:00000000:", b"@A:", b"@"):
        decoder = Decoder()
        decoder.feed(start)
        for _ in range(400):
            assert decoder.feed(b"x" * (1 << 16)) == []
        assert decoder.feed(encode(Frame(Kind.ANSWER, 7, "{}"))) == [Frame(Kind.ANSWER, 7, "{}")]
