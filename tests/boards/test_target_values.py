# SPDX-License-Identifier: Apache-2.0
"""What a target file may not say, each with the line that says it. The file is right but for one change."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.target.check import check
from tests.boards.target_parts import ADDRESS, BOOT, FEATURES, SECONDS, Case
from tests.boards.test_check_target import TARGETS, command, filled_in
from tests.boards.wrong_values import DOUBTS, FINE, KINDS, VALUES
from tests.boards.wrong_yaml import EMPTY, TWO_READINGS, YAML


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the file is, with what it may name."""
    (tmp_path / "qnx-aarch64").symlink_to(TARGETS / "qnx-aarch64")
    (tmp_path / "public").write_text("ssh-ed25519 AAAAC3 root@lab\n")
    (tmp_path / "private").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "private").chmod(0o644)
    (tmp_path / "empty").touch()
    return tmp_path


def changed(place: Path, old: str, new: str) -> Path:
    text = filled_in()
    assert text.count(old) >= 1
    file = place / "target.yaml"
    # Bytes: no line end is translated, and no half of a pair is missed.
    file.write_bytes(text.replace(old, new, 1).encode())
    return file


def line_of(file: Path, words: str) -> int:
    text = file.read_bytes().decode()
    return text[: text.index(words)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "wrong", "message"),
    [
        pytest.param(*case, id=f"{kind}: {name}")
        for kind, cases in {
            "empty": EMPTY, "YAML": YAML, "two readings": TWO_READINGS, "kind": KINDS, "value": VALUES
        }.items()
        for name, case in cases.items()
    ],
)  # fmt: skip
def test_the_line_with_the_wrong_value_is_reported(place: Path, old: str, new: str, wrong: str, message: str) -> None:
    file = changed(place, old, new)
    problems = check(file)
    found = [problem for problem in problems if message in problem.text]
    assert found, problems
    assert (found[0].file, found[0].line, found[0].warning) == (str(file), line_of(file, wrong), False)


@pytest.mark.parametrize(("old", "new", "wrong", "message"), DOUBTS.values(), ids=DOUBTS)
def test_what_is_hardly_meant_is_a_warning(place: Path, old: str, new: str, wrong: str, message: str) -> None:
    file = changed(place, old, new)
    (problem,) = check(file)
    assert problem.warning
    assert message in problem.text
    assert problem.line == line_of(file, wrong)


@pytest.mark.parametrize(
    ("cable", "port", "message"),
    [
        ("board", "/dev/ttyUSB1", "board is the host's own console"),
        ("uart", "/dev/ttyUSB0", "the port /dev/ttyUSB0 is that of board already"),
        ("uart", "/dev/ttyUSB1", ""),
    ],
)
def test_a_guests_cable_is_its_own(place: Path, cable: str, port: str, message: str) -> None:
    data = yaml.safe_load(filled_in())
    (target,) = data["targets"].values()
    others = [{name: given} for name, given in target["resources"].items() if name != "RawSerialPort"]
    target["resources"] = [
        {"RawSerialPort": {"name": "board", "port": "/dev/ttyUSB0"}},
        {"RawSerialPort": {"name": "uart", "port": port}},
        *others,
    ]
    target["drivers"]["SerialDriver"]["bindings"] = {"port": "board"}
    target["drivers"]["ShmemQnxHostDriver"]["consoles"] = [{"hostdev": "/dev/ser2", "resource": cable}]
    file = place / "target.yaml"
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    assert [message in problem.text for problem in check(file)] == ([True] if message else [])


