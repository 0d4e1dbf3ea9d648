# SPDX-License-Identifier: Apache-2.0
"""The tests of the audit notice when the audit is wrong: a dozen mistakes, each in a copy of the sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests import programs

CHECKOUT: Final = Path(__file__).parents[2]
TESTS: Final = ("test_examples.py", "test_readings.py", "test_bad_input.py", "test_against_the_oracle.py")
_CONFTEST: Final = """
from hypothesis import Phase, settings
settings.register_profile("copy", phases=[Phase.explicit, Phase.generate])
settings.load_profile("copy")
"""

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
        "image = _cut(image, self.legal.longest) if self.truncates else image",
        "pass",
    ),
    "states are merged too early": ("names/dfa.py", "if now == count:", "if True:"),
    "surplus VMs are allowed": ("policy.py", "surplus = vms - allowed", "surplus = vms & allowed"),
    "a meeting of three is none": ("analysis.py", "if len(vms) > 1}", "if len(vms) == 2}"),
    "the channel's size is not compared": ("policy.py", "creation.pages != pages(channel.size_bytes)", "False"),
    "what disappears is not looked for": ("compare.py", "less(was, now, STATES)", "less(was, was, STATES)"),
}


def copied(folder: Path) -> None:
    """The sources that the audit's tests need, and the tests."""
    shutil.copytree(CHECKOUT / "harness", folder / "harness", ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    shutil.copytree(CHECKOUT / "examples", folder / "examples")
    for path in [CHECKOUT / "tests" / "__init__.py", *(CHECKOUT / "tests" / "audit").glob("*.py")]:
        copy = folder / path.relative_to(CHECKOUT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (folder / "tests" / "audit" / "conftest.py").write_text(_CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\nmarkers =\n    long: takes minutes\n")


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the copied tests up to the first failure."""
    tests = [f"tests/audit/{name}" for name in TESTS]
    return programs.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not long", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=programs.PATIENCE,
        check=False,
    )


@pytest.mark.long
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_audit_is_noticed(mistake: tuple[str, str, str], tmp_path: Path) -> None:
    copied(tmp_path)
    name, right, wrong = mistake
    source = tmp_path / "harness" / "audit" / name
    text = source.read_text()
    assert text.count(right) == 1, f"'{right}' is not in {name} just once"
    source.write_text(text.replace(right, wrong))
    run = run_tests(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr


@pytest.mark.long
def test_the_copy_as_it_is_passes(tmp_path: Path) -> None:
    copied(tmp_path)
    run = run_tests(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
