# SPDX-License-Identifier: Apache-2.0
"""A run in the forms of other places: scripts, chat, in-toto, StrictDoc, the archive of a build server."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from tests import programs
from tests.verdict.world import Ran


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_scripts_get_json(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_folder), "--json"]) == 0
    told = _json(capsys)
    assert (told["verdict"], told["exit_status"], told["reasons"], told["shortfalls"]) == ("pass", 0, [], [])
    assert told["report"] == str(run_folder / "index.html")
    assert main(["verify", str(run_folder), "--json"]) == 0
    assert _json(capsys)["intact"] is True
    (run_folder / "style.css").write_text("")
    assert main(["verify", str(run_folder), "--json"]) == 1
    assert _json(capsys)["files"] == ["style.css"]
    assert main(["compare", str(run_folder), str(run_folder), "--json"]) == 0
    assert _json(capsys)["verdicts"] == []


def test_a_summary_for_chat(run_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "summary.md"
    assert main(["report", str(run_folder), "--markdown", str(target)]) == 0
    text = target.read_text()
    assert text.startswith("# PASS: qualification of vdev shmem\n")
    assert "| 2 of 2 |" in text
    assert "left pci probe serial" in text


def test_an_in_toto_statement(passed: Ran, run_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "statement.json"
    assert main(["report", str(run_folder), "--in-toto", str(target)]) == 0
    statement = json.loads(target.read_text())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert all(each["digest"]["gitCommit"] == passed.results["run"]["harness_commit"] for each in statement["subject"])
    assert len(statement["subject"]) == 2
    predicate = statement["predicate"]
    assert (predicate["result"], len(predicate["passedTests"]), predicate["failedTests"]) == ("PASSED", 4, [])
    manifest = hashlib.sha256((run_folder / "manifest.json").read_bytes()).hexdigest()
    assert predicate["configuration"][0] == {"name": "manifest.json", "digest": {"sha256": manifest}}


def test_the_catalogue_with_verdicts(run_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "verdicts.sdoc"
    assert main(["report", str(run_folder), "--sdoc", str(target)]) == 0
    text = target.read_text()
    assert "UID: SHM-ALLOW-01" in text
    assert "VERDICT: >>>\nleft pci probe serial: pass\nright pci probe serial: pass\n<<<" in text
    assert text.count("[[SECTION]]") == text.count("[[/SECTION]]") > 5


@pytest.mark.long
def test_strictdoc_makes_reqif_of_it(run_folder: Path, tmp_path: Path) -> None:
    strictdoc = shutil.which("strictdoc")
    if strictdoc is None:
        pytest.skip("no strictdoc on PATH (pip install strictdoc)")
    (tmp_path / "in").mkdir()
    assert main(["report", str(run_folder), "--sdoc", str(tmp_path / "in/verdicts.sdoc")]) == 0
    command = [strictdoc, "export", "--formats", "reqif-sdoc", "--output-dir", str(tmp_path / "out"), "in"]
    done = programs.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (reqif,) = (tmp_path / "out").rglob("*.reqif")
    text = reqif.read_text()
    assert "SHM-ALLOW-01" in text
    assert "left pci probe serial: pass" in text


def test_an_archive_is_small_whole_and_compared(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history, first = tmp_path / "history", tmp_path / "first"
    assert main(["archive", str(run_folder), "--out", str(first), "--history", str(history)]) == 0
    assert capsys.readouterr().out == "PASS, no earlier run to compare with\n"
    assert (first / "index.html").is_file()
    assert (first / "summary.md").read_text().startswith("# PASS")
    # What passed has its evidence in the compressed file alone.
    assert not (first / "benches").exists()
    assert "seen.txt" not in (first / "tests.html").read_text()
    with tarfile.open(first / "run.tar.xz") as whole:
        whole.extractall(tmp_path / "unpacked", filter="data")
    assert main(["verify", str(tmp_path / "unpacked" / run_folder.name)]) == 0
    capsys.readouterr()
    assert main(["archive", str(run_folder), "--out", str(first)]) == 3
    assert "is there already" in capsys.readouterr().err


def test_an_archive_tells_what_changed(run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history, worse = tmp_path / "history", tmp_path / "20990101T000000Z-aaaaaa"
    main(["archive", str(run_folder), "--out", str(tmp_path / "first"), "--history", str(history)])
    shutil.copytree(run_folder, worse, symlinks=True)
    for path in (worse / "journal.jsonl", *worse.glob("benches/left/*/journal.jsonl")):
        text = path.read_text().replace(run_folder.name, worse.name).replace('"started":"20', '"started":"21')
        path.write_text(text.replace('"verdict":"pass"', '"verdict":"fail"'))
    capsys.readouterr()
    assert (
        main(["archive", str(worse), "--out", str(tmp_path / "second"), "--history", str(history), "--most", "1"]) == 0
    )
    said = capsys.readouterr().out
    expected = "FAIL, was PASS: new failure: SHM-ALLOW-01 on left, SHM-ALLOW-02 on left (since"
    assert said.startswith(expected), said
    assert "new failure: 2" in (tmp_path / "second/compare.md").read_text()
    assert [path.name for path in history.iterdir()] == [worse.name]
    # The evidence of what failed can be looked at without unpacking.
    assert list((tmp_path / "second/benches/left").rglob("seen.txt"))
    assert not (tmp_path / "second/benches/right").exists()
