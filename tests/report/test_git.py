# SPDX-License-Identifier: Apache-2.0
"""The commit that a report names, and the reason when it names none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import commit
from tests import programs
from tests.report.recorded_suite import Suite

AUTHOR = ("-c", "user.name=t", "-c", "user.email=t@example.org")


def _run(folder: Path, *arguments: str) -> str:
    done = programs.run(
        ["git", "-C", str(folder), *AUTHOR, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two commits."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    _run(folder, "init", "-q")
    for text in ("one", "two"):
        (folder / "file").write_text(text)
        _run(folder, "add", "file")
        _run(folder, "commit", "-q", "-m", text)
    return folder


def test_a_sound_repository_needs_no_note(checkout: Path) -> None:
    head = _run(checkout, "rev-parse", "HEAD")
    assert commit.commit(checkout) == (head, "")
    (checkout / "file").write_text("three")
    assert commit.commit(checkout) == (f"{head}+changes", "")


def test_a_shallow_clone_is_reported(checkout: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    _run(tmp_path, "clone", "-q", "--depth=1", f"file://{checkout}", str(shallow))
    assert commit.commit(shallow) == (_run(checkout, "rev-parse", "HEAD"), "a shallow clone, without its history")


def _somebody_elses(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # git's own switch for its tests: every folder counts as that of another user.
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("HOME", str(checkout.parent))


def _no_program(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))


def _no_repository(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    (checkout / ".git").rename(checkout / "git")


def _no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    _run(checkout, "checkout", "-q", "--orphan", "empty")


def _broken_head(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    (checkout / ".git" / "HEAD").write_text("nonsense\n")


def _gone_worktree(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    (checkout / ".git").rename(checkout / "git")
    (checkout / ".git").write_text("gitdir: /nowhere/at/all\n")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_somebody_elses, "the repository belongs to another user, so git does not read it"),
        (_no_program, "there is no git program"),
        (_no_repository, "it does not run from a git repository"),
        (_no_commit, "the repository has no commit yet"),
        (_broken_head, "the repository is broken: not a git repository"),
        (_gone_worktree, "the repository is broken: not a git repository: /nowhere/at/all"),
    ],
)
def test_without_a_commit_there_is_a_reason(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, pytest.MonkeyPatch], None], expected: str
) -> None:
    spoil(checkout, monkeypatch)
    known, note = commit.commit(checkout)
    assert known == ""
    assert note.startswith(expected)


def test_no_variable_leads_to_another_repository(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _run(other, "init", "-q")
    for folder in (checkout, other):
        (folder / "untracked").write_text("")
    _run(other, "add", "untracked")
    names = [*_run(checkout, "rev-parse", "--local-env-vars").split(), "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"]
    setting = tmp_path / "setting"
    setting.write_text(f"[core]\n\tworktree = {other}\n\tbare = true\n")
    values = {
        "GIT_DIR": other / ".git",
        "GIT_WORK_TREE": other,
        "GIT_INDEX_FILE": other / ".git/index",
        "GIT_CONFIG_PARAMETERS": f"'core.worktree'='{other}'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": other,
        "GIT_CEILING_DIRECTORIES": checkout,
    }
    plain = commit.commit(checkout), commit.differing(checkout), commit.unlike(checkout, ["untracked", "file"])
    assert plain[0] == (_run(checkout, "rev-parse", "HEAD"), "")
    assert plain[1:] == ((["untracked"], ""), (["untracked"], ""))
    monkeypatch.setenv("GIT_CONFIG_KEY_0", str(values.pop("GIT_CONFIG_KEY_0")))
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(values.pop("GIT_CONFIG_VALUE_0")))
    for name in {*names, *values}:
        with monkeypatch.context() as set_alone:
            set_alone.setenv(name, str(values.get(name, setting if "CONFIG" in name else other / ".git")))
            seen = commit.commit(checkout), commit.differing(checkout), commit.unlike(checkout, ["untracked", "file"])
        assert seen == plain, name


def test_a_repository_whose_files_are_elsewhere_is_none(checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _run(checkout, "config", "core.worktree", str(other))
    assert commit.commit(checkout) == ("", f"its repository has its files in another folder: {other}")


def test_the_report_tells_the_reason(make_suite: Callable[[str], Suite]) -> None:
    suite = make_suite("def test_a(request): assert request.node")
    suite.environment["PATH"] = str(suite.folder)
    session = suite.run()
    assert session.status == 0
    assert (session.report.run.harness_commit, session.report.run.harness_commit_note) == (
        "",
        "there is no git program",
    )
    assert "commit unknown (there is no git program)" in (session.folder / "index.html").read_text()


def test_the_remedy_for_a_repository_of_somebody_else_works(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _somebody_elses(checkout, monkeypatch)
    _, note = commit.commit(checkout)
    command = note.partition("`")[2].partition("`")[0]
    programs.run(["sh", "-c", command], check=True)
    known, note = commit.commit(checkout)
    assert (len(known), note) == (40, "")
