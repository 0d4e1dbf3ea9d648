# SPDX-License-Identifier: Apache-2.0
"""A folder that is not as its run left it is noticed, file by file, also where the manifest was made anew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import main
from harness.report.chain import manifest
from harness.report.chain.verify import against_manifest, verify
from tests import programs
from tests.verdict.world import Ran, World

Edit = Callable[[Path], object]


def _said(folder: Path) -> list[str]:
    return list(map(str, verify(folder).discrepancies))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _journal(folder: Path) -> Path:
    """The journal of the first session."""
    return sorted(folder.glob("benches/left/2*/journal.jsonl"))[0]


def test_an_untouched_run_is_intact(passed: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(passed.folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    digest = manifest.digest(passed.folder / "manifest.json")
    assert said == ["verdict by the journal: PASS", f"manifest.json: SHA-256 {digest}", "evidence: INTACT"]
    # A session is a run of its own.
    assert _said(_journal(passed.folder).parent) == []


def test_one_flipped_byte_of_any_file_is_named(run_folder: Path) -> None:
    files = sorted(path for path in run_folder.rglob("*") if path.is_file() and not path.is_symlink())
    assert len(files) > 20
    for path in files:
        before = path.read_bytes()
        for place in {0, len(before) // 2, len(before) - 1} if before else set():
            path.write_bytes(before[:place] + bytes([before[place] ^ 1]) + before[place + 1 :])
            name = path.relative_to(run_folder).as_posix()
            found = list(map(str, against_manifest(run_folder)))
            # A digest in the manifest that is another one names the file that it was of.
            assert found if name == "manifest.json" else f"changed: {name}" in found, (name, place)
        path.write_bytes(before)
    assert _said(run_folder) == []


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (lambda folder: (folder / "style.css").unlink(), "removed: style.css"),
        (lambda folder: (folder / "pictures/more.svg").write_text("<svg/>"), "added: pictures/more.svg"),
        (lambda folder: (folder / "manifest.json").unlink(), "removed: manifest.json: nothing says which files"),
        (lambda folder: (folder / "benches/left/latest").unlink(), "removed: benches/left/latest"),
        (
            lambda folder: _replace(folder / "manifest.json", '"size": ', '"size":  '),
            "changed: manifest.json: manifest",
        ),
    ],
    ids=["removed", "added", "no manifest", "link", "form"],
)
def test_what_was_removed_or_added_is_named(run_folder: Path, edit: Edit, found: str) -> None:
    edit(run_folder)
    assert [line for line in _said(run_folder) if line.startswith(found)]


def _failed(folder: Path) -> None:
    """The journal as if a test had failed, with a pass in all that was made from it."""
    _replace(_journal(folder), '"verdict":"pass"', '"verdict":"fail"')


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (_failed, "disagrees: results.json: run.verdict is \"pass\", the journal gives \"fail\""),
        (_failed, "disagrees: junit.xml: test_1[left-pci-probe-serial] on left is pass, the journal gives fail"),
        (_failed, "/events.jsonl: test_it.py::test_1[left-pci-probe-serial] ended as pass, the journal gives fail"),
        (_failed, "disagrees: index.html: its verdict and its scope are not those of the journal"),
        (
            lambda folder: _replace(folder / "results.json", '"verdict": "pass"', '"verdict": "fail"'),
            "disagrees: results.json: run.verdict is \"fail\", the journal gives \"pass\"",
        ),
        (lambda folder: _replace(folder / "index.html", "<h1>PASS</h1>", "<h1>FAIL</h1>"), "disagrees: index.html"),
        (lambda folder: _replace(folder / "junit.xml", 'value="pass"', 'value="error"'), "disagrees: junit.xml"),
        (
            lambda folder: next(folder.glob("benches/left/2*/**/test_1*/seen.txt")).unlink(),
            "evidence of test_it.py::test_1[left-pci-probe-serial] is not there",
        ),
        (lambda folder: _journal(folder).write_text(_journal(folder).read_text()[3:]), "journal.jsonl:1: damaged line"),
        (lambda folder: _journal(folder).unlink(), "disagrees: results.json: run.verdict"),
    ],
)  # fmt: skip
def test_a_manifest_that_was_made_anew_hides_nothing(run_folder: Path, edit: Edit, found: str) -> None:
    edit(run_folder)
    manifest.write(run_folder)
    assert [line for line in _said(run_folder) if found in line], _said(run_folder)


def test_a_junit_file_without_a_failure_of_the_journal_is_named_and_not_archived(world: World) -> None:
    """Servers publish that file and not the pages; nor is a proof that was edited put beside them."""
    world.edit("test_it.py", "assert bench.name", "assert bench.name == 'left'")
    world.commit()
    ran = world.qualify()
    assert ran.verdict == "FAIL", ran.said
    (ran.folder / "prove.json").write_text("{}")
    manifest.write(ran.folder)
    assert world.command("archive", str(ran.folder), "--out", "whole").status == 0
    assert (world.folder / "whole/prove.json").read_text() == "{}"
    junit = ran.folder / "junit.xml"
    before = junit.read_text()
    green = re.sub(r"<failure.*?</failure>", "", before, flags=re.DOTALL).replace('failures="1"', 'failures="0"')
    assert green != before
    junit.write_text(green)
    manifest.write(ran.folder)
    said = world.command("verify", str(ran.folder)).said
    assert "disagrees: junit.xml: its test cases do not end as the journal gives" in said
    (ran.folder / "prove.json").write_text('{"verdict": "PASS"}')
    assert world.command("archive", str(ran.folder), "--out", "edited").status == 0
    kept = (world.folder / "edited/junit.xml").read_text()
    assert kept.count("<failure") == before.count("<failure") > 0
    assert kept.count('verdict" value="fail"') == before.count('verdict" value="fail"')
    assert not (world.folder / "edited/prove.json").exists()


def test_every_word_of_the_pages_is_that_of_the_journal(world: World) -> None:
    ran = world.qualify()
    edits: dict[str, Edit] = {
        "index.html": lambda page: _replace(page, "</body>", "<p>all is well</p></body>"),
        "tests.html": lambda page: _replace(page, "test_1", "test_2"),
        "access.html": lambda page: page.unlink(),
    }
    for name, edit in edits.items():
        before = (ran.folder / name).read_bytes()
        edit(ran.folder / name)
        manifest.write(ran.folder)
        said = world.command("verify", str(ran.folder))
        assert said.status == 1, said.said
        assert f"disagrees: {name}: is not the page that the journal gives" in said.said
        (ran.folder / name).write_bytes(before)
    manifest.write(ran.folder)
    assert world.command("verify", str(ran.folder)).status == 0


def test_a_pass_beside_the_evidence_of_a_failure_is_noticed(run_folder: Path) -> None:
    seen = next(run_folder.glob("benches/left/2*/**/test_1*/seen.txt"))
    seen.rename(seen.with_name("failure.txt"))
    _replace(_journal(run_folder), "seen.txt", "failure.txt")
    manifest.write(run_folder)
    assert [line for line in _said(run_folder) if "failure.txt: tells of a failure of test_it.py::test_1" in line]


def test_the_report_is_derived_and_not_believed(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in run_folder.iterdir() if path.is_file()}
    assert main(["report", str(run_folder)]) == 0
    assert {path: path.read_bytes() for path in before} == before
    _replace(run_folder / "results.json", '"verdict": "pass"', '"verdict": "fail"')
    assert main(["report", str(run_folder)]) == 0
    assert "results.json was not what the journal gives" in capsys.readouterr().out
    assert _said(run_folder) == []
    (run_folder / "journal.jsonl").unlink()
    assert main(["report", str(run_folder)]) == 2
    assert "its verdicts cannot be derived" in capsys.readouterr().err


def test_a_journal_that_was_forged_with_its_manifests_makes_no_pass(world: World) -> None:
    world.edit("test_it.py", "def test_1(bench, evidence):", "def test_1(bench, evidence):\n    assert bench is None")
    world.commit()
    ran = world.qualify()
    assert ran.verdict == "FAIL"
    for journal in ran.folder.glob("benches/*/2*/journal.jsonl"):
        _replace(journal, '"verdict":"fail"', '"verdict":"pass"')
        manifest.write(journal.parent)
    manifest.write(ran.folder)
    said = world.command("report", str(ran.folder))
    assert "the run is not as it was written" in said.said, said.said
    assert (said.status, "ended as fail, the journal gives pass" in said.said) == (4, True), said.said


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key of somebody, with the file of allowed signers beside it."""
    path = tmp_path / "key"
    programs.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    (tmp_path / "allowed").write_text(f"lab@example.org {path.with_suffix('.pub').read_text()}")
    return path


