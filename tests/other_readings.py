# SPDX-License-Identifier: Apache-2.0
"""Writes ``targets/qemu-readings.yaml``, benches whose devices have other readings: ``python -m tests.other_readings``.

A board may have any reading of any open question, and the suites have to pass on it as they do on the presets. Each
reading that the emulated host can have, and that contradicts no document, is on one of these benches, but for a few.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

import yaml

from harness import shipped
from harness.emulator.service.host import IMPOSSIBLE
from harness.shmem.profile import FIELDS, PROFILES

FILE: Final = shipped.TARGETS / "qemu-readings.yaml"
BENCHES: Final = 12
_SEED: Final = 5
_PAGE: Final = 0x1000

CONTRADICTED: Final[Mapping[tuple[str, str], str]] = {
    ("size_mismatch", "refused"): "SHM-CREATE-03",
    ("size_mismatch", "separate"): "SHM-CREATE-03",
    ("mixed_rules", "rejected"): "SHM-MIX-01",
    ("mixed_rules", "last-match"): "SHM-MIX-01",
    ("mixed_rules", "allow-only"): "SHM-MIX-01",
    ("mixed_rules", "deny-only"): "SHM-MIX-03",
    ("mixed_tail", "allow"): "SHM-MIX-03",
    ("mixed_tail", "first-kind"): "SHM-MIX-03",
    ("subst_anchor", "whole"): "SHM-SUBST-02",
    ("subst_on_create", "ignored"): "SHM-SUBST-05",
    ("interrupt_on", "members-only"): "SHM-NOTIF-05",
    ("loc_without_intr", "accepted"): "SHM-MMIO-06",
    ("gid_without_mode", "accepted"): "SHM-PERM-06",
}
"""Readings that a requirement excludes: a bench that has one fails by that."""
UNTRIED: Final = (
    ("detached_window", "ones"),
    ("region_lifetime", "creating-qvm"),
    ("region_lifetime", "host-reboot"),
    ("rules_see", "host-name"),
    ("subst_unmatched", "refused"),
)
"""Readings under which some tests still expect what is right on the presets alone: there they fail wrongly.

The emulated host fills windows of gibibytes too slowly with ones.
"""
ALONE: Final = (
    ("create_lifetime", "host-reboot"),
    ("umask_on_mode", "always"),
)
"""Each on a bench of its own: every test has a new host there, or the release is another one."""
_OF_8_0: Final = "umask_on_mode"
"""The field that only matters where permission options are accepted."""
OF_THE_BENCH: Final = "arm_pci"
"""Whether there is a bus is the bench's matter: ``placements``."""

_HEAD: Final = """\
# SPDX-License-Identifier: Apache-2.0
# Written by `python -m tests.other_readings`: embedded benches whose devices have other readings of the open questions
# than the presets. Every reading is on one of them that the emulated host can have and that no document excludes, but
# for a few that the suites do not know yet.
# docs/benches.md explains every key, docs/configuration.md the readings.

"""


def others() -> Iterator[tuple[str, str]]:
    """The readings that are not those of 7.0 and can be on a bench with others."""
    for field, about in FIELDS.items():
        for reading in about.readings:
            one = (field, reading)
            left_out = reading == about.default or field == OF_THE_BENCH or one in (*ALONE, *UNTRIED)
            if not (left_out or one in IMPOSSIBLE or one in CONTRADICTED):
                yield one


def drawn() -> list[dict[str, str]]:
    """The readings of each bench, by field. Those about PCI are on PCs, which are every other bench."""
    random = Random(_SEED)
    readings = list(others())
    random.shuffle(readings)
    benches: list[dict[str, str]] = [{} for _ in range(BENCHES)]
    for field, reading in readings:
        free = [bench for n, bench in enumerate(benches) if field not in bench and (n % 2 or "pci_" not in field)]
        min(free, key=len)[field] = reading
    return [*benches, *({field: reading} for field, reading in ALONE)]


def text() -> str:
    """What the file has to be."""
    shipped_benches: Mapping[str, Any] = yaml.safe_load(shipped.BENCHES.read_text())
    targets = {
        f"qemu-readings-{number}": _target(shipped_benches["targets"], number, readings)
        for number, readings in enumerate(drawn())
    }
    whole = {"imports": shipped_benches["imports"], "targets": targets}
    return _HEAD + yaml.dump(whole, Dumper=_Plain, sort_keys=False, width=120)


class _Plain(yaml.SafeDumper):
    """Repeats what is the same in several places, and writes addresses in hexadecimal digits."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def represent_int(self, data: int) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:int", hex(data) if data >= _PAGE else str(data))


_Plain.add_representer(int, _Plain.represent_int)


def _target(benches: Mapping[str, Any], number: int, readings: Mapping[str, str]) -> dict[str, Any]:
    architecture = "x86_64" if number % 2 else "aarch64"
    release = "8.0" if _OF_8_0 in readings else "7.0"
    like = benches[f"qemu-{architecture}"]
    on_pci = number // 2 % 2 or any(field.startswith("pci_") for field in readings)
    keys = ("architecture", "boot_seconds", *(() if on_pci else ("mmio", "mmio_range", "gic_lines")))
    options = {key: like["options"][key] for key in keys if key in like["options"]}
    options |= {"profile": release, "placements": ["pci" if on_pci else "mmio"], "guest_images": ["probe"]}
    options |= {"ways": ["serial"], "templates": f"qemu-{architecture}"}
    preset = PROFILES[release]
    options["profile_overrides"] = {
        field: reading for field, reading in sorted(readings.items()) if getattr(preset, field) != reading
    }
    features = [feature for feature in like["features"] if feature != "performance"]
    return {"drivers": like["drivers"], "features": features, "options": options}


def main() -> None:
    """Write the file."""
    argparse.ArgumentParser(prog="python -m tests.other_readings", description=__doc__).parse_args()
    FILE.write_text(text())


if __name__ == "__main__":
    main()
