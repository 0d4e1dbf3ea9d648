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
        ("harness/report/model.py", "import harness.host.protocol", "arrows go down only"),
        ("harness/host/typed.py", "import fixtures.access", "the harness is below the fixtures"),
    ],
)  # fmt: skip
def test_an_arrow_that_goes_up_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """In a copy of the sources, with one import more."""
    for source in [*CHECKOUT.glob("harness/**/*.py"), *CHECKOUT.glob("fixtures/*.py"), CHECKOUT / "pyproject.toml"]:
        copy = tmp_path / source.relative_to(CHECKOUT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text())
    spoilt = tmp_path / module
    spoilt.write_text(spoilt.read_text().replace("from __future__ import annotations\n", f"\n{line}\n", 1))
    run = lint_imports(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert f"{contract} BROKEN" in run.stdout


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
    """``tests/programs.py`` sees to it that they end."""
    for source in sorted(CHECKOUT.glob("tests/**/*.py")):
        others = STARTING & set(called(source))
        assert not others or source.name == "programs.py", f"{source.relative_to(CHECKOUT)} uses {others}"


def test_one_module_knows_where_the_checkout_is() -> None:
    """A path that leads out of the package is wrong in an installed one; ``harness/shipped.py`` has what is needed."""
    for source in sorted(CHECKOUT.glob("harness/**/*.py")):
        climbing = re.search(r"__file__.*(\.parents\[[^0]|\.parent\.parent)", source.read_text())
        assert not climbing or source.name == "shipped.py", source.relative_to(CHECKOUT)
