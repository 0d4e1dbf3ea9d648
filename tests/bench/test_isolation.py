# SPDX-License-Identifier: Apache-2.0
"""What surrounds a session of ``harness qualify`` does not change it: variables, plugins, settings, conftests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.runs import isolation
from tests import programs

CHECKOUT = Path(__file__).parents[2]
NONE_LEFT = "def pytest_collection_modifyitems(items): items.clear()\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in small: two tests, its settings, and a conftest of the suites."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (tmp_path / "suites/conftest.py").write_text("import pytest\n\n@pytest.fixture\ndef one(): return 1\n")
    (tmp_path / "suites/test_it.py").write_text("def test_a(one): ...\n\ndef test_b(): ...\n")
    return tmp_path


def _run(checkout: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = [*programs.PYTEST, "suites"]
    done = programs.run(
        [*command, *isolation.options(checkout, [checkout / "suites"])],
        cwd=checkout,
        env=isolation.environment() | {"PYTHONPATH": f"{CHECKOUT}:{checkout / 'packages'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_nothing_around_it_changes_a_session(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "pytest.ini").write_text("[pytest]\naddopts = -k nothing\n")
    (checkout / "suites/tox.ini").write_text("[pytest]\npython_files = none.py\n")
    (checkout / "conftest.py").write_text(NONE_LEFT)
    (checkout / "emptying.py").write_text(NONE_LEFT)
    output = _run(checkout, monkeypatch, PYTEST_ADDOPTS="--setup-plan", PYTEST_PLUGINS="emptying")
    assert "2 passed" in output
    assert isolation.ignored(checkout, [checkout / "suites"]) == [
        "PYTEST_ADDOPTS=--setup-plan",
        "PYTEST_PLUGINS=emptying",
        str(checkout / "pytest.ini"),
        str(checkout / "conftest.py"),
        str(checkout / "suites/tox.ini"),
    ]


def test_an_installed_plugin_is_not_loaded_and_is_reported(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = checkout / "packages"
    (place / "emptying-1.dist-info").mkdir(parents=True)
    (place / "emptying.py").write_text(NONE_LEFT)
    (place / "emptying-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: emptying\nVersion: 1\n")
    (place / "emptying-1.dist-info/entry_points.txt").write_text("[pytest11]\nemptying = emptying\n")
    monkeypatch.syspath_prepend(str(place))
    assert "2 passed" in _run(checkout, monkeypatch)
    assert isolation.ignored(checkout, [checkout / "suites"]) == ["the installed pytest plugins emptying"]


def test_suites_of_another_folder_keep_their_own_settings(checkout: Path, tmp_path: Path) -> None:
    (checkout / "pytest.ini").write_text("[pytest]\n")
    elsewhere = [tmp_path / "elsewhere"]
    assert "-c" not in isolation.options(checkout, elsewhere)
    assert isolation.ignored(checkout, elsewhere) == []


def test_places_mean_the_same_in_a_session_as_in_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session runs in another folder, where a relative path would be another one."""
    monkeypatch.chdir(tmp_path)
    for name in ("SHMEM_HARNESS_CACHE", "XDG_CACHE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, "here/cache")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    given = isolation.environment()
    assert {given[name] for name in ("SHMEM_HARNESS_CACHE", "XDG_CACHE_HOME", "TMPDIR")} == {f"{tmp_path}/here/cache"}
    assert given["XDG_RUNTIME_DIR"] == ""
