# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.guest.short_lived import ShortLivedFolder
from tests import programs

_KEEP = (
    "from harness.guest.short_lived import ShortLivedFolder; import sys\n"
    "folder = ShortLivedFolder('shmem-test-'); (folder.path / 'secret').write_text('x')\n"
    "print(folder.path, flush=True); sys.stdin.read()\n"
)


def test_it_goes_when_it_is_closed() -> None:
    folder = ShortLivedFolder("shmem-test-")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "secret").write_text("x")
    folder.close()
    folder.close()
    assert not folder.path.exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_it_goes_when_its_process_ends(how: signal.Signals) -> None:
    with programs.Program(
        [sys.executable, "-c", _KEEP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert (folder / "secret").exists()
        # As a terminal does with Ctrl-C: to everyone who belongs to the program.
        if how is signal.SIGINT:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
    deadline = time.monotonic() + 10
    while folder.exists():
        assert time.monotonic() < deadline, "the folder is still there"
