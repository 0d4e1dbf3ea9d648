# SPDX-License-Identifier: Apache-2.0
"""Writes down which tests of the suites notice false answers: ``python -m tests.noticed``, after a suite has changed.

Runs the changed files on the embedded benches with false answers, all of them with ``--all``, and prints the tests
that notice nothing. A session skips what is written down (``fixtures/false_answers/noticed.json``), so a file that is
not takes twice as long, and is no less judged.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from fixtures.false_answers.kinds import CONTROL, Kind
from fixtures.false_answers.known import FILE, Known, digest, function_of, name_of
from fixtures.false_answers.outcome import Outcome, Seen, try_kinds
from fixtures.false_answers.second_session import options
from harness import shipped
from harness.structured import structure
from tests import programs

CHECKOUT: Final = Path(__file__).parents[1]
LONGEST: Final = 4 * 3600.0
"""Seconds."""

OTHERWISE: Final = {
    "host/test_refused_starts.py::test_a_create_of_a_size_beyond_31_bits_is_whole_or_keeps_the_guest_from_starting": (
        "where the guest does not start, that is the judgement, and no answer is left to be false"
    ),
    "host/test_refused_starts.py::test_a_second_start_of_a_running_system_changes_nothing": (
        "a false answer about the second start lets it be skipped"
    ),
    "registers/test_widths.py::test_a_load_of_any_width_withdraws_the_interrupt": (
        "a bound from above for a count, and a false count stays below it"
    ),
    "placement/test_pci.py::test_a_wide_store_to_the_header_is_one_of_each_byte": (
        "one of its registers is loaded in step with the false answers"
    ),
    "placement/test_drawn_windows.py::test_the_first_free_place_is_taken": (
        "false answers break its account of places (IndexError) before it compares"
    ),
}
"""Tests that notice nothing, and judge all the same."""

OF_A_SYSTEM: Final = "system/test_system.py"
"""Runs with a user's system alone. Names, channels and orders of starts notice false answers; the start of the VMs and
the policy have no answer that could be false."""

SHARED: Final = ("model/test_histories.py", "names/test_generated_names.py")
"""Files whose tests share one judgement: each difference is told by the test of its requirement alone. A false answer
that one of them notices shows that all would."""


def outcomes(files: Sequence[Path], given: Sequence[str], scratch: Path) -> list[Outcome]:
    """What came of those tests of some files of suites that pass with true answers."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "--show-capture=no", "-p", "no:cacheprovider"]
    command += [*map(str, files), "--lg-env", str(shipped.BENCHES), *given]
    wanted, seen = scratch / "tests.json", scratch / "seen.json"

    def session(kind: Kind, tests: Sequence[str] | None) -> list[Seen]:
        more = options(kind, wanted, seen, scratch)
        if tests is None:
            more = [option for option in more if not option.startswith("--only-tests")]
        wanted.write_text(json.dumps(tests))
        # Nearly all tests fail, and that is what is wanted.
        programs.run([*command, *more], cwd=CHECKOUT, timeout=LONGEST)
        return [structure(each, Seen, kind) for each in json.loads(seen.read_text())]

    found = [Outcome(each.test) for each in session(CONTROL, None) if each.passed]
    try_kinds(found, session)
    return found


def file_of(test: str) -> Path:
    """The file of a test, by its node id."""
    return CHECKOUT / test.partition("::")[0]


def is_missed(outcome: Outcome, found: Iterable[Outcome]) -> bool:
    """Whether a test noticed nothing, and none that shares its judgement did."""
    if outcome.noticed is not None:
        return False
    file = file_of(outcome.test)
    if f"{name_of(file)}::{function_of(outcome.test)}" in OTHERWISE:
        return False
    shares = name_of(file) in SHARED
    return not (shares and any(other.noticed and file_of(other.test) == file for other in found))


def known(found: Sequence[Outcome]) -> Iterator[tuple[Path, Known]]:
    """For each file, the functions of which every test has noticed something."""
    by_file: dict[Path, list[Outcome]] = {}
    for outcome in found:
        by_file.setdefault(file_of(outcome.test), []).append(outcome)
    for file, tests in by_file.items():
        missed = {function_of(outcome.test) for outcome in tests if is_missed(outcome, tests)}
        functions = {function_of(outcome.test) for outcome in tests} - missed
        yield file, Known(digest(file), sorted(functions))


def main() -> int:
    """Run what is asked for; 1 when a test noticed nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.noticed", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="all files of the suites, not only the changed ones")
    parser.add_argument("options", nargs="*", help="further options for pytest, behind --")
    arguments = parser.parse_args()
    before: dict[str, Any] = json.loads(FILE.read_text())
    files = sorted(shipped.SUITES.glob("*/test_*.py"))
    changed = [file for file in files if arguments.all or before.get(name_of(file), {}).get("digest") != digest(file)]
    if not changed:
        print("no suite has changed")
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        found = outcomes(changed, arguments.options, Path(scratch))
    after = {name_of(file): before[name_of(file)] for file in files if file not in changed}
    # Of some files, nothing is judged on these benches.
    after |= {name_of(file): {"digest": digest(file), "tests": []} for file in changed}
    after |= {name_of(file): {"digest": each.digest, "tests": each.tests} for file, each in known(found)}
    after[OF_A_SYSTEM]["tests"] = functions_in(shipped.SUITES / OF_A_SYSTEM)
    FILE.write_text(json.dumps(dict(sorted(after.items())), indent=1) + "\n")
    missed = [each for each in found if is_missed(each, found)]
    for outcome in missed:
        print(f"notices nothing: {outcome.test} {outcome.broke or ''}")
    return int(bool(missed))


def functions_in(file: Path) -> list[str]:
    """The names of the test functions in a file."""
    body = ast.parse(file.read_text()).body
    return sorted(node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


if __name__ == "__main__":
    sys.exit(main())
