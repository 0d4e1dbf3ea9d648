# SPDX-License-Identifier: Apache-2.0
"""Memory-mapped devices, several devices a guest, guests that a test ends, and what a setting leaves out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from labgrid.config import Config

from fixtures import window
from fixtures.configuration import Verbatim, shmem
from fixtures.settings import MmioLocation, read_benches
from harness.errors import UsageError
from harness.guest.probe_results import Bar, PciFunction, ShmemDevice
from harness.shmem.registers import SIGNATURE
from tests import programs
from tests.bench.mini_suite import MiniSuite, emulated, fake

PLACES = """mmio: [{loc: 0x1c050000, intr: "gic:43", window: 0x20000000}, {loc: 0x1c051000, intr: "gic:77"}]"""
BOTH = emulated(PLACES).replace("[pci]", "[pci, mmio]")


def _run(mini: MiniSuite, body: str, *, status: int = 0, target: str = BOTH) -> None:
    mini.test(body)
    mini.benches(bench=target)
    run = mini.run()
    assert run.returncode == status, run.stdout + run.stderr


def test_a_vdev_without_an_address_gets_the_next_location() -> None:
    places = [MmioLocation(0x1000, "gic:40"), MmioLocation(0x2000, "gic:41")]
    assert shmem(("allow a", "loc 0x9000 intr gic:50", ""), places).text == (
        "vdev shmem\n    loc 0x1000\n    intr gic:40\n    allow a\n"
        "vdev shmem\n    loc 0x9000\n    intr gic:50\n"
        "vdev shmem\n    loc 0x2000\n    intr gic:41\n"
    )
    with pytest.raises(UsageError, match=r"no location \(mmio\) for memory-mapped device number 2"):
        shmem(("", "", ""), places)


def test_verbatim_text_stays_as_it_is() -> None:
    text = Verbatim("vdev shmem {location} # the first\n\n  allow a  deny b\n")
    assert shmem(text).text == "vdev shmem  # the first\n\n  allow a  deny b\n"
    placed = shmem(text, [MmioLocation(0x1000, "gic:40")])
    assert "vdev shmem loc 0x1000 intr gic:40 # the first\n" in placed.text
    assert placed.vdevs[0].loc == 0x1000


def test_guests_have_their_devices_in_either_placement(mini: MiniSuite) -> None:
    body = """
def test_1(deploy, setting):
    guest, peer = deploy(("allow a*", "allow b*"), "")
    kinds = [device.placement for device in guest.devices()]
    assert kinds == [setting.placement] * 2
    assert guest.request("b1").region is None
    ours = guest.attach("b1", vdev=1)
    first = guest.attach("a1")
    assert peer.attach("b1").members() == {0, 1}
    assert any(first.address in window for window in guest.windows())
    peer.listen()
    ours.signal(1)
    assert peer.wait_interrupts(60).interrupts == 1
"""
    _run(mini, body)
    assert {record["placement"] for record in mini.results()["results"]} == {"pci", "mmio"}


def test_a_guest_looks_where_regions_have_been_if_it_is_not_said_where_they_are_shown(mini: MiniSuite) -> None:
    """In memory, without ``window``; where nothing is known, the test is left out."""
    body = """
MARK = 0x6B72616D_6B72616D
def test_1(deploy):
    guest, peer = deploy("", "")
    peer.attach("a", 4).mark_pages(MARK)
    ours = guest.attach("a")
    assert guest.pages_in_window_with(MARK) == 4
    ours.detach()
    assert guest.pages_in_window_with(MARK) == 0
def test_2(deploy):
    guest, peer = deploy("", "")
    assert guest.pages_in_window_with(MARK) == 0
"""
    target = emulated('mmio: [{loc: 0x1c050000, intr: "gic:43"}]').replace("[pci]", "[mmio]")
    _run(mini, body, target=target)
    assert [record["verdict"] for record in mini.results()["results"]] == ["pass", "skipped"]


def test_a_large_bank_is_searched_where_regions_have_been() -> None:
    """BARs up to a GiB are searched as a whole; a factory page of its own shows no regions."""
    bars = (
        Bar(0, 0x8000_0000, 0x1000, "memory", wide=False, prefetchable=False),
        Bar(1, 0x1000, 0x100, "io", wide=False, prefetchable=False),
        Bar(2, 0x9000_0000, 1 << 28, "memory", wide=True, prefetchable=True),
        Bar(4, 1 << 40, 1 << 33, "memory", wide=True, prefetchable=True),
    )
    function = PciFunction(0, 0, 1, 0, 0x1C05, 1, 0x058000, 0, 11, 1, bars)
    device = ShmemDevice(0, "pci", 0x8000_0000, SIGNATURE, 11, edge=False, covers=0, pci=function)
    place = window.of_region((1 << 40) + (1 << 30), 5000)
    bank = range(0x9000_0000, 0xA000_0000)
    beside = range(bank.stop, bank.stop + 0x5000)
    assert window.searched([device], [], [place, beside]) == [range(bank.start, beside.stop), place]
    bare = replace(device, pci=replace(function, bars=bars[:1]))
    assert window.searched([bare], [], [place]) == [place]
    assert window.searched([bare], [], []) == []


def test_a_guest_whose_end_the_test_has_seen_to_is_started_again_alone(mini: MiniSuite) -> None:
    body = """
