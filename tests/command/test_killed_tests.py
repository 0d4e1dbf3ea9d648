# SPDX-License-Identifier: Apache-2.0
"""The tests of the harness, ended at any moment: nothing that they have started is left."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from tests import programs
from tests.command.adopting import adopted, commands
from tests.command.shell import CHECKOUT

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
LONGEST = 300.0
"""Seconds; the tests alone take longer."""


@pytest.mark.long
@pytest.mark.parametrize("round_", range(10))
def test_nothing_is_left_of_tests_that_are_killed(tmp_path: Path, round_: int) -> None:
    number = SIGNALS[round_ % len(SIGNALS)]
    moment = random.uniform(0.0, LONGEST)
    print(f"{number.name} after {moment:.1f} s")
    command = [sys.executable, "-m", "tests", "-p", "no:randomly"]
    with adopted(command, CHECKOUT, tmp_path / "output") as run:
        assert run.stdout
        pid = int(run.stdout.readline())
        time.sleep(moment)
        os.kill(pid, number)
        assert run.stdout.readline().startswith("ended ")
        programs.until(lambda: run.poll() is not None, lambda: f"left: {commands(run.pid)}")
