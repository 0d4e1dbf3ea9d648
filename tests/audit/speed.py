# SPDX-License-Identifier: Apache-2.0
"""How long an audit takes: ``python -m tests.audit.speed`` prints the figures beside their limits.

Each system is audited by the command, in a process of its own, start of the program included.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_WORDS: Final = ("camera", "video", "audio", "map", "telemetry", "radar", "route", "log", "update", "hud", "phone")

SYSTEMS: Final = (
    ("8 VMs with 20 rules each", 8, 20, 0.5),
    ("50 VMs with 100 rules each", 50, 100, 10.0),
    ("2 VMs with 1,000 patterns each", 2, 1000, 30.0),
)
"""What it is, VMs, rules of each, and seconds at most."""

MEMORY: Final = 1024
"""MiB at most."""


def write_system(folder: Path, vms: int, rules: int) -> None:
    """Write the configurations of a system in which a part of the VMs can meet."""
    draw = random.Random(f"{vms} {rules}")
    for vm in range(vms):
        lines = [f"system vm{vm}", "ram 0x80000000,128M", "cpu", "vdev shmem"]
        for rule in range(rules):
            word = draw.choice(_WORDS)
            names = (f"{word}_{vm}_{rule}", f"{word}_{rule}", f"vm{vm}_{word}{rule}*", f"{word}_{vm % 5}_{rule}_*")
            lines.append(f"  allow {draw.choice(names)}")
        (folder / f"vm{vm}.qvmconf").write_text("\n".join([*lines, f"  create own{vm},0x1000"]) + "\n")


def measured(folder: Path) -> tuple[float, float, float]:
    """Seconds on the clock, seconds of the processor and MiB of memory that the audit of a folder takes."""
    began = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "harness", "audit", str(folder), "--json"],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit("the audit ended with an error")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, _mebibytes(used)


def _mebibytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024


def lines() -> Iterator[str]:
    """The figures, one line for each system."""
    for what, vms, rules, limit in SYSTEMS:
        with tempfile.TemporaryDirectory() as folder:
            write_system(Path(folder), vms, rules)
            clock, processor, memory = measured(Path(folder))
        yield (
            f"{what}: {clock:.2f} s, {processor:.2f} s of the processor (limit {limit:g} s), "
            f"{memory:.0f} MiB (limit {MEMORY} MiB)"
        )


if __name__ == "__main__":
    for line in lines():
        print(line)
