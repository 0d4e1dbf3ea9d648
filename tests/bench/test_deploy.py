# SPDX-License-Identifier: Apache-2.0
"""Guests are started, shared and ended as the fixtures promise, and failures reported; with real guests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness import provision
from tests import programs
from tests.bench.mini_suite import CHECKOUT, MiniSuite, emulated
from tests.bench.processes import VARIABLE, marked, new_mark


def _run(mini: MiniSuite, body: str, *, status: int, target: str | None = None) -> None:
    mini.test(body)
    mini.benches(bench=target or emulated())
    run = mini.run()
    assert run.returncode == status, run.stdout + run.stderr


def test_equal_configurations_share_guests_and_leave_nothing_attached(mini: MiniSuite) -> None:
    """The evidence of each test has the text that qvm got, and what the guests said."""
    body = """
seen = []
def test_1(deploy):
    guest, peer = deploy("allow a* allow b", "")
    peer.attach("a1")
    assert guest.attach("a1").pages == 1
    seen.append(guest)
def test_2(deploy):
    guest, peer = deploy("allow a* allow b", "")
    assert guest is seen[0]
    assert guest.attach("a1").members() == {0}
def test_3(deploy):
    assert deploy("allow b*", "")[0] is not seen[0]
"""
    _run(mini, body, status=0)
    folder = mini.folder / "reports/latest"
    first, second, third = (
        {Path(path).name: folder / path for path in record["evidence"]} for record in mini.results()["results"]
    )
    assert first["guest0.qvmconf"] == second["guest0.qvmconf"] != third["guest0.qvmconf"]
    assert "vdev shmem\n    allow a*\n    allow b\n" in first["guest0.qvmconf"].read_text()
    said = first["guest0.console.log"].read_text()
    assert "attach a1 1" in said
    assert said.index("test_it.py::test_1") < said.index("test_it.py::test_2")
    assert "test_it.py::test_3" in third["guest1.console.log"].read_text()


def test_flags_are_what_they_were_for_the_next_test(mini: MiniSuite) -> None:
    """Of each device: with bits that are refused, it would have no request granted any more."""
    body = """
def test_1(deploy):
    (guest,) = deploy(("", ""))
    for vdev in (0, 1):
        guest.select(vdev)
        guest.write("factory", 0x40, 4, 0xFFFF_FFFF)
    assert guest.request("a").region is None
def test_2(deploy):
    (guest,) = deploy(("", ""))
    for vdev in (1, 0):
        guest.attach(f"a{vdev}", vdev=vdev)
        assert guest.read("factory", 0x40, 4) == 0
"""
    target = emulated("profile_overrides: {flags_unknown_bits: refused}").replace('"7.0"', '"8.0"')
    _run(mini, body, status=0, target=target)


def image_of_a_test(image: str) -> Path:
    """An image of the folder next to this file."""
    recipe = provision.Recipe(
        name=f"image {image} of a test",
        folder=CHECKOUT / "tests/bench/images",
        target="aarch64-freestanding-none",
        sources=(f"{image}.S",),
        flags=("-nostdlib", "-static", "-Wl,-T,guest.ld"),
        inputs=(f"{image}.S", "guest.ld"),
        output=f"{image}.elf",
    )
    return provision.compile_c(recipe).path / recipe.output


def _booting(mini: MiniSuite, image: str, options: str = "") -> str:
    """A bench whose guests boot an image of a test."""
    template = (CHECKOUT / "targets/qemu-aarch64/probe.qvmconf.j2").read_text()
    mini.write("templates/probe.qvmconf.j2", template.replace("{{ image }}", str(image_of_a_test(image))))
    return emulated(options, templates=mini.folder / "templates")


def test_a_guest_that_never_answers_is_named_with_its_last_words(mini: MiniSuite) -> None:
    """The second one costs its time too, then the bench is given up."""
    body = "".join(f'def test_{n}(deploy):\n    deploy("", "")\n' for n in range(1, 5))
    _run(mini, body, status=2, target=_booting(mini, "silent", "boot_seconds: 8"))
    assert mini.verdicts() == {f"bench:{n}": "error" for n in range(1, 5)}
    assert "guest0: no answer to 'identify' within" in mini.reasons()
    assert "cannot find my teeth" in mini.reasons()
    assert "bench bench is given up" in mini.reasons()


def test_a_guest_that_ends_early_is_reported_with_qvms_status(mini: MiniSuite) -> None:
    _run(mini, 'def test_1(deploy):\n    deploy("", "")\n', status=2, target=_booting(mini, "ends"))
    assert "qvm of guest guest0 ended with exit status 0" in mini.reasons()


def test_what_cannot_be_deployed_is_explained_and_does_not_cost_the_bench(mini: MiniSuite) -> None:
    """RequestFailed by qvm (three times), not even options, and then something that works."""
    body = """
