# SPDX-License-Identifier: Apache-2.0
"""The tests of the oracle notice when the oracle is wrong: ten defects, each in a copy of the sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import rarely, wrong_copies

TESTS = tuple(f"tests/shmem/test_oracle_{name}.py" for name in ("examples", "rules", "patterns", "names"))

MUTATIONS = {
    "last match": ("rules.py", "            return (index,)\n", "            return (-index,)\n"),
    "deny wins no more": ("rules.py", 'return rule.kind != "deny", index', "return False, index"),
    "tail turned": ("rules.py", 'return Verdict(tail == "allow",', 'return Verdict(tail == "deny",'),
    "mixed tail of the wrong end": ("rules.py", "if kinds[-1] ==", "if kinds[0] =="),
    "prefix match": ("patterns.py", "return len(self.elements) in positions", "return bool(positions)"),
    "star takes a character at least": (
        "patterns.py",
        "while position < len(self.elements) and self.elements[position].repeated:",
        "while False:",
    ),
    "negation lost": ("patterns.py", "ALL_BYTES - folded if negated else folded", "folded"),
    "range without its end": ("patterns.py", "range(low, high + 1)", "range(low, high)"),
    "first field stays": ("names.py", "name.replace(subst.original, subst.prefix, count)", "subst.prefix + name"),
    "one byte more in a name": ("names.py", "if len(raw) > longest(profile):", "if len(raw) > longest(profile) + 1:"),
}  # fmt: skip


def test_the_copy_as_it_is_passes(tmp_path: Path) -> None:
    wrong_copies.copy(tmp_path, "shmem")
    run = wrong_copies.run(tmp_path, TESTS)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("mutation", rarely.first(4, MUTATIONS.values()), ids=MUTATIONS)
def test_a_wrong_oracle_is_noticed(tmp_path: Path, mutation: tuple[str, str, str]) -> None:
    wrong_copies.copy(tmp_path, "shmem")
    name, right, wrong = mutation
    wrong_copies.put_in(tmp_path / "harness" / "shmem" / "oracle" / name, right, wrong)
    run = wrong_copies.run(tmp_path, TESTS)
    assert run.returncode == 1, run.stdout + run.stderr
    assert re.search(r"^FAILED tests/shmem/test_oracle_", run.stdout, re.MULTILINE), run.stdout
