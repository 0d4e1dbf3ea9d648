# SPDX-License-Identifier: Apache-2.0
"""An image that calls no firmware starts with little of it; every guest finds its devices, whoever placed them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import provision
from harness.emulator.machine.plan import plan
from harness.shmem.config import parse
from harness.shmem.profile import PROFILES
from harness.shmem.registers import SIGNATURE
from tests.emulator.conftest import Bench, configuration

_NOTE = b"\x12\0\0\0Xen\0"
"""Type and owner of the note that has the PVH entry."""
_LITTLE = ("-bios", "qboot.rom")


def _image_without_the_entry(path: Path) -> Path:
    """It is entered as multiboot says, by the usual firmware."""
    content = provision.probe_image("x86_64").read_bytes()
    assert content.count(_NOTE) == 1
    path.write_bytes(content.replace(_NOTE, bytes(len(_NOTE))))
    return path


def _with_image(image: Path, **others: str) -> str:
    text = configuration("x86_64", **others)
    return text.replace(str(provision.probe_image("x86_64")), str(image))


def _firmware(text: str) -> tuple[str, ...]:
    arguments = plan(parse(text, "file"), Path("/"), PROFILES["7.0"]).arguments
    return arguments[arguments.index("-bios") :][:2] if "-bios" in arguments else ()


def test_only_an_image_with_the_entry_has_little_firmware(tmp_path: Path) -> None:
    whole = provision.probe_image("x86_64").read_bytes()
    assert _firmware(configuration("x86_64")) == _LITTLE
    assert _firmware(configuration("aarch64")) == ()
    assert _firmware(_with_image(_image_without_the_entry(tmp_path / "a"))) == ()
    image = tmp_path / "b"
    # In the middle of what is looked at, and with numbers that point nowhere.
    for content in (whole[:20], whole[:70], whole[:32] + b"\xff" * 40 + whole[72:]):
        image.write_bytes(content)
        assert _firmware(_with_image(image)) == ()


@pytest.mark.parametrize("devices", ["vdev shmem\n" * count for count in (1, 4)], ids=["one", "four"])
def test_either_firmware_lets_the_guest_find_its_devices(tmp_path: Path, bench: Bench, devices: str) -> None:
    texts = {
        "one": configuration("x86_64", system="one", devices=devices),
        "two": _with_image(
            _image_without_the_entry(tmp_path / "image"), system="two", console="/dev/ptyp1", devices=devices
        ),
    }
    for system, text in texts.items():
        _, terminal = bench.guest(text, system)
        found = terminal.probe.find()
        assert [device.signature for device in found] == [SIGNATURE] * devices.count("shmem")
        for device in found:
            terminal.probe.select(device.device)
            assert terminal.probe.attach(f"met{device.device}", 1).handle is not None
        assert terminal.probe.status().members == (0b1 if system == "one" else 0b11)
