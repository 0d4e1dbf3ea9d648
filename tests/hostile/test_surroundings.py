# SPDX-License-Identifier: Apache-2.0
"""What is around an emulated bench goes wrong: its disk is full, its clock is set, its QEMU is suspended."""

from __future__ import annotations

import ast
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.console.buffer import ConsoleEndedError
from harness.guest.probe import Probe
from harness.guest.probe_link import ProbeError
from tests.bench.mini_suite import MiniSuite, emulated
from tests.boards.preloaded import preloaded
from tests.command.shell import shell
from tests.emulator.conftest import Bench, configuration

CHECKOUT = Path(__file__).parents[2]

_FULL = """unshare --map-root-user --mount bash -c '
    mount -t tmpfs -o size=64k,nr_inodes=200 none place && mkdir -m 700 place/run
    exec 3<>hold
    {python} -m harness.emulator.daemon --run-dir $PWD/place/run --lifeline 3 2>host.log & host=$!
    while [ ! -S place/run/control ]; do sleep 0.05; done
    head -c 1M /dev/zero >place/fill
    QVM_HOST=$PWD/place/run/control {python} -m harness.emulator.qvm @{path}; echo "qvm $?"
    rm place/fill
    QVM_HOST=$PWD/place/run/control timeout 20 {python} -m harness.emulator.qvm @wrong.qvmconf; echo "qvm $?"
    kill $host; wait $host; echo "host $?"; ls place'
"""


def test_a_host_whose_disk_is_full_says_so_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    os.mkfifo(tmp_path / "hold")
    devices = "vdev shmem loc 0x1c050000 intr gic:43"
    (tmp_path / "guest.qvmconf").write_text(configuration(console=">-", devices=devices))
    (tmp_path / "wrong.qvmconf").write_text("system one\nram 64M\nload nowhere\n")
    python = CHECKOUT / ".venv/bin/python"
    run = shell(_FULL.format(python=python, path="guest.qvmconf"), cwd=tmp_path)
    if "Operation not permitted" in run.stderr:
        pytest.skip("this machine lets an ordinary user mount nothing")
    said = run.stdout + run.stderr
    assert "qvm 64\n" in run.stdout, said
    assert "No space left on device" in said
    assert "qvm 65\nhost 0\n" in run.stdout, said
    assert run.stdout.endswith("host 0\n"), "the folder of the host is gone"
    log = (tmp_path / "host.log").read_text()
    assert "out of room on a disk" in log
    assert "Traceback" not in said + log


@pytest.mark.parametrize("seconds", [86_400, -86_400], ids=["ahead", "back"])
def test_a_clock_that_is_set_changes_no_wait_of_an_emulated_bench(tmp_path: Path, seconds: int) -> None:
    """Of all processes of the run: pytest, daemon, qvm, QEMU."""
    mini = MiniSuite(tmp_path)
    mini.benches(bench=emulated())
    clock = mini.write("clock", "0")
    mini.environment |= {"LD_PRELOAD": str(preloaded("clock")), "CLOCK_FILE": str(clock)}
    mini.test(f"""
def test_1(deploy, bench):
    import os, pathlib
    one, two = deploy("allow a", "")
    left, right = one.attach("a", 2), two.attach("a")
    with bench.host() as host:
        pathlib.Path(os.environ["CLOCK_FILE"]).write_text("{seconds}")
        left.signal(right.index)
        assert right.pending() == {{left.index}}
    left.detach()
    assert right.members() == {{right.index}}
def test_2(deploy):
    deploy("allow b")[0].attach("b")
""")
    run = mini.run("test_it.py")
    assert run.returncode == 0, run.stdout + run.stderr
    assert 0 < mini.results()["run"]["duration_s"] < 3600


WALL_CLOCK = {
    "harness/console/buffer.py": "the time stamps of a console's log",
    "harness/cli/prove.py": "when a proof was made",
    "harness/prove": "when a proof was made",
    "harness/events.py": "the times of the evidence",
    "harness/report": "the times of the evidence",
    "harness/runs/qualify.py": "when a run ended",
    "harness/target/scope": "whether a waiver has expired",
}
"""Who may ask what time it is on the wall; whoever waits or measures asks a clock that nobody sets."""
_ASKS = ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today")


def test_nobody_waits_by_the_clock_on_the_wall() -> None:
    found = set()
    for source in sorted([*CHECKOUT.glob("harness/**/*.py"), *CHECKOUT.glob("fixtures/**/*.py")]):
        name = source.relative_to(CHECKOUT).as_posix()
        nodes = ast.walk(ast.parse(source.read_text()))
        asks = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
        if asks & set(_ASKS):
            found.add(name)
    assert [name for name in found if not name.startswith(tuple(WALL_CLOCK))] == []
    assert found


@pytest.mark.long
def test_a_qemu_that_is_suspended_at_any_moment_of_an_attach_stops_nobody(bench: Bench) -> None:
    """It goes on, or is ended with a word; the others work meanwhile, and never wait as long as QEMU would."""
    source = random.Random(4711)
    _, honest = bench.guest(configuration(system="honest", console="/dev/ptyp9"), "honest")
    honest.probe.attach("work", 1)
    ended = 0
    for round_ in range(20):
        name = f"storm{round_}"
        process, storm = bench.guest(configuration(system=name, console=f"/dev/ptyp{round_ % 8}"), name)
        pid = next(guest.pid for guest in bench.client.guests() if guest.system == name)
        assert pid is not None
        with ThreadPoolExecutor(1) as pool:
            busy = pool.submit(_storm, storm.probe)
            time.sleep(source.uniform(0.0, 0.3))
            os.kill(pid, signal.SIGSTOP)
            slowest = 0.0
            for turn in range(5):
                began = time.monotonic()
                honest.probe.notify(1)
                honest.probe.fill(0, 4096, turn)
                slowest = max(slowest, time.monotonic() - began)
            if process.poll() is None:
                os.kill(pid, signal.SIGCONT)
                process.send_signal(signal.SIGQUIT)
            process.wait(120)
            busy.exception(120)
        said = process.communicate()[1]
        assert process.returncode in (3, 6), said
        ended += process.returncode == 6
        assert (process.returncode == 6) == ("suspended" in said), said
        print(f"round {round_}: qvm {process.returncode}, the slowest turn of the others {slowest:.2f} s")
    assert {guest.system for guest in bench.client.guests()} == {"honest"}
    print(f"{ended} of 20 in the middle of an attach")


def _storm(probe: Probe) -> None:
    for number in range(10_000):
        try:
            probe.attach(f"s{number % 7}", 1)
            probe.detach()
        except (ProbeError, ConsoleEndedError):
            return
