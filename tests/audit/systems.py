# SPDX-License-Identifier: Apache-2.0
"""Systems made up by hypothesis, and what the oracle says about them, name by name."""

from __future__ import annotations

import itertools
from typing import Final

from hypothesis import strategies as st

from harness.audit.system import System, Vm
from harness.shmem.config import Create, Rule, ShmemOption, ShmemVdev, Subst, VmConfig, parse, shmems_of
from harness.shmem.oracle import decide
from harness.shmem.profile import FIELDS, Profile

LETTERS: Final = "ab."
LENGTH: Final = 4
NAMES: Final = ["".join(name) for length in range(LENGTH + 1) for name in itertools.product(LETTERS, repeat=length)]

FIELDS_THAT_MATTER: Final = (
    "mixed_rules",
    "mixed_tail",
    "pattern_syntax",
    "pattern_case",
    "pattern_slash",
    "pattern_dot",
    "subst_anchor",
    "subst_occurrences",
    "subst_unmatched",
    "subst_several",
    "subst_on_create",
    "rules_see",
    "overlong_host_name",
    "create_vs_rules",
    "name_empty",
    "name_leading_dot",
)

_PIECES = ("a", "b", "A", ".", "*", "?", "[ab]", "[!a]", "[^.]", "[a-b]", "\\", "[")
_TEXTS = ("a", "b", "ab", "aa", "ba", "a.b", ".")


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """A profile with any reading of the fields that decide about names, none of which refuses the configuration."""
    readings = {
        name: draw(st.sampled_from([reading for reading in FIELDS[name].readings if reading != "rejected"]))
        for name in FIELDS_THAT_MATTER
    }
    return Profile.load("7.0", readings)


_rules = st.builds(
    lambda kind, pieces: Rule(kind, "".join(pieces)),
    st.sampled_from(("allow", "deny")),
    st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4),
)
_substs = st.builds(Subst, st.sampled_from(("", *_TEXTS)), st.sampled_from(("", *_TEXTS)))
_creates = st.builds(Create, st.sampled_from(_TEXTS), st.sampled_from((4096, 8192)))


@st.composite
def devices(draw: st.DrawFn) -> ShmemVdev:
    """A ``vdev shmem`` with options in any order."""
    options: list[ShmemOption] = [
        *draw(st.lists(_rules, max_size=4)),
        *draw(st.lists(_substs, max_size=2)),
        *draw(st.lists(_creates, max_size=1)),
    ]
    return ShmemVdev(tuple(draw(st.permutations(options))))


_narrow_rules = st.builds(
    lambda kind, pieces: Rule(kind, "".join(pieces)),
    st.sampled_from(("allow", "allow", "allow", "deny")),
    st.lists(st.sampled_from(("a", "b", "A", ".", "ab", "ba", "[!a]", "*")), min_size=1, max_size=3),
)


@st.composite
def narrow_devices(draw: st.DrawFn) -> ShmemVdev:
    """A ``vdev shmem`` that reaches few names: many pairs of such devices cannot meet."""
    options: list[ShmemOption] = [
        Rule("allow", draw(st.sampled_from(_TEXTS))),
        *draw(st.lists(_narrow_rules, max_size=2)),
        *draw(st.lists(_substs, max_size=2)),
        *draw(st.lists(_creates, max_size=1)),
    ]
    return ShmemVdev(tuple(draw(st.permutations(options))))


@st.composite
def systems(draw: st.DrawFn, devices: st.SearchStrategy[ShmemVdev] = devices()) -> System:  # noqa: B008
    """Two to four VMs with one or two devices each."""
    vms = []
    for number in range(draw(st.integers(2, 4))):
        vdevs = tuple(draw(st.lists(devices, min_size=1, max_size=2)))
        name = f"vm{number}"
        vms.append(Vm(name, name, VmConfig(system=name, vdevs=tuple(vdev.vdev() for vdev in vdevs)), vdevs))
    return System(tuple(vms))


def by_oracle(vm: Vm, profile: Profile) -> frozenset[str]:
    """The host-side names that the VM's guests get by asking for every short name."""
    found = set()
    for vdev in vm.devices:
        for name in NAMES:
            decision = decide(vdev, name, profile)
            if decision.allowed:
                found.add(decision.host_name)
    return frozenset(found)


def configured(**options: str) -> System:
    """The system of VMs with one device each, by the options of that."""
    vms = []
    for name, words in options.items():
        config = parse(f"system {name}\nvdev shmem {words}\n", file=f"{name}.qvmconf")
        vms.append(Vm(name, name, config, shmems_of(config)))
    return System(tuple(vms))
