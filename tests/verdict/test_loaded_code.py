# SPDX-License-Identifier: Apache-2.0
"""All code that a session loads counts, wherever it lies and however it was loaded: each way in each state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests import guestless
from tests.verdict.world import Ran, World, git

_TOLD: Final = " (git is told not to look at it)"
_MORE: Final = "\ndef test_more(bench):\n    assert bench.name\n"
_LOADS: Final = """\
import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / name) for name in ("lib", "common")]
import beside
import expect
"""

# Where the code lies: its repository, and its name there.
PLACES: Final = {
    "tests in a scratch folder of the suite": ("suite", "tests/tmp/test_scratch.py"),
    "a module beside the suite": ("suite", "lib/beside.py"),
    "a conftest above the suite": ("suite", "conftest.py"),
    "a driver": ("suite", "drivers/driver.py"),
    "the environment file": ("suite", "boards.yaml"),
    "the settings of pytest": ("suite", "pytest.ini"),
    "tests behind a link": ("elsewhere", "test_real.py"),
    "a module of a submodule that git is told to ignore": ("suite/common", "expect.py"),
}


def _clean(repository: Path, name: str) -> list[str]:  # noqa: ARG001
    return []


def _changed(repository: Path, name: str) -> list[str]:
    with (repository / name).open("a") as file:
        file.write("\n# changed\n" if name != "pytest.ini" else "\n; changed\n")
    return [name]


def _untracked(repository: Path, name: str) -> list[str]:
    git(repository, "rm", "-q", "--cached", name)
    git(repository, "commit", "-q", "-m", "without it")
    return [name]


def _ignored(repository: Path, name: str) -> list[str]:
    folder = Path(git(repository, "rev-parse", "--absolute-git-dir").strip())
    with (folder / "info/exclude").open("a") as file:
        file.write(f"/{name}\n")
    return _untracked(repository, name)


def _passed_over(repository: Path, name: str) -> list[str]:
    git(repository, "update-index", "--assume-unchanged", name)
    _changed(repository, name)
    return [f"{name}{_TOLD}"]


STATES: Final[tuple[Callable[[Path, str], list[str]], ...]] = (_clean, _changed, _untracked, _ignored, _passed_over)


@pytest.fixture
def wide(world: World) -> World:
    """The suite of a world in the folder tests/ of its repository, with code in all places."""
    tests = (world.folder / "test_it.py").read_text()
    for name in ("test_it.py", "conftest.py"):
        git(world.folder, "rm", "-q", name)
    world.write("tests/test_it.py", _LOADS + tests)
    world.write("tests/tmp/test_scratch.py", _MORE)
    world.write("lib/beside.py", "")
    world.write("conftest.py", guestless.CONFTEST)
    world.write("drivers/driver.py", "")
    world.edit("boards.yaml", "imports: [", "imports: [drivers/driver.py, ")
    for name, file, text in (("elsewhere", "test_real.py", _MORE), ("origin", "expect.py", "")):
        folder = world.folder.parent / name
        folder.mkdir()
        (folder / file).write_text(text)
        _committed(folder)
    (world.folder / "tests/test_link.py").symlink_to("../../elsewhere/test_real.py")
    origin = str(world.folder.parent / "origin")
    git(world.folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", origin, "common")
    git(world.folder, "config", "-f", ".gitmodules", "submodule.common.ignore", "all")
    world.commit()
    return world


def _committed(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "as it is")


def _sources(ran: Ran) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ran.results["run"]["sources"]
    return found


def _at_another_commit(wide: World) -> bool:
    """Whether the submodule is not at the commit that is noted for it."""
    noted = git(wide.folder, "rev-parse", "HEAD:common")
    return noted != git(wide.folder / "common", "rev-parse", "HEAD")


def _differing(ran: Ran, suite: Path) -> set[str]:
    """What differs from its commit, by absolute path."""
    return {
        str((suite if source["what"].startswith("the suite") else Path(source["what"].split()[-1])) / change)
        for source in _sources(ran)
        for change in source["changes"]
    }


def test_code_of_commits_passes_wherever_it_lies(wide: World) -> None:
    ran = wide.pytest("tests")
    assert ran.verdict == "PASS", ran.said
    named = {source["what"]: source["commit"] for source in _sources(ran)}
    further = [wide.folder.parent / "elsewhere", wide.folder / "common"]
    assert set(named) == {"the harness", "the suite tests", *(f"the repository {folder}" for folder in further)}
    for folder in further:
        assert named[f"the repository {folder}"] == git(folder, "rev-parse", "HEAD").strip()


@pytest.mark.parametrize("shift", range(len(STATES)))
def test_each_place_in_each_state(wide: World, shift: int) -> None:
    expected = set()
    for number, (repository, name) in enumerate(PLACES.values()):
        folder = wide.folder.parent / repository
        spoil = STATES[(number + shift) % len(STATES)]
        expected |= {str(folder / change) for change in spoil(folder, name)}
    if _at_another_commit(wide):
        expected.add(str(wide.folder / "common"))
    ran = wide.pytest("tests")
    assert _differing(ran, wide.folder / "tests") == expected
    assert ran.verdict == "PARTIAL", ran.said
    assert {each["kind"] for each in ran.results["run"]["shortfalls"]} == {"source"}


def test_a_submodule_at_another_commit_is_a_change(wide: World) -> None:
    git(wide.folder / "common", "commit", "-q", "--allow-empty", "-m", "another")
    ran = wide.pytest("tests")
    assert ran.verdict == "PARTIAL", ran.said
    assert f"the repository {wide.folder} is not as in its commit: common" in ran.said


def test_code_of_no_repository_is_named(wide: World) -> None:
    above = wide.folder.parent
    for name in ("package/asked/__init__.py", "package/asked/inner/__init__.py", "plugin/of_mine.py"):
        (above / name).parent.mkdir(parents=True, exist_ok=True)
        (above / name).write_text("")
    (above / "package/asked/inner/test_asked.py").write_text(_MORE)
    # The conftest of the suite is not for the package.
    (above / "plugin/of_mine.py").write_text(guestless.CONFTEST)
    bench = above / "bench"
    bench.mkdir()
    (bench / "mine.py").write_text("")
    imports = f"imports: [mine.py, harness.labgrid, {wide.folder}/host.py]"
    text = (wide.folder / "boards.yaml").read_text().partition("\n")[2]
    (bench / "boards.yaml").write_text(f"{imports}\n{text}".replace("templates: t", f"templates: {wide.folder}/t"))
    wide.environment["PYTHONPATH"] = f"{wide.harness}:{above}/package:{above}/plugin"
    ran = wide.pytest(
        "--lg-env", str(bench / "boards.yaml"), "-p", "of_mine", "--pyargs", "asked", str(wide.folder / "tests")
    )
    unknown = {source["what"]: source["changes"] for source in _sources(ran) if not source["commit"]}
    assert unknown == {
        f"the code in {above}/bench": ["mine.py"],
        f"the code in {above}/package/asked": ["__init__.py", "inner/__init__.py", "inner/test_asked.py"],
        f"the code in {above}/plugin": ["of_mine.py"],
    }
    assert ran.verdict == "PARTIAL", ran.said
    assert f"the code in {above}/bench is not known: it is not in a git repository: mine.py" in ran.said


def test_an_environment_file_of_no_repository_is_known_by_its_content(wide: World) -> None:
    place = wide.folder.parent / "boards.yaml"
    imports = f"imports: [harness.labgrid, {wide.folder}/host.py]"
    text = (wide.folder / "boards.yaml").read_text().partition("\n")[2]
    place.write_text(f"{imports}\n{text}".replace("templates: t", f"templates: {wide.folder}/t"))
    ran = wide.pytest("--lg-env", str(place), "tests")
    assert ran.verdict == "PASS", ran.said
    assert "environment file" in {part["name"] for part in ran.results["run"]["parts"]}


def test_further_code_must_stay_of_one_commit(wide: World) -> None:
    elsewhere = wide.folder.parent / "elsewhere"
    finds = f"import sys\nsys.path.insert(0, {str(elsewhere)!r})\nimport test_real\n"
    wide.write("conftest.py", finds + guestless.CONFTEST)
    words = ["git", "-C", str(elsewhere), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = f"__import__('subprocess').run({[*words, 'commit', '--allow-empty', '-qm', 'later']}).returncode == 0"
    wide.edit("tests/test_it.py", "assert bench.name", f"assert bench.name == 'right' or {done}")
    wide.commit()
    ran = wide.pytest("tests")
    assert ran.verdict == "PARTIAL", ran.said
    assert f"the repository {elsewhere} has changed while the run went on: from commit" in ran.said
