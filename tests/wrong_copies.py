# SPDX-License-Identifier: Apache-2.0
"""A mistake in a copy of the sources, and the tests that have to notice it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests import programs

CHECKOUT: Final = Path(__file__).parents[1]

# Failing examples need not be made small here.
_CONFTEST: Final = """
from hypothesis import Phase, settings
settings.register_profile("copy", phases=[Phase.explicit, Phase.generate])
settings.load_profile("copy")
"""
_SETTINGS: Final = "[pytest]\npythonpath = .\nmarkers =\n    long: takes minutes\n"


def copy(folder: Path, tests: str, *more: str) -> None:
    """Copy the package, the folder ``tests`` below ``tests/`` and ``more`` folders of the checkout."""
    for name in ("harness", *more):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    for path in [CHECKOUT / "tests" / "__init__.py", *(CHECKOUT / "tests" / tests).glob("*.py")]:
        target = folder / path.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    (folder / "tests" / tests / "conftest.py").write_text(_CONFTEST)
    (folder / "pytest.ini").write_text(_SETTINGS)


def put_in(source: Path, right: str, wrong: str) -> None:
    """Write ``wrong`` in the place of ``right``, which stands in ``source`` once."""
    text = source.read_text()
    assert text.count(right) == 1, f"{right!r} is not once in {source.name}"
    source.write_text(text.replace(right, wrong))


def run(folder: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the copied tests that are not long, up to the first failure."""
    return programs.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not long", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=programs.PATIENCE,
        check=False,
    )
