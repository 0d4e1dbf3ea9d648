# SPDX-License-Identifier: Apache-2.0
"""The list of mutants, what is taken out of it as no defect, and by which reason."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.prove.mutation import equivalent
from harness.prove.mutation.mutant import Mutant, drawn
from harness.prove.mutation.mutants import mutants
from harness.prove.mutation.readings import Benches
from harness.shmem.profile import Profile


@pytest.fixture(scope="module")
def every() -> list[Mutant]:
    return mutants()


def mutant(every: list[Mutant], function: str, before: str, after: str) -> Mutant:
    """The one that makes this of that."""
    (found,) = (one for one in every if (one.function, one.before, one.after) == (function, before, after))
    return found


def test_the_list_has_every_part_of_the_device(every: list[Mutant]) -> None:
    assert len(every) > 1000
    assert len({one.name for one in every}) == len(every)
    files = {one.file for one in every}
    assert {"emulator/device/rules.py", "emulator/device/regions.py", "emulator/service/programs.py"} <= files


def test_a_mutant_is_its_file_with_one_change(every: list[Mutant]) -> None:
    for one in drawn(every, 60, 1):
        original = (Path("harness") / one.file).read_text()
        assert ast.dump(ast.parse(one.source)) != ast.dump(ast.parse(original))
        assert one.first <= one.line <= one.last
        assert one.before.splitlines()[0] in original
        assert one.diff.startswith("- ")


def test_a_device_forgets(every: list[Mutant]) -> None:
    """An operator of ours: what lasts is not done."""
    one = mutant(every, "Client.take_status", "self.pending = 0", "pass")
    assert "self.pending = 0\n" not in one.source.partition("def take_status")[2].partition("def notify")[0]


def test_a_draw_depends_on_its_seed_alone(every: list[Mutant]) -> None:
    some = drawn(every, 50, 7)
    assert some == drawn(every, 50, 7)
    assert some != drawn(every, 50, 8)
    assert {one.name for one in drawn(every, len(every) + 1, 7)} == {one.name for one in every}


def test_every_entry_of_the_kept_file_is_of_a_line_that_is_there(every: list[Mutant]) -> None:
    assert equivalent.stale(equivalent.equivalents(), every) == []


def test_an_entry_goes_with_its_text_not_with_its_number(every: list[Mutant], tmp_path: Path) -> None:
    kept = tmp_path / "kept.toml"
    kept.write_text(
        '[[equivalent]]\nfile = "emulator/device/regions.py"\nreason = "a test says so"\n'
        'changes = [["Client.take_status", "self.pending = 0", "pass"]]\n'
    )
    entries = equivalent.equivalents(kept)
    one = mutant(every, "Client.take_status", "self.pending = 0", "pass")
    assert equivalent.reason(replace(one, line=one.line + 20), entries) == "a test says so"
    assert equivalent.reason(replace(one, after="self.pending = 1"), entries) == ""
    assert len(equivalent.stale(entries, [replace(one, before="self.pending = 2")])) == 1


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "kept.toml"
    kept.write_text('[[equivalent]]\nfile = "emulator/device/regions.py"\nchanges = [["Client.take_status"]]\n')
    with pytest.raises(UsageError, match="reason"):
        equivalent.equivalents(kept)


def test_an_entry_of_a_reading_counts_unless_a_bench_has_it(every: list[Mutant], tmp_path: Path) -> None:
    kept = tmp_path / "kept.toml"
    kept.write_text(
        '[[equivalent]]\nfile = "emulator/device/regions.py"\nreadings = ["find: by-name"]\n'
        'changes = [["Client.take_status", "self.pending = 0", "pass"]]\n'
    )
    one = mutant(every, "Client.take_status", "self.pending = 0", "pass")
    entries = equivalent.equivalents(kept)
    assert "find: by-name" in equivalent.reason(one, entries, ["find: own", "mixed_tail: deny"])
    assert equivalent.reason(one, entries, ["find: by-name"]) == ""


def test_readings_of_the_kept_file_are_readings_of_the_profile() -> None:
    named = {reading for entry in equivalent.equivalents() for reading in entry.readings}
    assert named
    for reading in named:
        field, value = reading.split(": ")
        Profile.load("8.0", {field: value})


SIGNALS = 'if self.profile.notify_high_bits == "drops-all" and mask >> MAX_CLIENTS and mask != NOTIFY_ALL_OTHERS:'


@pytest.mark.parametrize(
    ("function", "before", "after", "reading", "shows"),
    [
        # A question that is never asked.
        ("Region.signal", SIGNALS, SIGNALS.replace("!=", "=="), {"notify_high_bits": "ignored"}, False),
        ("Region.signal", SIGNALS, SIGNALS.replace("!=", "=="), {"notify_high_bits": "drops-all"}, True),
        # A branch that is never taken.
        ("Region.free_index", "start = (self.last + 1) % MAX_CLIENTS", None, {"index_reuse": "lowest-free"}, False),
        # A name of a reading that nobody has.
        ("Region.selected", 'if self.profile.notify_own_bit == "ignored":', None, {"notify_own_bit": "ignored"}, True),
        ("Client.take_status", "self.pending = 0", "pass", {}, True),
    ],
)
def test_what_only_another_reading_shows(
    every: list[Mutant], function: str, before: str, after: str | None, reading: dict[str, str], shows: bool
) -> None:
    profile = {**vars(Profile.load("7.0")), **reading}
    chosen = [one for one in every if (one.function, one.before) == (function, before) and after in (None, one.after)]
    if not chosen:
        pytest.fail(f"no mutant of {before}")
    assert {Benches([profile]).show(one) for one in chosen} == {shows}


def test_two_benches_show_what_one_of_them_shows(every: list[Mutant]) -> None:
    one = mutant(every, "Region.signal", SIGNALS, SIGNALS.replace("!=", "=="))
    profile = {**vars(Profile.load("7.0")), "notify_high_bits": "ignored"}
    assert not Benches([profile]).show(one)
    assert Benches([profile, {**profile, "notify_high_bits": "drops-all"}]).show(one)
    # Nothing is known of a bench without a profile.
    assert Benches([]).show(one)
