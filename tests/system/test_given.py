# SPDX-License-Identifier: Apache-2.0
"""What of a system can be tried, without a bench: a reason for everything that cannot."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fixtures.settings import BenchConfig, LinuxConfig, MmioLocation
from fixtures.system.budget import CONSOLES, MOST_LINUX, budget_of
from fixtures.system.given import MOST_DEVICES, Given, read
from fixtures.system.naming import names_of
from fixtures.system.placing import place
from harness.arch import Arch
from harness.audit.conformance.expected import Expected
from harness.audit.conformance.points import MOST_POINTS
from harness.bench.embedded import embedded_config
from harness.shmem.config import ConfigError


def _bench(arch: Arch = "aarch64", *, mmio: bool = False) -> BenchConfig:
    config = embedded_config(arch)
    if not mmio:
        return config
    places = (MmioLocation(0x1C050000, "gic:43" if arch == "aarch64" else "myioapic:7"),)
    return BenchConfig(**{**vars(config), "placements": ("pci", "mmio"), "mmio": places})


def _given(folder: Path, bench: BenchConfig | None = None, **texts: str) -> Given:
    for name, text in texts.items():
        (folder / f"{name}.qvmconf").write_text(text)
    return read(folder, None, bench or _bench())


def test_vms_beyond_the_consoles_and_of_the_same_name_are_left_out(tmp_path: Path) -> None:
    texts = {f"vm{number:02}": f"system vm{number:02}\nvdev shmem allow r{number}\n" for number in range(CONSOLES + 2)}
    texts["vm03"] = texts["vm02"]
    given = _given(tmp_path, None, **texts)
    assert len(given.vms) == CONSOLES
    left = {one.what: one.reason for one in given.not_tried()}
    assert [what for what in left if "vm02" in what and "same" in left[what]] != []
    assert left[f"VM vm{CONSOLES + 1}"] == f"the bench has consoles for {CONSOLES} guests"
    assert {device.vm.name for device in given.devices} == {vm.name for vm in given.vms}


def test_devices_beyond_those_that_a_guest_keeps_are_left_out(tmp_path: Path) -> None:
    given = _given(tmp_path, a="system a\n" + "vdev shmem allow r\n" * (MOST_DEVICES + 1))
    assert len(given.devices) == MOST_DEVICES == len(place(given.vms[0], _bench(), "pci"))
    [left] = given.not_tried()
    assert f"keeps {MOST_DEVICES} devices" in left.reason


def test_a_vm_that_the_release_refuses_and_one_that_cannot_be_decided_are_left_out(tmp_path: Path) -> None:
    given = _given(
        tmp_path, new="system new\nvdev shmem umask 0022 allow r\n", open="system open\nvdev shmem allow ${REGION}\n",
        fine="system fine\nvdev shmem allow r\n",
    )  # fmt: skip
    assert [vm.name for vm in given.vms] == ["fine"]
    assert list(given.refused) == ["new"]
    assert "umask" in given.left_out["new"]
    assert "audit says nothing about it" in given.left_out["open"]


def test_files_that_are_included_have_a_hash(tmp_path: Path) -> None:
    (tmp_path / "rules.txt").write_text("allow r\n")
    given = _given(tmp_path, a=f"system a\nvdev shmem\n@{tmp_path / 'rules.txt'}\n")
    assert [Path(file.path).name for file in given.files] == ["a.qvmconf", "rules.txt"]


@pytest.mark.parametrize(
    ("arch", "options", "where", "moved"),
    [
        ("aarch64", "loc 0x1c080000 intr gic:60", "at 0x1c080000, gic:60, as its file says", ""),
        ("aarch64", "loc 0x1c080000 intr other:60", "at 0x1c050000, gic:43", "no interrupt controller 'other'"),
        ("x86_64", "loc 0x90000000 intr myioapic:6", "at 0x1c050000, myioapic:7", "the option 'mmio' of the bench"),
        ("x86_64", "loc 0x1c050000 intr myioapic:7", "at 0x1c050000, myioapic:7, as its file says", ""),
        ("x86_64", "", "on PCI", ""),
    ],
)
def test_a_device_goes_where_its_file_says_or_it_is_said(
    arch: Arch, options: str, where: str, moved: str, tmp_path: Path
) -> None:
    given = _given(tmp_path, _bench(arch, mmio=True), a=f"system a\nvdev shmem {options} allow r\n")
    [placed] = place(given.system.vms[0], _bench(arch, mmio=True), "pci")
    assert placed.where == where
    assert moved in placed.moved
    assert bool(placed.moved) is bool(moved)


def test_a_policy_about_another_vm_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("channels:\n  - {region: r, members: [a, nobody]}\n")
    (tmp_path / "a.qvmconf").write_text("system a\nvdev shmem allow r\n")
    with pytest.raises(ConfigError, match="nobody") as error:
        read(tmp_path, tmp_path / "policy.yaml", _bench())
    assert error.value.position.line == 2


def _texts(count: int) -> dict[str, str]:
    return {f"vm{number:02}": f"system vm{number:02}\nvdev shmem allow cam_*\n" for number in range(count)}


@pytest.mark.parametrize(
    ("addresses", "most", "reason"),
    [
        ((), MOST_LINUX, f"at most {MOST_LINUX} Linux guests are started at a time"),
        (("192.0.2.1", "192.0.2.2"), 2, "the bench has addresses for 2 Linux guests (linux: addresses)"),
    ],
)
def test_vms_beyond_the_linux_guests_are_left_out(
    addresses: tuple[str, ...], most: int, reason: str, tmp_path: Path
) -> None:
    bench = dataclasses.replace(_bench(), linux=LinuxConfig(addresses=addresses))
    given = _given(tmp_path, bench, **_texts(MOST_LINUX + 2))
    linux = given.within(budget_of(bench, "linux"))
    assert len(linux.vms) == most
    left = [one.reason for one in linux.not_tried() if one.what.startswith("VM ")]
    assert left == [reason] * (MOST_LINUX + 2 - most)
    assert len(given.within(budget_of(bench, "probe")).vms) == MOST_LINUX + 2


@pytest.mark.parametrize(
    ("images", "elsewhere"),
    [(("probe", "linux"), "probe guests try it"), (("linux",), "the bench has no probe guests")],
)
def test_what_linux_guests_do_not_try_is_told_with_where_it_is(
    images: tuple[str, ...], elsewhere: str, tmp_path: Path
) -> None:
    bench = dataclasses.replace(_bench(), guest_images=images)
    given = _given(tmp_path, bench, **_texts(1)).within(budget_of(bench, "linux"))
    [device] = given.devices
    names = names_of(Expected(device), given.budget, most=1000)
    written = [name for item in names.items for name in item.names()]
    assert b"cam_" in written
    assert b"cam" in written
    told = [*given.not_tried(), *names.left]
    assert ["orders of starting" in told[0].what, "transitions of the list of vm00" in told[1].what] == [True, True]
    assert all(elsewhere in one.reason for one in told)
    assert names.guarantee.startswith("none")
    whole = names_of(Expected(device), budget_of(bench, "probe"), most=1000)
    assert set(names.items) < set(whole.items)
    assert whole.left == ()


def test_regions_beyond_those_that_are_tried_are_counted(tmp_path: Path) -> None:
    rules = "".join(f" allow r{number}" for number in range(MOST_POINTS + 7))
    given = _given(tmp_path, a=f"system a\nvdev shmem{rules}\n")
    assert len(given.points) == MOST_POINTS
    assert [one.what for one in given.not_tried()] == ["7 more regions"]