@pytest.mark.parametrize(("old", "new"), FINE.values(), ids=FINE)
def test_what_only_looks_wrong_is_good(place: Path, old: str, new: str) -> None:
    assert check(changed(place, old, new)) == []


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"", 1, "is empty"),
        (b"# only\n# comments\n", 1, "is empty"),
        (b"---\n~\n", 1, "is empty"),
        (b"- a\n- b\n", 1, "has to be a mapping"),
        (b"just words\n", 1, "has to be a mapping"),
        (b"imports: []\n", 1, "targets is missing"),
        (b"targets: {}\n", 1, "there are no targets"),
        (b"# \xe9\n", 1, "is not UTF-8 text"),
        (b"a: b\nc: \xff\n", 2, "is not UTF-8 text"),
        ("targets: {}\n".encode("utf-16"), 1, "is UTF-16 text"),
        (b"#" * (1 << 20), 1, "is larger than"),
        (b"\x00" * 9, 1, "is not allowed"),
        (b"a: [\n", 1, "a [ or { above is not closed"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_a_file_that_is_no_target_file_is_rejected(tmp_path: Path, content: bytes, line: int, message: str) -> None:
    file = tmp_path / "target.yaml"
    file.write_bytes(content)
    problem = check(file)[0]
    assert (problem.file, problem.line, problem.warning) == (str(file), line, False)
    assert message in problem.text


@pytest.mark.parametrize("name", ["gone.yaml", "folder", "a\0b"])
def test_a_file_that_cannot_be_read_is_rejected(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (problem,) = check(tmp_path / name)
    assert "cannot be read" in problem.text
    assert problem.line == 1


def test_marks_of_an_editor_are_no_matter(place: Path) -> None:
    file = place / "target.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + filled_in().replace("\n", "\r\n").encode())
    assert check(file) == []


def test_aliases_cannot_make_a_small_file_endless(place: Path) -> None:
    laughs = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    (place / "target.yaml").write_text("\n".join([*laughs, filled_in()]))
    assert "aliases make more than" in check(place / "target.yaml")[-1].text


def test_a_module_whose_error_is_a_mere_key_is_told_with_the_kind(place: Path) -> None:
    (place / "own.py").write_text("{}['speed']\n")
    problems = check(changed(place, "- harness.labgrid\n", "- harness.labgrid\n  - own.py\n"))
    assert [problem.text for problem in problems] == ["import of own.py: KeyError: 'speed'"]


def test_all_errors_are_reported_at_once(place: Path) -> None:
    text = filled_in().replace(BOOT, "        boot: login\n").replace(ADDRESS, "        address: root@a\n")
    text = text.replace("txdelay:", "tx_delay:").replace(SECONDS, "      boot_seconds: soon\n")
    text = text.replace(FEATURES, "    features:\n").replace("placements:", "placement:")
    file = place / "target.yaml"
    file.write_text(text)
    wrong = ["root@a", "tx_delay", "boot: login", "features:", "    options:", "placement:", "soon"]
    assert [problem.line for problem in check(file)] == [line_of(file, words) for words in wrong]


def test_a_bench_without_images_for_its_emulator(tmp_path: Path) -> None:
    text = (TARGETS / "qemu-qnx-aarch64.yaml").read_text().replace("kernel: host", "kernel: hots")
    (tmp_path / "qnx-aarch64").symlink_to(TARGETS / "qnx-aarch64")
    file = tmp_path / "target.yaml"
    file.write_text(text)
    (problem,) = check(file)
    assert problem.line == line_of(file, "kernel: hots")
    assert "there is no 'hots' under images of this file; did you mean host?" in problem.text


COMMANDS = {
    "check-target": (["check-target"], 1),
    "live": (["check-target", "--live"], 1),
    "qualify": (["qualify", "--out", "reports", "--lg-env"], 3),
    "prove": (["prove", "--out", "reports", "--lg-env"], 3),
}


@pytest.mark.parametrize(("words", "status"), COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("case", [YAML["merge key"], KINDS["features"]])
def test_every_command_says_the_same(place: Path, words: list[str], status: int, case: Case) -> None:
    file = changed(place, case[0], case[1])
    done = command(*(str(place / word) if word == "reports" else word for word in words), str(file))
    assert done.returncode == status, done.stdout + done.stderr
    assert f"{file}:{line_of(file, case[2])}: error: " in done.stdout + done.stderr
    assert case[3] in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (place / "reports").exists()