kept = []
def test_1(deploy):
    guest, peer = deploy("", "")
    kept.append((guest, peer))
    peer.attach("a")
    assert guest.cut_power() == 3
def test_2(deploy):
    guest, peer = deploy("", "")
    assert guest is not kept[0][0] and peer is kept[0][1]
    assert guest.attach("a").members() == {0}
    peer.kill()
def test_3(deploy):
    assert [guest.attach("a").index for guest in deploy("", "")] == [0, 1]
    assert deploy() == ()
"""
    _run(mini, body, target=emulated())


def test_a_configuration_can_be_tried_while_guests_run(mini: MiniSuite) -> None:
    body = """
def test_1(deploy, attempt):
    guest, = deploy("")
    good, bad = attempt("vdev shmem {location} allow a"), attempt("vdev shmem\\n  allov a")
    assert (good.status, bad.status) == (None, 65)
    assert f"{bad.file}:{bad.line_of('allov')}]" in bad.messages
    assert guest.attach("a").members() == {0}
"""
    _run(mini, body)


def test_settings_and_releases_that_a_test_is_not_meant_for_are_left_out(mini: MiniSuite) -> None:
    """SHM-ALLOW-01 is stated for all releases, SHM-PERM-01 for 8.0 alone, SHM-ALLOW-08 is recorded everywhere."""
    mini.write(
        "test_it.py",
        """
import pytest
@pytest.mark.requirement("SHM-ALLOW-01")
def test_all(bench): assert bench
@pytest.mark.requirement("SHM-PERM-01")
@pytest.mark.only(placement=["mmio"])
def test_8(bench): assert bench
@pytest.mark.requirement("SHM-ALLOW-08")
@pytest.mark.only(placement=["pci"], guest_image=["probe"])
def test_recorded(bench, observations): observations.record("answer", "yes")
""",
    )
    placed = fake(PLACES).replace("[pci]", "[pci, mmio]")
    beyond = fake(PLACES + "\n  beyond: '7.0'").replace('"7.0"', "8.0").replace("[pci]", "[pci, mmio]")
    mini.benches(old=placed, new=placed.replace("7.0", "8.0"), further=beyond)
    assert mini.run().returncode == 0
    ran = {(r["requirement"], r["bench"], r["placement"], r["verdict"]) for r in mini.results()["results"]}
    assert ran == {
        *(("SHM-ALLOW-01", bench, placement, "pass") for bench in ("old", "new") for placement in ("pci", "mmio")),
        ("SHM-PERM-01", "old", "mmio", "skipped"),
        ("SHM-PERM-01", "new", "mmio", "pass"),
        ("SHM-ALLOW-08", "old", "pci", "recorded"),
        ("SHM-ALLOW-08", "new", "pci", "recorded"),
        # There for what 8.0 states beyond 7.0: of the rest one test each, in one placement.
        ("SHM-ALLOW-01", "further", "pci", "pass"),
        ("SHM-PERM-01", "further", "mmio", "pass"),
    }


def test_a_bench_for_a_further_release_samples_what_both_state(mini: MiniSuite) -> None:
    """In the placements in turn, by a test that is not skipped; what a test has judged needs no other."""
    mini.write(
        "test_it.py",
        """