LONG = "create far-too-long-for-a-region-name-on-the-host,4096"
def test_1(deploy): deploy(f"{LONG} deny x")
def test_2(deploy): deploy(f"{LONG} deny y")
def test_3(deploy): deploy("", f"{LONG} deny z")
def test_4(deploy): deploy("allow")
def test_5(deploy): deploy("")[0].attach("works")
"""
    _run(mini, body, status=2)
    assert mini.verdicts() == {"bench:5": "pass", **{f"bench:{n}": "error" for n in range(1, 5)}}
    reasons = mini.reasons()
    assert "qvm of guest guest0 ended with exit status 65" in reasons
    assert "qvm of guest guest1 ended with exit status 65" in reasons
    assert "guest0.qvmconf:" in reasons
    assert "not the options of one vdev shmem: 'allow'" in reasons


def test_a_guest_that_does_not_end_is_shown_with_its_last_words(mini: MiniSuite) -> None:
    body = """
import fixtures.running.life
def test_1(deploy):
    fixtures.running.life._END_SECONDS = 0.3
    deploy("")[0].wait_end()
"""
    _run(mini, body, status=2)
    assert "did not end in 0.3 s" in mini.reasons()
    assert "last lines of its console:\n" in mini.reasons()


def test_a_missing_image_is_reported_by_qvm(mini: MiniSuite) -> None:
    template = (CHECKOUT / "targets/qemu-aarch64/probe.qvmconf.j2").read_text()
    mini.write("templates/probe.qvmconf.j2", template.replace("{{ image }}", "/nowhere/probe.elf"))
    target = emulated(templates=mini.folder / "templates")
    _run(mini, 'def test_1(deploy): deploy("")\n', status=2, target=target)
    assert "ended with exit status 65" in mini.reasons()
    assert "/nowhere/probe.elf" in mini.reasons()


def test_what_dies_in_a_test_is_replaced_for_the_next(mini: MiniSuite) -> None:
    """A guest that hangs, a guest that ends, the host itself."""
    body = """
def test_1(deploy): deploy("", "")[0].probe.crash("hang", timeout=0.5)
def test_2(deploy): deploy("", "")[0].attach("works")
def test_3(deploy):
    guest, peer = deploy("", "")
    guest.probe.power_off()
    guest.attach("too-late")
def test_4(deploy): deploy("", "")[0].attach("works")
def test_5(deploy, bench):
    deploy("", "")
    with bench.host() as host:
        host._client.shutdown()
    deploy("deny x", "")
def test_6(deploy): deploy("", "")[0].attach("works")
"""
    _run(mini, body, status=2)
    assert [mini.verdicts()[f"bench:{n}"] for n in range(1, 7)] == ["error", "pass"] * 3
    assert "guest0: no answer to 'crash hang' within 0.5 s" in mini.reasons()
    # The request may be written before the console's end, or fail to be.
    assert re.search("the console of guest0 ended|guest0 does not accept input", mini.reasons()), mini.reasons()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_run_that_is_ended(mini: MiniSuite, number: signal.Signals, tmp_path: Path) -> None:
    """The host, its guests and its files are gone soon after pytest, however that ends."""
    mini.test(
        "import pathlib, time\n"
        'def test_1(deploy):\n    deploy("", "")\n    pathlib.Path("running").touch()\n'
        f"    {programs.SLEEPS}\n"
    )
    mini.benches(bench=emulated())
    mark = new_mark()
    places = tmp_path / "tmp"
    places.mkdir()
    # Short, because sockets are made below it.
    short = Path("/tmp") / mark[-12:]
    short.symlink_to(places)
    mini.environment |= {VARIABLE: mark, "TMPDIR": str(short)}
    command = mini.command("--lg-env", "benches.yaml")
    try:
        with programs.Program(command, cwd=mini.folder, env=mini.variables(), stdout=subprocess.DEVNULL) as process:
            programs.until(lambda: (mini.folder / "running").exists(), "the test did not begin")
            assert len(marked(mark)) >= 6  # pytest, the host, two qvm and two QEMU
            os.kill(process.pid, number)
            process.wait(programs.PATIENCE)
        programs.until(lambda: not marked(mark), "processes are left")
        programs.until(lambda: not list(places.iterdir()), "files are left")
    finally:
        short.unlink()


def test_two_runs_at_the_same_time_do_not_meet(mini: MiniSuite, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = MiniSuite(tmp_path_factory.mktemp("other"))
    body = "".join(f'def test_{n}(deploy):\n    deploy("allow a{n}", "")[0].attach("a{n}")\n' for n in range(1, 4))
    runs = []
    for suite in (mini, other):
        suite.test(body)
        suite.benches(bench=emulated())
        command = suite.command("--lg-env", "benches.yaml")
        runs.append(
            programs.Program(command, cwd=suite.folder, env=suite.variables(), stdout=subprocess.PIPE, text=True)
        )
    for run in runs:
        output, _ = run.communicate(timeout=programs.PATIENCE)
        assert run.returncode == 0, output
