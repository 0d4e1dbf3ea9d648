# SPDX-License-Identifier: Apache-2.0
"""The arrows of the design: who may import whom. The contracts stand in pyproject.toml."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import programs

CHECKOUT = Path(__file__).parents[1]
SECONDS = programs.PATIENCE
FIXTURES = "the fixtures know hosts by their protocol, and no command"
EMULATOR = "the emulator does not ask the oracle"
ROOMS = "the rooms of the emulated host"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the sources in ``folder`` by the contracts there."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return programs.run(
        [sys.executable, "-c", code], cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip


def test_arrows_go_down_only() -> None:
    run = lint_imports(CHECKOUT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("harness/emulator/device/rules.py", "from harness.shmem.oracle import decide", EMULATOR),
        ("harness/emulator/device/interrupts.py", "import harness.emulator.machine.qtest", ROOMS),
        ("harness/emulator/service/host.py", "import harness.emulator.faults", ROOMS),
        ("harness/shmem/oracle/names.py", "import harness.emulator.device.rules", "arrows go down only"),
        ("harness/shmem/status.py", "import harness.events", "the device as data imports nothing of ours but errors"),
        ("harness/report/evidence/model.py", "import harness.host.protocol", "arrows go down only"),
        ("harness/host/typed.py", "import fixtures.access", "the harness is below the fixtures"),
        ("harness/host/typed.py", "import suites.matrix.covering", "the harness is below the fixtures"),
        ("harness/host/uart.py", "import harness.guest.console", "arrows go down only"),
        ("harness/bench/guests.py", "import harness.target.benches", "arrows go down only"),
        ("fixtures/access.py", "import harness.host.emulated", FIXTURES),
        ("harness/target/live.py", "import harness.guest.target", "guests are started by the bench alone"),
    ],
)  # fmt: skip
def test_an_arrow_that_goes_up_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """In a copy of the sources, with one import more."""
    modules = [source for folder in ("harness", "fixtures") for source in CHECKOUT.glob(f"{folder}/**/*.py")]
    for source in [*modules, CHECKOUT / "pyproject.toml"]:
        copy = tmp_path / source.relative_to(CHECKOUT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text())
    spoilt = tmp_path / module
    spoilt.write_text(spoilt.read_text().replace("from __future__ import annotations\n", f"\n{line}\n", 1))
    run = lint_imports(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert f"{contract} BROKEN" in run.stdout


LOADERS = {
    "import_module",
    "__import__",
    "exec_module",
    "run_module",
    "run_path",
    "exec",
    "eval",
    "resolve_name",
    "load_module",
}
LOADS = {
    "harness/cli/__init__.py": "the module of a command, below harness.cli",
    "harness/shipped.py": "the folder of fixtures and suites, for pytest alone",
    "harness/emulator/faults/injection.py": "the module of a fault, below harness.emulator.faults",
    "harness/report/judging/tautologies.py": "nothing: a constant expression of a test is worked out",
    "harness/report/judging/vacuous.py": "nothing: a constant expression of a test is worked out",
    "harness/target/imports.py": "what a user's target file names",
}
"""Where a module is loaded by a name that is known at run time alone, and what may be loaded there."""


def loads(tree: ast.AST) -> Iterator[str]:
    """The ways in which a file could get at a module without an import statement."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in LOADERS:
                yield name
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.name in LOADERS)
            yield from (f"sys.{alias.name}" for alias in node.names if node.module == "sys" and alias.name == "path")
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
            yield "sys.path"


def loads_of_strangers(source: Path, name: str) -> list[str]:
    """What a file of the harness loads that no contract can see."""
    tree = ast.parse(source.read_text(), str(source))
    found = [] if name in LOADS else list(loads(tree))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    above = re.compile(r"(?:fixtures|suites|tests)\.\w+")
    return found + [text for text in texts if above.fullmatch(text)] * bool(name in LOADS)


def test_the_harness_loads_nothing_that_the_contracts_do_not_see() -> None:
    sources = sorted(CHECKOUT.glob("harness/**/*.py"))
    assert len(sources) > 100
    for source in sources:
        name = source.relative_to(CHECKOUT).as_posix()
        assert loads_of_strangers(source, name) == [], name


@pytest.mark.parametrize(
    "line",
    [
        "importlib.import_module('fixtures.settings')",
        "from importlib import import_module as load",
        "__import__('fixtures')",
        "sys.path.append('..')",
        "from sys import path",
        "runpy.run_module('fixtures.plugin')",
    ],
)
@pytest.mark.parametrize("module", ["harness/bench/settings.py", "harness/host/emulated.py"])
def test_an_import_by_a_text_is_noticed(tmp_path: Path, module: str, line: str) -> None:
    spoilt = tmp_path / "module.py"
    spoilt.write_text(f"{(CHECKOUT / module).read_text()}\n{line}\n")
    assert loads_of_strangers(spoilt, module) != []


