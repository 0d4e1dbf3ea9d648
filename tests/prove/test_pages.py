# SPDX-License-Identifier: Apache-2.0
"""The page of a proof, where its sessions are and where they are not: no link leads to nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli import main
from harness.prove import pages
from harness.prove.model import Control, Proof, ProofReport

REPORT = ProofReport(
    "prove-1", "2026-01-01T00:00:00+00:00", 9.0, "harness prove", "1", "c" * 40, ["here", "gone", "control"],
    [
        Proof("here", "access", "It does nothing.", "survived", 1.0, 3, "faults/here"),
        Proof("gone", "access", "It does too much.", "error", 1.0, 0, "faults/gone", error="it broke"),
        Proof("elsewhere", "access", "It has no session of its own.", "survived", 1.0, 0, ""),
    ],
    [Control("control", 1.0, 3, "control")],
)  # fmt: skip
SESSIONS = ("faults/here", "control")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The proof with the pages of two of its sessions."""
    target = tmp_path / "prove-1"
    for session in SESSIONS:
        page = target / session / "latest/index.html"
        page.parent.mkdir(parents=True)
        page.touch()
    pages.write(target, REPORT)
    return target


def links(folder: Path) -> list[str]:
    return re.findall(r'href="([^"]*)"', (folder / "index.html").read_text())


def test_only_sessions_that_are_there_are_linked(folder: Path) -> None:
    assert links(folder) == ["style.css", *(f"{session}/latest/index.html" for session in SESSIONS)]
    page = (folder / "index.html").read_text()
    assert [name for name in ("here", "gone", "elsewhere", "control") if name not in page] == []


def test_a_proof_is_kept_without_its_sessions(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept"
    assert main(["archive", str(folder), "--out", str(kept)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("proof: FAIL  ")
    assert said.endswith(f"  0 of 3 faults caught  report: {kept}/index.html\n")
    assert sorted(path.name for path in kept.iterdir()) == ["index.html", "prove.json", "style.css"]
    assert links(kept) == ["style.css"]
    assert (kept / "prove.json").read_bytes() == (folder / "prove.json").read_bytes()
    assert main(["archive", str(folder), "--out", str(kept)]) == 3
    assert "is there already" in capsys.readouterr().err


def test_no_history_keeps_a_proof(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--out", str(tmp_path / "kept"), "--history", str(tmp_path / "history")]
    assert main(["archive", str(folder), *options]) == 3
    assert "leave --history out" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"id": 1}'])
def test_a_damaged_proof_is_no_archive(
    folder: Path, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "prove.json").write_text(content)
    assert main(["archive", str(folder), "--out", str(tmp_path / "kept")]) == 2
    assert "prove.json" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("command", [["archive", "--out", "kept"], ["qualify", "--rerun"]])
def test_a_folder_that_is_not_there_is_named_with_the_remedy(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    for name, wrong in (("nowhere", "there is no folder nowhere"), ("file", "file is a file, not a folder")):
        assert main([*command, name]) == 3
        said = capsys.readouterr().err
        assert wrong in said
        assert "name the folder of a run" in said


def test_a_proof_of_nothing_is_no_pass() -> None:
    assert replace(REPORT, planned=[], proofs=[], controls=[]).verdict == "INCOMPLETE"
