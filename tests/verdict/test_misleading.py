# SPDX-License-Identifier: Apache-2.0
"""Ways to a PASS that would mislead: none of them says PASS, and each is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pytest

from tests.verdict.world import Ran, World, git

Way = Callable[[World], Ran]

FAILING = ("assert bench.name", "assert 0")


def test_a_whole_run_of_clean_sources_passes(passed: Ran) -> None:
    assert (passed.verdict, passed.status) == ("PASS", 0), passed.said
    assert passed.results["run"]["shortfalls"] == []
    commit = passed.results["run"]["harness_commit"][:12]
    for bench in ("left", "right"):
        assert f'<p class="item">board {bench}, profile 7.0, harness {commit}</p>' in passed.page
    assert "2 of 2 requirements" in passed.page
    assert "2 of 85 requirements of release 7.0" in passed.page


def _last_failed(world: World) -> Ran:
    world.edit("test_it.py", *FAILING)
    world.pytest()
    git(world.folder, "checkout", "-q", "test_it.py")
    return world.pytest("--lf")


def _first_failure(world: World) -> Ran:
    world.edit("test_it.py", *FAILING)
    world.commit()
    return world.pytest("-x")


def _no_bench(world: World) -> Ran:
    world.edit("test_it.py", "bench", "request", 9)
    world.edit("test_it.py", "request.name", "request.node", 9)
    world.commit()
    return world.pytest()


def _changed_suite(world: World) -> Ran:
    world.write("test_it.py", (world.folder / "test_it.py").read_text() + "\n# less strict\n")
    return world.pytest()


def _unseen_change(world: World) -> Ran:
    git(world.folder, "update-index", "--assume-unchanged", "test_it.py")
    return _changed_suite(world)


def _untracked_suite(world: World) -> Ran:
    world.write("test_other.py", (world.folder / "test_it.py").read_text())
    return world.pytest()


def _one_placement(world: World) -> Ran:
    places = 'placements: [pci, mmio]\n      mmio: [{loc: 0x90000000, intr: "myioapic:7", trigger: edge}]'
    world.edit("boards.yaml", "placements: [pci]", places, 2)
    world.commit()
    return world.pytest("--placement", "pci")


def _ignored_suite(world: World) -> Ran:
    world.write("ignored_helpers.py", "pass\n")
    return world.pytest()


def _ignored_folder(world: World) -> Ran:
    world.write("ignored_\udce9/deep/helpers.py", "pass\n")
    return world.pytest()


def _no_repository(world: World) -> Ran:
    shutil.rmtree(world.folder / ".git")
    return world.pytest()


def _changed_harness(world: World) -> Ran:
    file = world.harness / "harness/narrow.py"
    before = file.read_text()
    file.write_text(f"{before}# changed\n")
    try:
        return world.pytest()
    finally:
        file.write_text(before)


def _untracked_in_the_harness(world: World) -> Ran:
    file = world.harness / "fixtures/more.py"
    file.write_text("")
    try:
        return world.pytest()
    finally:
        file.unlink()


def _changed_meanwhile(world: World) -> Ran:
    later = "__import__('pathlib').Path(__file__).with_name('later.py').write_text('') == 0"
    world.edit("test_it.py", "assert bench.name", f"assert {later}")
    world.commit()
    return world.pytest()


def _committed_meanwhile(world: World) -> Ran:
    words = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--allow-empty", "-qm", "later"]
    done = f"__import__('subprocess').run({words}).returncode == 0"
    world.edit("test_it.py", "assert bench.name", f"assert bench.name == 'right' or {done}")
    world.commit()
    return world.qualify("--jobs", "1")


def _aborted(world: World) -> Ran:
    world.edit("test_it.py", "assert bench.name", "__import__('os').kill(__import__('os').getpid(), 15)")
    world.commit()
    return world.pytest()


def _wrong_profile(world: World) -> Ran:
    more = (
        '@pytest.mark.requirement("SHM-OPEN-01")',
        "def test_3(bench, observations):",
        "    observations.record('name_leading_dot', 'x')",
    )
    world.write("test_more.py", "\n".join(["import pytest", *more, ""]))
    world.commit()
    return world.pytest()


def _expired_waiver(world: World) -> Ran:
    world.write("waivers.yaml", WAIVER.format(expires="2020-01-31"))
    world.targets("waivers: waivers.yaml")
    world.commit()
    return world.pytest()


def _expired_waiver_of_a_failure(world: World) -> Ran:
    world.edit("test_it.py", *FAILING)
    return _expired_waiver(world)


def _untested_requirement(world: World) -> Ran:
    world.edit("test_it.py", '@pytest.mark.requirement("SHM-ALLOW-02")\n', "")
    world.commit()
    return world.pytest()


def _skipped(world: World) -> Ran:
    world.edit("test_it.py", "def test_2(bench):", "def test_2(bench):\n    pytest.skip('not today')")
    world.commit()
    return world.pytest()


def _variable(world: World) -> Ran:
    world.environment["PYTEST_ADDOPTS"] = "-k test_1"
    return world.pytest()


def _conftest(world: World) -> Ran:
    more = "\ndef pytest_collection_modifyitems(items): del items[1:]\n"
    world.write("conftest.py", (world.folder / "conftest.py").read_text() + more)
    world.commit()
    return world.pytest()


WAIVER = """\
waivers:
  - requirement: SHM-ALLOW-01
    reason: the size is rounded down
    link: https://tracker.example.org/17
    approver: A. Manager
    expires: "{expires}"
