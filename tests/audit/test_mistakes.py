# SPDX-License-Identifier: Apache-2.0
"""The tests of the audit notice when the audit is wrong: a dozen mistakes, each in a copy of the sources."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests import wrong_copies

TESTS: Final = tuple(
    f"tests/audit/test_{name}.py"
    for name in ("examples", "readings", "bad_input", "sizes", "whole_answers", "against_the_oracle")
)

MISTAKES: Final = {
    "the last rule decides": ("names/lists.py", "ordered = list(rules)", "ordered = list(rules)[::-1]"),
    "the implied rule is turned": ("names/lists.py", 'return kinds[0] == "deny"', 'return kinds[0] == "allow"'),
    "deny does not win": (
        "names/lists.py",
        'key=lambda rule: rule.kind == "allow"',
        'key=lambda rule: rule.kind == "deny"',
    ),
    "a rule of the same kind hides others": (
        "names/lists.py",
        "while kept and self._allows[kept[-1][0]] == rest:",
        "while kept:",
    ),
    "a star takes a byte at least": (
        "names/lists.py",
        "while place < len(row) and row[place].repeated:",
        "while False:",
    ),
    "a negated set is not negated": (
        "names/patterns.py",
        "return (byte in self.members) is not self.inverted",
        "return byte in self.members",
    ),
    "a range without its end": ("names/patterns.py", "range(low, high + 1)", "range(low, high)"),
    "case is folded one way": (
        "names/patterns.py",
        "frozenset(raw.lower()) | frozenset(raw.upper())",
        "frozenset(raw.lower())",
    ),
    "replaced names are not taken from the others": (
        "names/substitution.py",
        "parts.append(_Image(names, replacement).dfa(limit))\n            names = less(",
        "parts.append(_Image(names, replacement).dfa(limit))\n            less(",
    ),
    "a longer name is not cut": (
        "names/reach.py",
        "image = shorter(image, self.legal.longest, STATES, cut=True) if self.truncates else image",
        "pass",
    ),
    "an illegal letter is cut off": (
        "names/reach.py",
        "letters = replaces_illegal or self.truncates",
        "letters = replaces_illegal",
    ),
    "states are merged too early": ("names/dfa.py", "changed = {source for", "changed = set() and {source for"),
    "a name that is cut is not in the set": ("names/meeting.py", "(part.cut and at_end)", "False"),
    "a name that is found is not checked": (
        "names/meeting.py",
        "if found is None or (one.reaches(found) and other.reaches(found)):",
        "if True:",
    ),
    "lists that only deny permit most where a dot is ordinary": (
        "combinations.py",
        '"pattern_dot": {"allow": "ordinary", "deny": "explicit"}',
        '"pattern_dot": {"allow": "ordinary", "deny": "ordinary"}',
    ),
    "a reading is not looked at": (
        "combinations.py",
        '"subst_unmatched": ("refused",)',
        '"subst_unmatched": ("refused", "prefixed")',
    ),
    "each VM is read otherwise": (
        "combinations.py",
        "found.setdefault((under(one, profile), under(other, profile)), profile)",
        "found |= {(mine, under(other, profile)): profile for mine in {under(one, profile), *(a for a, _ in found)}}",
    ),
    "surplus VMs are allowed": ("policy.py", "surplus = vms - allowed", "surplus = vms & allowed"),
    "a meeting of three is none": ("analysis.py", "if len(vms) > 1}", "if len(vms) == 2}"),
    "who names a region tells no classes apart": (
        "analysis.py",
        "[*sets, *self.others, *prefixes, *named]",
        "[*sets, *self.others, *prefixes]",
    ),
    "a byte in a set is written as it is": ("names/describe.py", "_ordinary(byte, _SPECIAL_IN_SETS)", "bytes([byte])"),
    "the channel's size is not compared": ("policy.py", "creation.pages != pages(size)", "False"),
    "one create is taken for all of a channel's regions": (
        "policy.py",
        "if witness is not None:\n        yield _not_set",
        "if witness is not None and not made:\n        yield _not_set",
    ),
    "what disappears is not looked for": ("compare.py", "less(was, now, STATES)", "less(was, was, STATES)"),
}


@pytest.mark.long
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_audit_is_noticed(mistake: tuple[str, str, str], tmp_path: Path) -> None:
    wrong_copies.copy(tmp_path, "audit", "examples")
    name, right, wrong = mistake
    wrong_copies.put_in(tmp_path / "harness" / "audit" / name, right, wrong)
    run = wrong_copies.run(tmp_path, TESTS)
    assert run.returncode == 1, run.stdout + run.stderr


@pytest.mark.long
def test_the_copy_as_it_is_passes(tmp_path: Path) -> None:
    wrong_copies.copy(tmp_path, "audit", "examples")
    run = wrong_copies.run(tmp_path, TESTS)
    assert run.returncode == 0, run.stdout + run.stderr
