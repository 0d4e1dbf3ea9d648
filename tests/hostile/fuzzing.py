# SPDX-License-Identifier: Apache-2.0
"""How the fuzzers of this folder run: so many inputs of a seed, each with its bound of time, and the figures printed.

Inputs come from grammars and from mutations, so that the oracle of a test can say of each what its answer must be;
the C code of the probe is fuzzed with the compiler's view of what has been reached. A fuzzer that is driven by the
coverage of Python code (atheris) has wheels for some of the Pythons only that this project runs on, and ends the
process that it is called in.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

MANY: Final = 1_000_000
SEED: Final = "FUZZ_SEED"
"""Environment variable with the seed of a long run, to see a failure again."""
SLOWEST: Final = 10.0
"""Seconds of the processor for one batch of inputs; each takes a thousandth, so it means a hang on any machine."""


@dataclass
class Run:
    """The inputs of one fuzzer: how many, and from which seed."""

    name: str
    count: int
    seed: int
    source: random.Random = field(init=False)
    done: int = 0
    slowest: float = 0.0

    def __post_init__(self) -> None:
        self.source = random.Random(self.seed)

    def batches(self, size: int) -> Iterator[int]:
        """Numbers of inputs that are left, ``size`` at a time, each bounded in time."""
        while self.done < self.count:
            began = time.process_time()
            yield min(size, self.count - self.done)
            self.done += size
            self.slowest = max(self.slowest, time.process_time() - began)
            assert self.slowest < SLOWEST, f"{self.slowest:.1f} s of the processor for {size} inputs"


@contextmanager
def fuzzed(name: str, count: int) -> Iterator[Run]:
    """A run, whose figures are printed, and whose failure has what repeats it."""
    seed = 1 if count < MANY else int(os.environ.get(SEED) or random.SystemRandom().randrange(1 << 32))
    run = Run(name, count, seed)
    began = time.monotonic()
    # A sentence for each wrong input is right, and a million of them are of no use.
    logging.disable(logging.CRITICAL)
    try:
        yield run
    except BaseException as error:
        error.add_note(f"{name}: seed {seed}, after {run.done} inputs; repeat with {SEED}={seed}")
        raise
    finally:
        logging.disable(logging.NOTSET)
        seconds = time.monotonic() - began
        print(f"{name}: {run.done} inputs in {seconds:.1f} s, seed {seed}, slowest batch {run.slowest:.3f} s")


def descriptors(process: int | str = "self") -> int:
    """How many a process has open."""
    return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())


def sample_and_many(sample: int) -> pytest.MarkDecorator:
    """Run the test with ``sample`` inputs, and with a million where there is time for it."""
    values = [pytest.param(sample, id="sample"), pytest.param(MANY, id="million", marks=pytest.mark.long)]
    return pytest.mark.parametrize("count", values)


def spoilt(source: random.Random, data: bytes, *, most: int = 3) -> bytes:
    """The bytes with one to ``most`` changes."""
    changed = bytearray(data)
    for _ in range(source.randint(1, most)):
        at = source.randrange(len(changed) + 1)
        match source.randrange(6):
            case 0 if at < len(changed):
                changed[at] ^= 1 << source.randrange(8)
            case 1:
                del changed[at : at + source.randint(1, 8)]
            case 2:
                changed[at:at] = source.randbytes(source.randint(1, 8))
            case 3:
                changed[at:at] = changed[at : at + source.randint(1, 16)]
            case 4 if at < len(changed):
                changed[at] = source.choice(b"\x00\xff\x7f\x80\x01@~:\"'{}[]\\\n\r 0")
            case _:
                del changed[at:]
    return bytes(changed)
