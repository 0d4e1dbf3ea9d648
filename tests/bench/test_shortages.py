# SPDX-License-Identifier: Apache-2.0
"""A machine that runs out of memory, descriptors or room gives errors: neither a fail of the device nor a pass."""

from __future__ import annotations

import pytest

from harness.emulator import shortages
from tests import programs
from tests.bench.mini_suite import MiniSuite, emulated

# One process of the bench gets a limit when the guests run. What follows fails, or passes, for that reason alone.
LIMITED = """
import os, pathlib, resource

def limit(process, what, number):
    resource.prlimit(process, what, (number, resource.prlimit(process, what)[1]))

def descriptors(process):
    taken = os.listdir(f"/proc/{process}/fd")
    return next(number for number in range(1 << 16) if str(number) not in taken)

def processes(bench):
    with bench.host() as host:
        return host._running.pid, host._client.guests()[0].pid

def test_1(deploy, bench):
    "The host has no descriptor for a region, and the guest is refused."
    (guest,) = deploy("")
    host, _ = processes(bench)
    limit(host, resource.RLIMIT_NOFILE, descriptors(host))
    assert guest.request("one").status == 0

def test_2(deploy, bench):
    "The same, by a test that wants a refusal."
    (guest,) = deploy("deny a*")
    host, _ = processes(bench)
    limit(host, resource.RLIMIT_NOFILE, descriptors(host))
    assert guest.request("two").status != 0

def test_3(deploy, bench):
    "The region is larger than a file may be."
    (guest,) = deploy("")
    host, _ = processes(bench)
    limit(host, resource.RLIMIT_FSIZE, 4096)
    assert guest.request("three", 8).status == 0

def test_4(deploy, bench):
    "QEMU has no descriptor for the memory of the region."
    (guest,) = deploy("")
    _, qemu = processes(bench)
    limit(qemu, resource.RLIMIT_NOFILE, descriptors(qemu))
    assert guest.request("four").status == 0

def test_5(deploy, bench):
    "The kernel kills a guest's QEMU, as it does for lack of memory; the test takes that for an end of its own doing."
    (guest,) = deploy("")
    os.kill(processes(bench)[1], 9)
    assert guest.wait_end() != 3

def test_6(deploy):
    "A bench that was limited before restarts."
    (guest,) = deploy("allow b*")
    assert guest.request("b1").status == 0
"""


def test_what_a_process_of_the_bench_runs_out_of_is_named(mini: MiniSuite) -> None:
    mini.test(LIMITED)
    mini.benches(bench=emulated())
    run = mini.run()
    reasons = {case["test"].partition("::")[2][:6]: case["reason"] for case in mini.results()["cases"]}
    assert run.returncode == 2, run.stdout + run.stderr
    assert mini.verdicts() == {f"bench:{n}": "pass" if n == 6 else "error" for n in range(1, 7)}, reasons
    for number, named in enumerate(("EMFILE", "EMFILE", "EFBIG", "EMFILE", "SIGKILL"), 1):
        assert "ran out of resources" in reasons[f"test_{number}"]
        assert named in reasons[f"test_{number}"]
        assert "remedy: raise the limit" in reasons[f"test_{number}"]


@pytest.mark.parametrize("limit", ["-v 700000", "-n 24", "-f 1000"])
def test_a_run_under_a_limit_gives_no_verdict_about_the_device(mini: MiniSuite, limit: str) -> None:
    """Of the shell: for every process that the run starts."""
    mini.test('def test_1(deploy): assert deploy("", "")[0].request("a").status == 0\n')
    mini.benches(bench=emulated())
    run = programs.run(
        ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *mini.command("--lg-env", "benches.yaml")],
        cwd=mini.folder,
        env=mini.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2, run.stdout + run.stderr
    assert mini.verdicts() == {"bench:1": "error"}
    assert "out of" in mini.reasons()


@pytest.mark.parametrize(
    "said",
    [
        "qemu-system-x86_64: allocate 1073741824 bytes for jit buffer: Cannot allocate memory",
        "qemu: qemu_thread_create: Resource temporarily unavailable",
        "vfio: failed to set up: Too many open files",
        "GLib: gmem.c:130: failed to allocate 8192 bytes",
        "qemu: cannot write: No space left on device",
    ],
)
def test_what_qemu_says_of_it_counts(said: str) -> None:
    before = len(shortages.noted())
    shortages.note_words(f"qemu: warning: nothing\n{said}\n", "QEMU")
    assert len(shortages.noted()) == before + 1
    shortages.note_words("qemu: terminating on signal 15 from pid 4\nqemu: Invalid argument", "QEMU")
    assert len(shortages.noted()) == before + 1
