# SPDX-License-Identifier: Apache-2.0
"""What the configurations of the access matrix cover, counted over all of them."""

from __future__ import annotations

import sys
from itertools import combinations, product

from fixtures.configuration import shmem
from harness.shmem.oracle import decide
from harness.shmem.profile import PROFILES
from harness.shmem.registers import MAX_NAME_LENGTH
from harness.shmem.requirements import load_requirements
from suites.matrix.covering import FACTORS, OPERATIONS, RELATIONS, starts
from suites.matrix.statements import statement
from tests import programs

ALL = [configuration for group in starts() for configuration in group]


def possible(levels: dict[str, str]) -> bool:
    """A list without a second rule has no relation to one, and a list without any rule has no pattern."""
    rules = levels.get("rules", "deny deny").split()
    if len(rules) < 2 and levels.get("others", "apart") != "apart":
        return False
    return bool(rules) or levels.get("form", "name") == "name"


def test_every_pair_of_levels_is_in_some_configuration() -> None:
    for one, two in combinations(FACTORS, 2):
        wanted = {(a, b) for a, b in product(FACTORS[one], FACTORS[two]) if possible({one: a, two: b})}
        assert wanted <= {(each.levels[one], each.levels[two]) for each in ALL}, (one, two)


def test_every_rule_list_meets_every_form_and_relation() -> None:
    seen = {(each.levels["rules"], each.levels["form"], relation) for each in ALL for relation in each.names}
    forms = product(FACTORS["rules"], FACTORS["form"], RELATIONS)
    assert {triple for triple in forms if possible({"rules": triple[0], "form": triple[1]})} <= seen


def test_every_relation_meets_every_level_by_both_operations() -> None:
    seen = {
        (operation, relation, factor, level)
        for each in ALL
        for relation in each.names
        for operation in each.operations[relation]
        for factor, level in each.levels.items()
    }
    levels = [(factor, level) for factor in FACTORS for level in FACTORS[factor]]
    wanted = {(*pair, *level) for pair in product(OPERATIONS, RELATIONS) for level in levels}
    missing = wanted - seen
    assert not missing


def test_the_first_pattern_covers_the_equal_name_in_every_form() -> None:
    for each in ALL:
        rules = shmem(each.options).vdev.rules
        if each.levels["rules"] in ("allow", "deny"):
            decision = decide(shmem(each.options).vdev, each.names["equal"], PROFILES["7.0"])
            assert decision.rule == rules[0], each.options


def test_names_have_the_relations_that_they_are_called_by() -> None:
    for each in ALL:
        names = each.names
        assert list(names) == list(RELATIONS)
        assert len(names["31-characters"]) == MAX_NAME_LENGTH
        assert len(names["32-characters"]) == MAX_NAME_LENGTH + 1
        assert names["longer"].startswith(names["equal"])
        assert names["equal"].startswith(names["shorter"])
        assert names["other-case"].lower() == names["equal"]


def test_every_verdict_belongs_to_a_requirement_of_the_catalogue() -> None:
    known = load_requirements()
    found = {
        statement(shmem(each.options).vdev, name, operation)
        for each in ALL
        for relation, name in each.names.items()
        for operation in each.operations[relation]
    }
    assert found <= known.keys()
    assert {"SHM-ALLOW-04", "SHM-ALLOW-05", "SHM-DENY-01", "SHM-DENY-02", "SHM-DENY-04", "SHM-SUBST-01"} <= found
    assert {f"SHM-PROF-0{number}" for number in (1, 2, 3, 4)} <= found


def test_documented_examples_are_not_taken_for_promises_of_a_profile() -> None:
    examples = {
        ("allow test* allow pluto", "test1"): "SHM-ALLOW-05",
        ("allow test* allow pluto", "plutonium"): "SHM-ALLOW-06",
        ("allow test* allow pluto", "mickey"): "SHM-ALLOW-04",
        ("deny live* deny pluto", "live1"): "SHM-DENY-01",
        ("deny live* deny pluto", "mickey"): "SHM-DENY-02",
        ("subst foo,guest0", "foomem"): "SHM-SUBST-02",
        ("subst ,guest0", "mem"): "SHM-SUBST-01",
        ("allow pluto* deny pluto", "pluto"): "SHM-PROF-01",
        ("allow plut[a-o]", "pluto"): "SHM-PROF-02",
        ("subst oo,guest0", "foomem"): "SHM-PROF-03",
        ("", "a/b"): "SHM-PROF-04",
    }
    for (options, name), requirement in examples.items():
        assert statement(shmem(options).vdev, name, "create") == requirement, options


def test_there_are_enough_verdicts_for_two_thousand_over_four_benches() -> None:
    assert sum(len(operations) for each in ALL for operations in each.operations.values()) >= 500


def test_the_configurations_are_the_same_in_every_process() -> None:
    """Also with another seed of Python's hashes."""
    code = "from suites.matrix.covering import starts; print([c.options for g in starts() for c in g])"
    outputs = {
        programs.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}, check=True,
            capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert outputs == {f"{[each.options for each in ALL]}\n"}
