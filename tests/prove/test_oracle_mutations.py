# SPDX-License-Identifier: Apache-2.0
"""The tests of the oracle notice when the oracle is wrong: ten defects, each in a copy of the sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import programs

CHECKOUT = Path(__file__).parents[2]
SECONDS = programs.PATIENCE
TESTS = ("test_oracle_examples.py", "test_oracle_rules.py", "test_oracle_patterns.py", "test_oracle_names.py")
# Failing examples need not be made small here.
_CONFTEST = """
from hypothesis import Phase, settings
settings.register_profile("copy", phases=[Phase.explicit, Phase.generate])
settings.load_profile("copy")
"""

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


def copy_of_the_oracle(folder: Path) -> None:
    """The sources that the oracle's tests need, and the tests."""
    shutil.copytree(CHECKOUT / "harness", folder / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [CHECKOUT / "tests" / "__init__.py", *(CHECKOUT / "tests" / "shmem").glob("*.py")]:
        copy = folder / path.relative_to(CHECKOUT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    (folder / "tests" / "shmem" / "conftest.py").write_text(_CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")


def run_tests(folder: Path) -> subprocess.CompletedProcess[str]:
    tests = [f"tests/shmem/{name}" for name in TESTS]
    return programs.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_the_copy_as_it_is_passes(tmp_path: Path) -> None:
    copy_of_the_oracle(tmp_path)
    run = run_tests(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_wrong_oracle_is_noticed(tmp_path: Path, mutation: tuple[str, str, str]) -> None:
    copy_of_the_oracle(tmp_path)
    name, right, wrong = mutation
    source = tmp_path / "harness" / "shmem" / "oracle" / name
    text = source.read_text()
    assert text.count(right) == 1, f"{right!r} is not once in {name}"
    source.write_text(text.replace(right, wrong))
    run = run_tests(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert re.search(r"^FAILED tests/shmem/test_oracle_", run.stdout, re.MULTILINE), run.stdout
