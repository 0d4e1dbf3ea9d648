# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.verdict.world import Ran, World, committed_copy


@pytest.fixture(scope="session")
def clean_harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout without a change."""
    return committed_copy(tmp_path_factory.mktemp("harness"))


@pytest.fixture
def world(tmp_path: Path, clean_harness: Path) -> World:
    """A suite whose run is a PASS, until a test spoils something."""
    world = World(tmp_path / "suite", clean_harness)
    world.build()
    return world


@pytest.fixture(scope="session")
def passed(tmp_path_factory: pytest.TempPathFactory, clean_harness: Path) -> Ran:
    """A qualification that passed."""
    world = World(tmp_path_factory.mktemp("passed") / "suite", clean_harness)
    world.build()
    return world.qualify()


@pytest.fixture
def run_folder(passed: Ran, tmp_path: Path) -> Path:
    """A copy of its folder, to be changed."""
    return shutil.copytree(passed.folder, tmp_path / passed.folder.name, symlinks=True)