def test_where_modules_are_loaded_by_name_none_of_above_is_named(tmp_path: Path) -> None:
    spoilt = tmp_path / "module.py"
    for module in LOADS:
        spoilt.write_text(f"{(CHECKOUT / module).read_text()}\nimport_module('fixtures.settings')\n")
        assert loads_of_strangers(spoilt, module) == ["fixtures.settings"]


STARTS = ("start_guest", "EmulatedGuest", "QnxGuest")
STARTERS = ("harness/bench/guests.py", "harness/host/", "harness/emulator/")


def test_guests_are_started_in_one_place() -> None:
    """Of what is above the hosts."""
    calls = {
        source.relative_to(CHECKOUT).as_posix()
        for folder in ("harness", "fixtures", "suites")
        for source in CHECKOUT.glob(f"{folder}/**/*.py")
        if any(name.rpartition(".")[2] in STARTS for name in called(source))
    }
    assert "harness/bench/guests.py" in calls
    assert {name for name in calls if not name.startswith(STARTERS)} == set()


MOST_FILES = 15


def test_no_folder_is_crowded() -> None:
    folders = {source.parent for folder in ("harness", "fixtures") for source in CHECKOUT.glob(f"{folder}/**/*.py")}
    crowded = {folder for folder in folders if len(list(folder.glob("*.py"))) > MOST_FILES}
    assert {folder.relative_to(CHECKOUT).as_posix() for folder in crowded} == set()


MOST_LINES = 400
LONG = {"harness/shmem/profile.py": "data: a field for each open question, with all its readings"}
"""Files that may be longer, and why."""


def lengths(top: Path) -> dict[str, int]:
    """How many lines each source file has that is ours."""
    folders = ("harness", "fixtures", "suites", "targets", "tests", "tools")
    sources = [
        source for folder in folders for kind in ("py", "c", "h") for source in top.glob(f"{folder}/**/*.{kind}")
    ]
    return {source.relative_to(top).as_posix(): source.read_text().count("\n") for source in sources}


def too_long(top: Path) -> set[str]:
    return {name for name, lines in lengths(top).items() if lines > MOST_LINES}


def test_no_source_file_is_long() -> None:
    assert len(lengths(CHECKOUT)) > 400
    assert too_long(CHECKOUT) == set(LONG)


@pytest.mark.parametrize("name", ["harness/a/b.py", "tests/a.c", "targets/images/a/b/c.h"])
def test_a_long_source_file_is_noticed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("\n" * MOST_LINES)
    assert too_long(tmp_path) == set()
    (tmp_path / name).write_text("\n" * (MOST_LINES + 1))
    assert too_long(tmp_path) == {name}


OURS = ("harness", "fixtures", "suites", "targets", "tests")
ALLOWED = ("fixtures", "harness.shmem", "suites")


def imported(source: Path) -> set[str]:
    """The modules that a file imports by name, at any depth of it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(), str(source))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{source}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_suites_import_fixtures_and_the_device_as_data_and_nothing_else_of_ours() -> None:
    suites = sorted(CHECKOUT.glob("suites/**/*.py"))
    assert len(suites) > 10
    for source in suites:
        ours = {name for name in imported(source) if name.partition(".")[0] in OURS}
        strangers = {name for name in ours if not any(f"{name}.".startswith(f"{allowed}.") for allowed in ALLOWED)}
        assert not strangers, f"{source.relative_to(CHECKOUT)} imports {', '.join(sorted(strangers))}"


STARTING = {"subprocess.Popen", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"}
STARTING |= {"os.system", "os.popen", "os.fork", "os.spawnv", "pty.fork", "asyncio.create_subprocess_exec"}


def called(source: Path) -> Iterator[str]:
    """What a file calls by ``module.name``, and what it imports by name."""
    for node in ast.walk(ast.parse(source.read_text(), str(source))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Subscript):
            yield ast.unparse(node.func).partition("[")[0]
    yield from imported(source)


def test_tests_start_programs_in_one_way() -> None:
    """``tests/programs.py`` sees to it that they end; what runs on a board ends with its power."""
    for source in sorted(CHECKOUT.glob("tests/**/*.py")):
        others = STARTING & set(called(source))
        assert not others or source.name in ("programs.py", "between.py"), (
            f"{source.relative_to(CHECKOUT)} uses {others}"
        )


def test_one_module_knows_where_the_checkout_is() -> None:
    """A path that leads out of the package is wrong in an installed one; ``harness/shipped.py`` has what is needed."""
    for source in sorted(CHECKOUT.glob("harness/**/*.py")):
        climbing = re.search(r"__file__.*(\.parents\[[^0]|\.parent\.parent)", source.read_text())
        assert not climbing or source.name == "shipped.py", source.relative_to(CHECKOUT)
