# SPDX-License-Identifier: Apache-2.0
"""Names for devices: is every device noticed that differs from its list and has no more states than the list?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.audit.analysis import Analysis, Device
from harness.audit.conformance.expected import Expected
from harness.audit.conformance.machine import Machine, machine_of
from harness.audit.conformance.neighbours import neighbours
from harness.audit.conformance.orders import Sizes, orders
from harness.audit.conformance.suite import MANY_NAMES, Suite, every_name, suite_of
from harness.audit.names.dfa import Dfa, restricted
from harness.audit.names.lists import rules_list
from harness.audit.names.reach import STATES, reach
from harness.audit.system import System, Vm
from harness.shmem.config import Create, Rule, ShmemOption, ShmemVdev, VmConfig
from harness.shmem.oracle import decide
from harness.shmem.profile import PROFILES, Profile
from harness.shmem.registers import MAX_NAME_LENGTH
from tests.audit.systems import devices, profiles

PROFILE = PROFILES["7.0"]


def automaton(*rules: str) -> Dfa:
    """The names that a list grants, of the legal ones."""
    given_rules = [Rule("allow" if kind == "allow" else "deny", pattern) for kind, pattern in map(str.split, rules)]
    permitted = rules_list(given_rules, PROFILE).permitted(STATES)
    return restricted(permitted, frozenset(range(0x20, 0x7F)), empty=False)


class Matcher:
    """A device that decides by an automaton over single bytes, with mistakes put into it."""

    def __init__(self, machine: Machine) -> None:
        self.targets = [
            {byte: target for members, target in zip(machine.classes, row, strict=True) for byte in members}
            for row in machine.targets
        ]
        self.accepting = list(machine.accepting)

    def grants(self, name: bytes) -> bool:
        state = 0
        for byte in name:
            state = self.targets[state][byte]
        return self.accepting[state]

    def differs(self, other: Matcher) -> bool:
        """Whether the two answer some name differently that is no longer than a name can be."""
        reached = {(0, 0)}
        for _ in range(MAX_NAME_LENGTH + 1):
            if any(self.accepting[mine] != other.accepting[its] for mine, its in reached):
                return True
            reached = {
                (target, other.targets[its][byte])
                for mine, its in reached
                for byte, target in self.targets[mine].items()
            }
        return False


LISTS = (
    ("allow ab",),
    ("allow a*",),
    ("deny ab",),
    ("allow ab", "allow b?c"),
    ("allow ab*", "deny abc"),
    ("deny a*", "deny *b"),
    ("allow *ab*",),
    ("allow [ab]c", "allow a"),
    ("deny a", "allow a*"),
)


@pytest.mark.parametrize("rules", LISTS, ids=" ".join)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_matcher_with_other_transitions_and_no_more_states_is_noticed(
    rules: tuple[str, ...], data: st.DataObject
) -> None:
    """Transitions of single bytes and verdicts of states are changed, up to three at a time."""
    dfa = automaton(*rules)
    machine = machine_of(dfa)
    suite = suite_of(dfa, MANY_NAMES)
    assert suite.complete
    assert suite.every_byte
    right, wrong = Matcher(machine), Matcher(machine)
    for _ in range(data.draw(st.integers(1, 3))):
        state = data.draw(st.integers(0, machine.size - 1))
        if data.draw(st.integers(0, 4)):
            byte = data.draw(st.sampled_from(sorted(wrong.targets[state])))
            wrong.targets[state][byte] = data.draw(st.integers(0, machine.size - 1))
        else:
            wrong.accepting[state] = not wrong.accepting[state]
    noticed = any(right.grants(name) != wrong.grants(name) for name in every_name(suite.items))
    assert noticed is right.differs(wrong)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_by_classes_a_change_of_a_whole_class_is_noticed(data: st.DataObject) -> None:
    """A list with too many names for every byte; the mistake is in all bytes of a class."""
    dfa = automaton("allow cam_front", "allow cam_rear*")
    machine = machine_of(dfa)
    suite = suite_of(dfa, 10_000)
    assert suite.complete
    assert not suite.every_byte
    wrong = [list(row) for row in machine.targets]
    state = data.draw(st.integers(0, machine.size - 1))
    number = data.draw(st.integers(0, len(machine.classes) - 1))
    wrong[state][number] = data.draw(st.integers(0, machine.size - 1))
    right, other = Matcher(machine), Matcher(replace(machine, targets=tuple(map(tuple, wrong))))
    noticed = any(right.grants(name) != other.grants(name) for name in every_name(suite.items))
    assert noticed is right.differs(other)


def test_what_a_name_is_too_short_for_is_not_claimed() -> None:
    suite = suite_of(automaton(f"allow {'a' * 29}b?"))
    assert not suite.complete
    assert suite.too_long > 0
    assert "longer than 31 bytes" in suite.guarantee
    assert max(map(len, every_name(suite.items))) <= MAX_NAME_LENGTH


def test_a_large_list_has_fewer_names_and_no_guarantee() -> None:
    dfa = automaton(*(f"allow region_{number:03}_of_{number * 7}" for number in range(40)))
    suite = suite_of(dfa)
    assert suite.transitions > suite.tried > 0
    assert "no guarantee" in suite.guarantee
    assert len(list(every_name(suite.items))) < 200_000
    many = suite_of(automaton(*(f"allow {number:05}{number * 77777:020}" for number in range(60))))
    assert many == Suite((), many.states, 0, 0, every_byte=False, too_long=0)
    assert "no guarantee" in many.guarantee


@settings(max_examples=150, deadline=None)
@given(vdev=devices(), profile=profiles())
def test_the_expected_answers_are_those_of_the_oracle(vdev: ShmemVdev, profile: Profile) -> None:
    """Status and host-side name, for the names beside every rule and substitution and for those of the list."""
    vm = Vm("vm", "vm", VmConfig(system="vm", vdevs=(vdev.vdev(),)), (vdev,))
    expected = Expected(Device(vm, 0, reach(vdev, profile)))
    names = dict.fromkeys(every_name(neighbours(expected.device)))
    for name in names:
        if len(name) > MAX_NAME_LENGTH:
            continue
        answer = expected.answer(name)
        decision = decide(vdev, name.decode("utf-8", "surrogateescape"), profile)
        host = decision.host_name.encode("utf-8", "surrogateescape") if decision.allowed else None
        assert (answer.status, answer.host_name) == (decision.status, host), (name, vdev)


def system(**created: int) -> System:
    """VMs that create the region ``r`` with so many pages; 0: one that only may attach."""
    vms = []
    for name, pages in created.items():
        options: list[ShmemOption] = [Rule("allow", "r")]
        options += [Create("r", pages * 4096)] if pages else []
        vdev = ShmemVdev(tuple(options))
        vms.append(Vm(name, name, VmConfig(system=name, vdevs=(vdev.vdev(),)), (vdev,)))
    return System(tuple(vms))


def test_who_comes_first_decides_the_size() -> None:
    sizes = Sizes(Analysis(system(a=2, b=3), PROFILE))
    assert sizes.starts("b")
    assert sizes.starts("a")
    assert (sizes.attached(b"r", 9), sizes.attached(b"other", 9)) == (3, 9)


def test_another_size_may_keep_a_vm_from_starting() -> None:
    sizes = Sizes(Analysis(system(a=2, b=3), Profile.load("7.0", {"create_existing": "rejected"})))
    assert sizes.starts("a")
    assert not sizes.starts("b")
    assert sizes.pages == {b"r": 2}


def test_all_orders_of_a_few_vms_and_some_of_many() -> None:
    few, many = Analysis(system(a=1, b=0, c=0), PROFILE), Analysis(system(a=1, b=0, c=0, d=0, e=2), PROFILE)
    assert len(set(orders(["a", "b", "c"], few)[0])) == 6
    chosen, which = orders(["a", "b", "c", "d", "e"], many)
    assert set(chosen) == {tuple("abcde"), tuple("edcba"), tuple("bcdea")}
    assert "reverse" in which
