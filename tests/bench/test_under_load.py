# SPDX-License-Identifier: Apache-2.0
"""Interrupts by lines alone on a machine that has no time: notification again and again beside busy processes."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import shipped
from tests import programs
from tests.bench import shipped_suites

REPETITIONS = int(os.environ.get("REPETITIONS", "20"))
BUSY_PER_CORE = 2
_BUSY = (sys.executable, "-S", "-c", "while True: pass")


@contextmanager
def _load() -> Iterator[None]:
    """Two processes a core that never rest."""
    with contextlib.ExitStack() as stack:
        for _ in range(BUSY_PER_CORE * len(os.sched_getaffinity(0))):
            busy = stack.enter_context(programs.Program(_BUSY))
            stack.callback(busy.kill)
        yield


@pytest.mark.soak
def test_no_signal_is_lost_on_a_busy_machine_without_msi(tmp_path: Path) -> None:
    file = shipped.TARGETS / "qemu-variants.yaml"
    seen: Counter[str] = Counter()
    with _load():
        for number in range(REPETITIONS):
            folder, began = tmp_path / str(number), time.monotonic()
            done = shipped_suites.run(file, "qemu-x86_64-no-msi", ["suites/notification"], folder)
            assert done.returncode == 0, done.stdout
            verdicts = Counter(entry["verdict"] for entry in json.loads(_results(folder))["results"])
            print(f"repetition {number + 1}: {time.monotonic() - began:.0f} s, {dict(verdicts)}", flush=True)
            seen += verdicts
    assert set(seen) <= {"pass", "skipped", "recorded"}
    assert seen["pass"] >= REPETITIONS


def _results(folder: Path) -> str:
    return (folder / "latest/results.json").read_text()
