# SPDX-License-Identifier: Apache-2.0
"""The characterisation finds out which readings of the open questions a device has: here, one that has unusual ones."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import pytest

from harness.shmem.config import parse, shmems_of
from harness.shmem.oracle import decide
from harness.shmem.profile import FIELDS, PROFILES, Profile
from suites.characterisation.mixed_lists import COVERING, DECIDES
from tests import programs
from tests.bench.mini_suite import CHECKOUT

# What the emulated host cannot show, and what hides other questions; the answers are then those of the preset.
KEPT: Final = {
    "mixed_rules": "deny-wins",
    "subst_several": "last",
    "subst_anchor": "start",
    "pattern_empty": "rejected",
    "name_slash": "legal",
    "name_leading_dot": "legal",
    "double_attach_other_vdev": "second-connection",
    "bad_access": "ignored",
    "detached_window": "ones",
    "arm_pci": "present",
    "loc_without_intr": "rejected",
    "intr_without_loc": "rejected",
    "loc_collision": "rejected",
}
# On AArch64 the processor refuses misaligned accesses, whatever the device would do with them.
EQUIVALENT: Final = {"power-of-two": "any or power-of-two"}
# Seen only where another reading allows it, or from the host's side.
UNSEEN: Final = {
    *("subst_occurrences", "umask_on_mode", "bad_access", "find_attaches", "find_rules"),
    *("interrupt_shape", "new_content", "pci_msi", "pci_pin_off"),
}


@pytest.mark.parametrize("reading", [each for each in FIELDS["mixed_rules"].readings if each != "rejected"])
def test_the_lists_distinguish_the_readings_of_mixed_lists(reading: str) -> None:
    profile = Profile.load("7.0", {"mixed_rules": reading})
    granted = tuple(decide(shmems_of(parse(f"vdev shmem {rules}"))[0], "neo", profile).allowed for rules in COVERING)
    assert DECIDES[granted] == {"deny-only": "deny-wins"}.get(reading, reading)


def test_unusual_readings_are_recognised(tmp_path: Path) -> None:
    wanted = {name: info.readings[1] for name, info in FIELDS.items()} | KEPT
    preset = PROFILES["8.0"]
    assert sum(wanted[name] != getattr(preset, name) for name in FIELDS) > len(FIELDS) / 2
    environment = tmp_path / "benches.yaml"
    options = {
        "architecture": "aarch64",
        "profile": "8.0",
        "profile_overrides": wanted,
        "placements": ["pci"],
        "mmio": [{"loc": 0x1C050000, "intr": "gic:43"}, {"loc": 0x1C051000, "intr": "gic:77"}],
        "guest_images": ["probe"],
        "ways": ["serial"],
        "templates": str(CHECKOUT / "targets/qemu-aarch64"),
    }
    drivers: dict[str, dict[str, str]] = {"ShmemEmulatedHostDriver": {}, "ShmemBenchStrategy": {}}
    document = {"imports": ["harness.labgrid"], "targets": {"odd": {"drivers": drivers, "options": options}}}
    environment.write_text(json.dumps(document))
    command = [sys.executable, "-m", "harness", "qualify", "-k", "characterisation"]
    run = programs.run(
        [*command, "--lg-env", str(environment), "--out", str(tmp_path / "reports")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 4, run.stdout + run.stderr
    assert "profile of odd" not in run.stdout
    results = json.loads((tmp_path / "reports/latest/results.json").read_text())
    assert {case["verdict"] for case in results["cases"]} == {"recorded"}
    seen = {item["name"]: item["value"] for case in results["cases"] for item in case["observations"]}
    answers = {name: seen.get(name) for name in FIELDS if name not in UNSEEN}
    assert answers == {name: EQUIVALENT.get(wanted[name], wanted[name]) for name in answers}