"""

HERE = "(on the command line)"
OTHER = "the suite suite is not as in its commit"
MEANWHILE = "the suite suite has changed while the run went on"

# The way, the verdict, and what names it.
WAYS: dict[str, tuple[Way, str, str]] = {
    "-k": (
        lambda world: world.qualify("-k", "test_1"),
        "PARTIAL",
        f"narrowed: 2 tests deselected, by -k 'test_1' {HERE}",
    ),
    "-m": (lambda world: world.pytest("-m", "not requirement"), "FAIL", f"deselected, by -m 'not requirement' {HERE}"),
    "--deselect": (
        lambda world: world.pytest("--deselect", "test_it.py::test_1"),
        "PARTIAL",
        f"by --deselect test_it.py::test_1 {HERE}",
    ),
    "one test": (
        lambda world: world.pytest("test_it.py::test_1"),
        "PARTIAL",
        "1 test function not collected, by the paths",
    ),
    "--lf": (_last_failed, "PARTIAL", f"by --last-failed {HERE}"),
    "-x": (_first_failure, "FAIL", f"3 tests not run, by --maxfail=1 {HERE}"),
    "--bench": (lambda world: world.qualify("--bench", "left"), "PARTIAL", "bench right was left out"),
    "--placement": (_one_placement, "PARTIAL", "of bench left, the placement mmio was left out"),
    "--fault": (
        lambda world: world.pytest("--fault", "rules-ignored"),
        "PARTIAL",
        "the fault rules-ignored was injected",
    ),
    "no bench": (_no_bench, "PARTIAL", "nothing was judged on bench left"),
    "changed suite": (_changed_suite, "PARTIAL", f"{OTHER}: test_it.py"),
    "change that git is told to pass over": (_unseen_change, "PARTIAL", "test_it.py (git is told not to look at it)"),
    "untracked suite": (_untracked_suite, "PARTIAL", f"{OTHER}: test_other.py"),
    "ignored folder": (_ignored_folder, "PARTIAL", f"{OTHER}: ignored_\\xe9/deep/helpers.py"),
    "ignored file": (_ignored_suite, "PARTIAL", f"{OTHER}: ignored_helpers.py"),
    "no repository": (_no_repository, "PARTIAL", "of the suite suite is not known: it is not in a git repository"),
    "changed harness": (_changed_harness, "PARTIAL", "the harness is not as in its commit: harness/narrow.py"),
    "untracked in the harness": (_untracked_in_the_harness, "PARTIAL", "not as in its commit: fixtures/more.py"),
    "changed meanwhile": (_changed_meanwhile, "PARTIAL", f"{MEANWHILE}: later.py"),
    "committed meanwhile": (_committed_meanwhile, "PARTIAL", f"{MEANWHILE}: from commit"),
    "aborted": (_aborted, "FAIL", "the run was interrupted: SIGTERM"),
    "wrong profile": (_wrong_profile, "PARTIAL", "profile of left: name_leading_dot is x, the profile says"),
    "expired waiver": (_expired_waiver, "PARTIAL", "the waiver of SHM-ALLOW-01 on left expired on 2020-01-31"),
    "expired waiver of a failure": (_expired_waiver_of_a_failure, "FAIL", "2 known failures expired"),
    "untested requirement": (
        _untested_requirement,
        "PARTIAL",
        "SHM-ALLOW-02 (no test of this run names it on this item)",
    ),
    "skipped requirement": (_skipped, "PARTIAL", "SHM-ALLOW-02 (skipped: not today)"),
    "variable": (_variable, "PARTIAL", "by -k 'test_1' (in PYTEST_ADDOPTS)"),
    "conftest": (_conftest, "PARTIAL", "narrowed: 3 tests deselected, by the plugin"),
}


@pytest.mark.parametrize("name", WAYS)
def test_no_way_to_a_misleading_pass(world: World, name: str) -> None:
    way, verdict, words = WAYS[name]
    ran = way(world)
    assert ran.verdict == verdict, ran.said
    assert words in ran.page
    assert verdict == "FAIL" or words in ran.said
    assert f"<h1>{verdict}</h1>" in ran.page
    run = ran.results["run"]
    assert (run["verdict"], run["exit_status"] == 4) == (verdict.lower(), verdict == "PARTIAL")


def test_the_first_page_says_who_ran_it_what_for_and_on_what(world: World) -> None:
    world.targets('item: "serial 4711"')
    world.commit()
    ran = world.qualify("--operator", "A. Tester", "--purpose", "release 1 & 2")
    assert ran.verdict == "PASS", ran.said
    assert "board left (serial 4711), profile 7.0, harness " in ran.page
    assert "<dt>operator</dt><dd><code>A. Tester</code></dd>" in ran.page
    assert "<dt>purpose</dt><dd><code>release 1 &amp; 2</code></dd>" in ran.page


def test_scripts_can_tell_partial_from_pass(world: World) -> None:
    ran = world.qualify("-k", "test_1")
    assert ran.status == 4
    assert world.command("report", str(ran.folder)).status == 4
    # pytest's own status says that nothing failed.
    assert world.pytest("-k", "test_1").status == 0


def test_a_waiver_is_shown_with_all_that_it_says(world: World) -> None:
    world.edit("test_it.py", *FAILING)
    world.write("waivers.yaml", WAIVER.format(expires="2999-01-31"))
    world.targets("waivers: waivers.yaml")
    world.commit()
    ran = world.qualify()
    assert (ran.verdict, ran.status) == ("PASS", 0), ran.said
    assert [each["used"] for each in ran.results["waivers"]] == [1, 1]
    for words in ("the size is rounded down", "A. Manager", "2999-01-31", "https://tracker.example.org/17"):
        assert words in ran.page
    assert "but for 2 accepted" in ran.page
    lines = [line for line in ran.said.splitlines() if line.startswith("accepted until 2999-01-31: ")]
    assert len(lines) == 2
    # The last line is on the other stream.
    told, _ = json.JSONDecoder().raw_decode(world.command("report", "--json", str(ran.folder)).said)
    assert [each["expires"] for each in told["accepted"]] == ["2999-01-31"] * 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "SHM-ALLOW-01",
            "SHM-NONE-01",
            "waivers.yaml:2: error: waiver 1: no requirement of the catalogue is SHM-NONE-01",
        ),
        ('"2999-01-31"', '"soon"', "expected YYYY-MM-DD"),
        ("    approver: A. Manager\n", "", "waivers[1].approver is missing"),
        ("    link:", "    test: test_it.py::test_1\n    link:", "expected either requirement or test"),
    ],
)
def test_a_waiver_that_says_too_little_is_refused_with_its_line(world: World, old: str, new: str, said: str) -> None:
    world.write("waivers.yaml", WAIVER.format(expires="2999-01-31").replace(old, new))
    world.targets("waivers: waivers.yaml")
    ran = world.pytest()
    assert ran.status == 3, ran.said
    assert said in ran.said