def test_a_signature_holds_until_something_changes(
    run_folder: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = ["--allowed-signers", str(key.with_name("allowed"))]
    assert main(["verify", str(run_folder), *allowed]) == 1
    assert "signature: manifest.json.sig is not there" in capsys.readouterr().out
    assert main(["sign", str(run_folder), "--key", str(key)]) == 0
    assert main(["verify", str(run_folder), *allowed]) == 0
    assert "signed by lab@example.org" in capsys.readouterr().out
    # Who changes a file and makes the manifest anew cannot sign it.
    _replace(run_folder / "style.css", "body", "bodx")
    manifest.write(run_folder)
    assert main(["verify", str(run_folder), *allowed]) == 1
    assert main(["verify", str(run_folder)]) == 1
    assert "signature: manifest.json.sig: " in capsys.readouterr().out


def test_a_stranger_is_no_allowed_signer(
    run_folder: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    programs.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    main(["sign", str(run_folder), "--key", str(other)])
    assert main(["verify", str(run_folder), "--allowed-signers", str(key.with_name("allowed"))]) == 1
    assert "not of an allowed signer" in capsys.readouterr().out


def test_a_run_that_was_changed_is_not_signed(run_folder: Path, key: Path) -> None:
    (run_folder / "style.css").write_text("")
    assert main(["sign", str(run_folder), "--key", str(key)]) == 1
    assert not (run_folder / "manifest.json.sig").exists()


def test_the_manifest_lists_every_file(passed: Ran) -> None:
    listed = {entry["path"] for entry in json.loads((passed.folder / "manifest.json").read_text())["files"]}
    there = {path.relative_to(passed.folder).as_posix() for path in passed.folder.rglob("*") if not path.is_dir()}
    assert there - listed == {"manifest.json"}


@pytest.mark.parametrize(
    "edit",
    [
        lambda folder: _replace(_journal(folder), '"verdict":"pass"', '"verdict":"recorded"'),
        lambda folder: _journal(folder).write_text(_without_a_case(folder)),
        lambda folder: next(path for path in folder.glob("benches/*/2*/evidence/**/*") if path.is_file()).unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
    ],
    ids=["a verdict", "a case", "evidence", "the manifest"],
)
@pytest.mark.parametrize("command", ["report", "archive"])
def test_no_command_makes_a_pass_of_a_run_that_was_edited(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], edit: Edit, command: str
) -> None:
    """What a run wrote is read again as often as somebody likes; what somebody has changed in it is no pass."""
    out = ["--out", str(tmp_path / "archive")] if command == "archive" else []
    assert main(["report", str(run_folder)]) == 0
    edit(run_folder)
    main([command, str(run_folder), *out])
    said = capsys.readouterr().out.splitlines()[-1]
    assert "PASS" not in said
    assert "not as it was written" in (run_folder / "results.json").read_text() or command == "archive"


def _without_a_case(folder: Path) -> str:
    lines = _journal(folder).read_text().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if '"entry":"CaseDone"' in line)
    return "".join(lines[:last] + lines[last + 1 :])