import pytest
@pytest.mark.requirement("SHM-ALLOW-02")
@pytest.mark.lg_feature("missing")
def test_skipped(bench): assert bench
@pytest.mark.requirement("SHM-ALLOW-01", "SHM-ALLOW-02")
@pytest.mark.parametrize("n", range(3))
def test_both(bench, n): assert bench
@pytest.mark.requirement("SHM-ALLOW-03")
def test_other(bench): assert bench
@pytest.mark.requirement("SHM-ALLOW-01")
def test_again(bench): assert bench
""",
    )
    mini.benches(
        further=fake(PLACES + "\n  beyond: '7.0'").replace('"7.0"', "8.0").replace("[pci]", "[pci, mmio]"),
    )
    assert mini.run().returncode == 0
    report = mini.results()
    ran = [(case["test"].partition("::")[2].partition("[")[0], case["placement"]) for case in report["cases"]]
    assert sorted(ran) == [("test_both", "pci"), ("test_other", "pci")]
    (item,) = report["scope"]
    assert item["name"] == "all that is stated for 8.0, with one test each of what is stated for 7.0 as well"
    assert {"SHM-ALLOW-01", "SHM-ALLOW-02", "SHM-ALLOW-03"}.isdisjoint(each["requirement"] for each in item["unjudged"])
    assert not report["run"]["narrowed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("mmio: [{loc: here, intr: 'gic:43'}]", r"option mmio\[1\].loc is 'here'"),
        ("mmio: [{loc: 4096}]", r"option mmio\[1\].intr is missing"),
        ("mmio: [{loc: 4096, intr: gic}]", r"option mmio\[1\]: intr is 'gic'"),
        ("mmio: [{loc: 4096, intr: 'gic:43', trigger: loudly}]", r"option mmio\[1\].trigger is 'loudly'"),
        ("mmio: []", "option mmio is missing"),
        ("beyond: '6.0'", "option beyond is '6.0'"),
    ],
)
def test_wrong_places_are_named(mini: MiniSuite, options: str, message: str) -> None:
    path = mini.benches(left=fake(options).replace("[pci]", "[pci, mmio]"))
    with pytest.raises(UsageError, match=message):
        read_benches(Config(str(path)))


@pytest.mark.parametrize(("placements", "where"), [("[pci, mmio]", {"pci"}), ("[mmio]", {"mmio"})])
def test_what_does_not_depend_on_the_placement_runs_once_on_every_bench(
    mini: MiniSuite, placements: str, where: set[str]
) -> None:
    target = fake(PLACES).replace("placements: [pci]", f"placements: {placements}")
    _run(mini, "@pytest.mark.one_placement\ndef test_1(bench): assert bench", target=target)
    assert {record["placement"] for record in mini.results()["results"]} == where


@pytest.mark.parametrize(
    ("architecture", "placements", "where"),
    [
        ("aarch64", "[pci, mmio]", ["pci", "mmio", "pci"]),
        ("x86_64", "[pci, mmio]", ["mmio", "pci", "mmio"]),
        ("x86_64", "[mmio]", ["mmio", "mmio", "mmio"]),
    ],
)
def test_placements_take_turns_and_the_architectures_begin_with_different_ones(
    mini: MiniSuite, architecture: str, placements: str, where: list[str]
) -> None:
    target = fake(PLACES).replace("placements: [pci]", f"placements: {placements}")
    marked = ", ".join(f"pytest.param({turn}, marks=pytest.mark.one_placement({turn}))" for turn in range(3))
    body = f"@pytest.mark.parametrize('turn', [{marked}])\ndef test_1(bench, turn): assert bench"
    _run(mini, body, target=target.replace("x86_64", architecture))
    seen = {record["test"].removesuffix("]")[-1]: record["placement"] for record in mini.results()["cases"]}
    assert seen == dict(zip("012", where, strict=True))


def _qualified(mini: MiniSuite, body: str) -> dict[str, Any]:
    """A qualification of a bench with two placements."""
    mini.test(body)
    mini.benches(bench=BOTH)
    command = [sys.executable, "-m", "harness", "qualify", "test_it.py", "--lg-env", "benches.yaml"]
    run = programs.run(
        command,
        cwd=mini.folder,
        env=mini.variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (2, 4), run.stdout + run.stderr
    return mini.results()


def test_a_qualification_has_a_session_for_each_placement(mini: MiniSuite) -> None:
    found = _qualified(mini, "def test_1(deploy): assert len(deploy('', '')) == 2\n")
    assert {(record["placement"], record["verdict"]) for record in found["results"]} == {
        ("pci", "pass"),
        ("mmio", "pass"),
    }
    sessions = sorted(path.name for path in (mini.folder / "reports/latest/benches").iterdir())
    assert sessions == ["bench.mmio", "bench.pci"]
    assert not [reason for reason in found["run"]["reasons"] if "left out" in reason]


def test_a_placement_whose_session_does_not_begin_is_missed(mini: MiniSuite) -> None:
    dies = "import os, sys\n\nif 'mmio' in sys.argv:\n    os._exit(9)\n"
    mini.write("conftest.py", dies + (mini.folder / "conftest.py").read_text())
    found = _qualified(mini, "def test_1(deploy): assert len(deploy('', '')) == 2\n")
    assert found["run"]["verdict"] == "fail"
    reasons = "\n".join(found["run"]["reasons"])
    assert "bench.mmio: a session left no report" in reasons
    assert "of bench bench, the placement mmio was left out" in json.dumps(found["run"])
