# SPDX-License-Identifier: Apache-2.0
"""Two readings of the specification, written apart: the emulated host's rules and the oracle's must agree."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from harness.emulator.device.creation import create_configured
from harness.emulator.device.factory import FactoryPage
from harness.emulator.device.regions import Registry, RequestFailed
from harness.emulator.device.requests import Requests
from harness.emulator.device.rules import Rules
from harness.shmem import oracle
from harness.shmem.config import ConfigError, Create, Rule, ShmemVdev, Subst, Umask, VmConfig, validate
from harness.shmem.profile import FIELDS, PROFILES, Profile
from harness.shmem.registers import NAME_OFFSET, SIZE_OFFSET
from harness.shmem.status import Status

_QUESTIONS = (
    *("mixed_rules", "mixed_tail", "denied_status", "pattern_syntax", "pattern_case", "pattern_slash", "pattern_dot"),
    *("subst_anchor", "subst_occurrences", "subst_unmatched", "rules_see", "subst_several", "overlong_host_name"),
    *("name_empty", "name_unterminated", "name_slash", "name_control", "name_leading_dot", "create_vs_rules"),
)
_ALPHABET = "abAB.-/01"
_PATTERN = _ALPHABET + "*?[]!^\\"


_PROFILES = 500
_OF_CREATIONS = ("subst_on_create", "create_rounding", "umask_on_mode", "name_non_ascii", "permission_options")


def _profiles(*questions: str) -> st.SearchStrategy[Profile]:
    """Profiles with readings of these questions drawn beforehand: drawing them for each example took half the time."""
    random = Random(repr(questions))
    readings = [{name: random.choice(FIELDS[name].readings) for name in questions} for _ in range(_PROFILES)]
    return st.sampled_from([Profile.load("7.0", chosen) for chosen in readings])


_names = st.text(_ALPHABET, max_size=8) | st.text(_ALPHABET, min_size=30, max_size=32)
_rules = st.builds(Rule, st.sampled_from(["allow", "deny"]), st.text(_PATTERN, min_size=1, max_size=6))
_substs = st.builds(Subst, st.text(_ALPHABET, max_size=3), st.text(_ALPHABET, max_size=6))
_vdevs = st.lists(st.one_of(_rules, _rules, _substs), max_size=5).map(lambda options: ShmemVdev(tuple(options)))


def _emulated(vdev: ShmemVdev, name: str, profile: Profile) -> tuple[Status, str | None]:
    """What the emulated device answers to a request, and the host-side name of what it opened."""
    registry, factory = Registry(profile), FactoryPage(0, profile)
    factory.store(NAME_OFFSET, name.encode().ljust(32, b"\0"))
    factory.store(SIZE_OFFSET, (1).to_bytes(4, "little"))
    requests = Requests(
        vdev,
        system="guest",
        factory=factory,
        rules=Rules(vdev, profile),
        registry=registry,
        profile=profile,
        max_pages=16,
        has_room=lambda _pages: True,
        held_here=list,
        held_elsewhere=list,
    )
    try:
        return Status.OK, requests.open().region.name
    except RequestFailed as refusal:
        return refusal.status, None
    finally:
        registry.close()


_pieces = st.sampled_from(["[", "]", "[:", ":]", "[:alpha:]", "[:digit:]", *"-!^\\*?:al5"])
_shapes = st.lists(_pieces, min_size=1, max_size=7).map("".join)
_PATTERNS = ("pattern_syntax", "pattern_case", "pattern_slash", "pattern_dot")


@settings(max_examples=3000, deadline=None)
@given(_shapes, st.text("[]:-!^\\al5", min_size=1, max_size=4), _profiles(*_PATTERNS))
@example("[[:]", ":", PROFILES["7.0"])
@example("[a-[:alpha:]]", "a]", PROFILES["7.0"])
def test_emulator_and_oracle_read_sets_alike(pattern: str, name: str, profile: Profile) -> None:
    """Classes, ranges and brackets, well formed or not."""
    vdev = ShmemVdev((Rule("allow", pattern),))
    assert _emulated(vdev, name, profile)[0] == oracle.decide(vdev, name, profile).status


# Both ends of the letters, and what lies around and between them.
_EDGES = "@AMZ[_`amz{"
_ranges = st.tuples(st.sampled_from(_EDGES), st.sampled_from(_EDGES)).map("-".join)
_members = st.lists(_ranges | st.sampled_from([*_EDGES, "[:upper:]", "[:lower:]"]), min_size=1, max_size=2).map("".join)
_sets = st.tuples(st.sampled_from(["", "!"]), _members).map(lambda parts: f"[{parts[0]}{parts[1]}]")


@settings(max_examples=200, deadline=None)
@given(_sets, _profiles(*_PATTERNS))
def test_emulator_and_oracle_have_the_same_characters_in_a_set(pattern: str, profile: Profile) -> None:
    """Each character at an edge is in both sets or in none, in whichever case."""
    vdev = ShmemVdev((Rule("allow", pattern),))
    for name in _EDGES:
        assert _emulated(vdev, name, profile)[0] == oracle.decide(vdev, name, profile).status, name


def _accepts(profile: Profile, vdev: ShmemVdev) -> bool:
    """Whether qvm starts with this configuration; there is no device to compare with otherwise."""
    return not list(validate(VmConfig(vdevs=(vdev.vdev(),)), profile))


def test_emulator_and_oracle_answer_alike() -> None:
    answers = Counter[bool]()

    @settings(max_examples=1500, deadline=None)
    @given(_vdevs, _names, _profiles(*_QUESTIONS))
    @example(ShmemVdev((Rule("deny", "pluto"), Rule("allow", "pluto*"))), "pluto", PROFILES["7.0"])
    @example(ShmemVdev((Subst("foo", "guest0"),)), "foomem", PROFILES["7.0"])
    def alike(vdev: ShmemVdev, name: str, profile: Profile) -> None:
        assume(_accepts(profile, vdev))
        expected = oracle.decide(vdev, name, profile)
        status, host_name = _emulated(vdev, name, profile)
        assert status == expected.status
        assert (status == Status.OK) == expected.allowed
        assert host_name == (expected.host_name if expected.allowed else None)
        answers[expected.allowed] += 1

    alike()
    assert min(answers[True], answers[False]) > 100, answers


_OVERLAPPING = ("a*", "*b", "*", "?", "a?", "*a*", "[ab]b", "a", "ab")
_overlapping = st.lists(
    st.builds(Rule, st.sampled_from(["allow", "deny"]), st.sampled_from(_OVERLAPPING)), min_size=2, max_size=5
)


_accepting = _profiles("mixed_rules", "mixed_tail").filter(lambda profile: profile.mixed_rules != "rejected")


@settings(max_examples=400, deadline=None)
@given(_overlapping, _accepting)
def test_emulator_and_oracle_decide_alike_between_rules(rules: list[Rule], profile: Profile) -> None:
    """Rules of which several cover a name: text made up at random seldom has a name that even two of them cover."""
    vdev = ShmemVdev(tuple(rules))
    for name in ("a", "b", "ab", "ba", "bb", "aab"):
        assert _emulated(vdev, name, profile)[0] == oracle.decide(vdev, name, profile).status


_MAX_PAGES = 16
_creates = st.builds(
    Create,
    _names | st.text(_ALPHABET + "\x01é", max_size=6),
    st.integers(0, 3).map(lambda count: count * 4096) | st.sampled_from([1, 4095, 4097, _MAX_PAGES * 4096]),
    st.none() | st.integers(0, 0o7777),
)
_masks = st.builds(Umask, st.integers(0, 0o777))
_creating = st.tuples(
    st.lists(st.one_of(_rules, _substs, _masks), max_size=3), _creates, st.lists(st.one_of(_rules, _substs), max_size=2)
).map(lambda parts: ShmemVdev((*parts[0], parts[1], *parts[2])))


def _created(vdev: ShmemVdev, profile: Profile) -> tuple[str, int, int] | None:
    """Name, pages and mode of the region that the emulated host makes; None when the VM does not start."""
    registry = Registry(profile)
    try:
        create_configured(
            vdev,
            system="guest",
            rules=Rules(vdev, profile),
            registry=registry,
            profile=profile,
            max_pages=_MAX_PAGES,
            held=[],
        )
        (region,) = registry
        return region.name, region.pages, region.mode
    except ConfigError:
        return None
    finally:
        registry.close()


def test_emulator_and_oracle_create_alike() -> None:
    made = Counter[bool]()

    @settings(max_examples=1500, deadline=None)
    @given(_creating, _profiles(*_QUESTIONS, *_OF_CREATIONS))
    @example(ShmemVdev((Create("a/b", 4096),)), PROFILES["7.0"])
    @example(ShmemVdev((Subst("foo", "a/"), Create("foo1", 4096))), PROFILES["7.0"])
    @example(ShmemVdev((Umask(0o022), Create("a", 4096))), PROFILES["8.0"])
    @example(ShmemVdev((Create("a", 4096, 0o7777),)), PROFILES["8.0"])
    def alike(vdev: ShmemVdev, profile: Profile) -> None:
        assume(_accepts(profile, vdev))
        (creation,) = oracle.creations(vdev, profile)
        expected = None
        if not creation.problem:
            mode = oracle.DEFAULT_MODE if creation.mode is None else creation.mode
            expected = creation.host_name.encode().decode("latin-1"), creation.pages, mode
        assert _created(vdev, profile) == expected
        made[expected is not None] += 1

    alike()
    assert min(made[True], made[False]) > 100, made
