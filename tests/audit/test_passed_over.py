# SPDX-License-Identifier: Apache-2.0
"""What lies in the folder of a system and is no VM by its name: nothing that may be one is passed over in silence."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from harness.audit.passed_over import DEEPEST, MOST_FILES
from harness.cli import main

CLOSED: Final = Path(__file__).parents[2] / "examples" / "systems" / "closed"

PLACES: Final = (
    "leaker", "leaker.cfg", "leaker.QVMCONF", "leaker.txt", "leaker.qvmconf.bak", "leaker.qvmconf~",
    "leaker.qvmconf.orig", "leaker.qvmconf.j2", ".leaker", "more/leaker.qvmconf", "more/leaker", "a/b/c/leaker.conf",
    "dir.qvmconf/leaker.qvm", ".git.old/leaker",
)  # fmt: skip

CONFIGURATIONS: Final = {
    "usual": ("system leaker\nram 0x80000000,128M\ncpu\nvdev shmem\n  allow *\n", 1),
    "without a name": ("# a copy\n\nram 0x80000000,128M\ncpu\nvdev shmem\n  allow *\n", 3),
    "device alone": ("vdev shmem\n\tallow *\n", 1),
    "one line": ("cpu ram 0x80000000,128M vdev shmem allow *", 1),
    "library": ("vdev vdev-shmem.so\nallow *\n", 1),
    "words on lines of their own": ("vdev\nshmem\nallow\n*\nallow a allow b\n", 1),
    "unknown options": ("user 1000\nvdev shmem frobnicate 3\nallow *\n", 2),
    "line ends of Windows": ("system leaker\r\nvdev shmem\r\nallow *\r\n", 1),
    "line ends of old": ("# comment\rsystem leaker\rvdev shmem\rallow *\r", 2),
    "byte-order mark": ("\ufeffsystem leaker\nvdev shmem\nallow *\n", 1),
    "not UTF-8": ("system leaker\ncmdline caf\udce9\nvdev shmem\nallow *\n", 1),
    "behind a long comment": ("# x\n" * 100_000 + "vdev shmem\nallow *\n", 100_001),
    "UTF-16": ("\ufeffsystem leaker\nvdev shmem\nallow *\n", 1),
    "a zero byte": ("system leaker\nvdev shmem\nallow *\n\0", 1),
    "template": ("{% if x %}\nsystem leaker\n{% endif %}\n{% if y %}\nvdev shmem allow {{ z }}\n{% endif %}\n", 2),
}

OTHERS: Final = {
    "empty": "",
    "comments": "# system leaker\n# vdev shmem\n#   allow *\n",
    "readme": "# The VMs\n\nHere are the files of the\nsystem and its guests. Each\ncpu of the host is\nshared.\n",
    "policy": "channels:\n  - region: x\n    members: [cluster, ivi]\n",
    "script": "#!/bin/sh\nset -e\nset -u\nqvm @cluster.qvmconf &\nqvm @ivi.qvmconf &\n",
    "results": '{"system": "leaker", "vdev": "shmem"}\n',
    "decorators": "@cache\ndef f(): ...\n",
    "variables": "set a b\ndata x\nname y\n",
    "expected": "error surplus-access leaker\n",
    "image": "\x7fELF\0\0\0\nvdev\0shmem\nabc\ndef\n",
}

EXAMPLES: Final = {
    "readme": "The VM is\n\n```\nsystem a\ncpu\nvdev shmem\n  allow x\n  allow y\n  allow z\n```\n",
    "prose": "Each VM has one\nvdev shmem and the names\nthat its list allows, and\nno others.\n",
    "script": "#!/bin/sh\ncat >/tmp/a <<EOF\nsystem a\nvdev shmem\n  allow x\n  allow y\nEOF\nqvm @cluster.qvmconf\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A system that is closed, and as its policy says."""
    return Path(shutil.copytree(CLOSED, tmp_path / "vms"))


def _put(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding, "surrogateescape"))


def _audit(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The status of the audit, and what it says about files that are passed over."""
    policy = str(folder / "policy.yaml")
    status = main(["audit", str(folder), *arguments, "--policy", policy, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["closed"] is (status == 0)
    assert not {one["code"] for one in found["findings"] if one["severity"] != "note"} - {"passed-over"}
    return status, [one for one in found["findings"] if one["code"] == "passed-over"]


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_configuration_is_named_wherever_it_lies(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, line = CONFIGURATIONS[kind]
    for place in PLACES:
        _put(folder / place, text, "utf-16-le" if kind == "UTF-16" else "utf-8")
    status, found = _audit(folder, capsys)
    assert status == 1
    assert {(one["severity"], one["file"], one["line"]) for one in found} == {
        ("error", str(folder / place), line) for place in PLACES
    }
    assert all(f"move it to '{folder}' as *.qvmconf, else out of '{folder}'" in one["text"] for one in found)


@pytest.mark.parametrize("place", PLACES)
def test_one_is_enough(place: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(folder / place, "system leaker\ncpu\nvdev shmem\n  allow *\n")
    assert main(["audit", str(folder), "--policy", str(folder / "policy.yaml")]) == 1
    out = capsys.readouterr().out
    assert f"{folder / place}:1:1: error: " in out
    assert out.splitlines()[-1] == "NOT AS THE POLICY SAYS: 1 error"


def test_other_files_are_no_matter(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in OTHERS.items():
        for suffix in ("", ".md", ".txt", ".qvmconf.bak"):
            _put(folder / f"{name}{suffix}", text)
            _put(folder / "more" / f"{name}{suffix}", text)
    assert _audit(folder, capsys) == (0, [])


def test_examples_in_other_files_are_a_note(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in EXAMPLES.items():
        _put(folder / name, text)
    status, found = _audit(folder, capsys, "--strict")
    assert status == 0
    assert {(one["severity"], Path(one["file"]).name) for one in found} == {("note", name) for name in EXAMPLES}
    for one in found:
        assert EXAMPLES[Path(one["file"]).name].split("\n")[one["line"] - 1].startswith("vdev shmem")


LEAKER: Final = "system leaker\ncpu\nvdev shmem\n  allow *\n"

PACKINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda data: _zipped(data),
    "tar": lambda data: _tarred(data),
    "tgz": lambda data: gzip.compress(_tarred(data)),
    "gz.zip": lambda data: _zipped(gzip.compress(data)),
}


def _zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("vms/readme", "nothing")
        archive.writestr("vms/leaker.qvmconf", data)
    return packed.getvalue()


def _tarred(data: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        about = tarfile.TarInfo("vms/leaker.qvmconf")
        about.size = len(data)
        archive.addfile(about, io.BytesIO(data))
    return packed.getvalue()


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_configuration_is_named_however_it_is_packed(
    packing: str, encoding: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "old").write_bytes(PACKINGS[packing](LEAKER.encode(encoding)))
    status, found = _audit(folder, capsys)
    assert (status, [one["severity"] for one in found]) == (1, ["error"])
    where = "this" if packing in ("gz", "bz2", "xz", "lzma") else "vms/leaker.qvmconf in this archive"
    assert found[0]["text"].startswith(f"{where} reads as a configuration")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_text_of_two_bytes_a_character_needs_no_mark(
    encoding: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _put(folder / "leaker.txt", LEAKER, encoding)
    assert _audit(folder, capsys)[0] == 1


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cut.gz", gzip.compress(LEAKER.encode())[:-9]),
        ("cut.tgz", gzip.compress(_tarred(LEAKER.encode() * 99))[:60]),
        ("a.zip", b"PK\x03\x04 and nothing"),
        ("a.zst", b"\x28\xb5\x2f\xfd" + bytes(90)),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(90)),
    ],
)
def test_what_cannot_be_unpacked_is_a_note(
    name: str, data: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / name).write_bytes(data)
    status, found = _audit(folder, capsys)
    assert (status, [one["severity"] for one in found]) == (0, ["note"])
    assert "was not looked into" in found[0]["text"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("qvm system leaker cpu ram 128M vdev shmem deny q &", "by words of its own"),
        ("/proc/boot/qvm system leaker \\\n  vdev shmem", "by words of its own"),
        ("on -p 10 qvm @/data/leaker.qvmconf >/dev/null &", "/data/leaker.qvmconf, which is not audited"),
        ('qvm "@leaker.qvmconf"', "leaker.qvmconf, which is not audited"),
        ('qvm @"$D"/leaker.qvmconf &', "$D/leaker.qvmconf, which is not audited"),
        ("qvm $WORDS &", "by words of its own"),
        ('qvm @ivi.qvmconf allow "*" &', "by words of its own"),
        ("qvm @ivi.qvmconf set ALL '*'", "by words of its own"),
        ('qvm @ivi.qvmconf "$@"', "by words of its own"),
        ("(qvm @/data/leaker.cfg) &", "/data/leaker.cfg, which is not audited"),
        ("sleep 1;(qvm @/data/leaker.cfg)", "/data/leaker.cfg, which is not audited"),
        ("wait &qvm @/data/leaker.cfg", "/data/leaker.cfg, which is not audited"),
        ("said=`qvm @/data/leaker.cfg`", "/data/leaker.cfg, which is not audited"),
        ("said=$(qvm @/data/leaker.cfg)", "/data/leaker.cfg, which is not audited"),
        ("${QVM:-qvm} @/data/leaker.cfg", "/data/leaker.cfg, which is not audited"),
        ("/opt/qvm-safety @/data/leaker.cfg", "/data/leaker.cfg, which is not audited"),
        ("ExecStart=/usr/bin/qvm @/data/leaker.cfg", "/data/leaker.cfg, which is not audited"),
        ("Popen(['qvm', '@/data/leaker.cfg'])", "/data/leaker.cfg, which is not audited"),
    ],
)
@pytest.mark.parametrize("name", ["start.sh", "ifs.build", "start"])
def test_a_script_that_starts_another_vm_is_an_error(
    line: str, says: str, name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = "#!/bin/sh\n" if name == "start" else ""
    _put(folder / name, f"{begin}# qvm @/of/a/comment\nqvm @{folder}/ivi.qvmconf &\n{line}\n")
    status, found = _audit(folder, capsys)
    assert (status, [one["severity"] for one in found]) == (1, ["error"])
    assert says in found[0]["text"]
    assert found[0]["line"] == (4 if begin else 3)


def test_a_script_that_starts_the_vms_of_the_system_is_no_matter(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"qvm @/data/{file.name} &" for file in folder.glob("*.qvmconf")]
    others = ["nohup qvm @ivi.qvmconf >/tmp/log 2>&1 &", "slay qvm; wait", "pidin | grep qvm", "echo starting qvm now"]
    _put(folder / "start.sh", "\n".join([*lines, *others, "log 'qvm has ended with' $?", "kill $(pidof qvm)"]))
    assert _audit(folder, capsys) == (0, [])


@pytest.mark.parametrize("line", ['qvm "@$1"', "CFG=/data/x.cfg; qvm @$CFG", "for f in *.cfg; do qvm @$f & done"])
def test_a_file_in_a_variable_is_a_note(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(folder / "start.sh", f"{line}\n")
    status, found = _audit(folder, capsys)
    assert (status, [one["severity"] for one in found]) == (0, ["note"])
    assert "in variables" in found[0]["text"]


def test_a_start_by_another_name_is_a_note(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(folder / "start.sh", "alias begin=qvm\nbegin @/data/leaker.cfg\n")
    _put(folder / "launch.xml", "<x>\n<command>qvm</command>\n<args>@/data/leaker.cfg</args>\n</x>\n")
    status, found = _audit(folder, capsys)
    assert (status, [(one["severity"], one["line"]) for one in found]) == (0, [("note", 3), ("note", 2)])


def test_files_that_a_vm_reads_are_parts_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ivi = folder / "ivi.qvmconf"
    _put(folder / "parts" / "ivi.inc", ivi.read_text())
    _put(ivi, f"@{folder}/parts/ivi.inc\n")
    assert _audit(folder, capsys) == (0, [])
    # Another VM that reads the same part is none of them.
    _put(folder / "parts" / "leaker", "@ivi.inc\n")
    status, found = _audit(folder, capsys)
    assert (status, [one["file"] for one in found]) == (1, [str(folder / "parts" / "leaker")])


def test_a_file_that_is_named_beside_its_folder_is_a_vm(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(folder / "idle.cfg", "system idle\ncpu\n")
    _put(folder / "more" / "still", "system still\ncpu\n")
    assert _audit(folder, capsys, str(folder / "idle.cfg"), "--vm", f"@{folder / 'more' / 'still'}") == (0, [])


def test_links_are_not_followed_out_of_the_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _put(tmp_path / "elsewhere" / "leaker.qvmconf", "system leaker\nvdev shmem\n  allow *\n")
    (folder / "out").symlink_to(tmp_path / "elsewhere")
    (folder / "leaker").symlink_to(tmp_path / "elsewhere" / "leaker.qvmconf")
    (folder / "again").symlink_to(folder)
    (folder / "current").symlink_to("ivi.qvmconf")
    (folder / "nowhere").symlink_to("nothing")
    (folder / "loop").symlink_to("loop")
    status, found = _audit(folder, capsys)
    assert status == 0
    assert [(one["severity"], Path(one["file"]).name) for one in found] == [("note", "leaker"), ("note", "out")]


def test_earlier_versions_are_no_files_of_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (".git", ".svn", "more/.hg"):
        _put(folder / name / "leaker.qvmconf", "system leaker\nvdev shmem\n  allow *\n")
    assert _audit(folder, capsys) == (0, [])


def test_a_report_beside_the_system_is_no_part_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "reports/20261128T120000Z-000000"
    _put(run / "benches/one/guest0.qvmconf", "system leaker\nvdev shmem\n  allow *\n")
    assert _audit(folder, capsys)[0] == 1
    _put(run / "journal.jsonl", "")
    assert _audit(folder, capsys)[0] == 1
    _put(run / "journal.jsonl", '{"entry":"Began","id":"20261128T120000Z-000000"}\n')
    assert _audit(folder, capsys) == (0, [])
    _put(folder / "journal.jsonl", '{"entry":"Began"}\n')
    _put(folder / "leaker.txt", "system leaker\nvdev shmem\n  allow *\n")
    assert _audit(folder, capsys)[0] == 1


def test_what_is_not_looked_at_is_no_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep = folder.joinpath(*(["d"] * DEEPEST))
    deep.mkdir(parents=True)
    status, found = _audit(folder, capsys)
    assert (status, [one["file"] for one in found]) == (1, [str(deep)])
    deep.rmdir()
    assert _audit(folder, capsys)[0] == 0
    many = folder / "many"
    many.mkdir()
    for number in range(MOST_FILES):
        (many / str(number)).touch()
    status, [found_one] = _audit(folder, capsys)
    assert status == 1
    assert "has more than 10,000 files" in found_one["text"]


@pytest.mark.parametrize("place", ["leaker.cfg", "more/leaker.qvmconf"])
def test_no_other_question_passes_it_over(
    place: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = str(folder / "policy.yaml")
    assert main(["audit", str(folder), "--compare", str(CLOSED)]) == 0
    assert main(["audit", str(folder), "--propose-policy"]) == 0
    assert main(["audit", str(folder), "--policy", policy, "--propose-rules"]) == 0
    _put(folder / place, "system leaker\nvdev shmem\n  allow *\n")
    capsys.readouterr()
    for question in (
        [str(folder), "--compare", str(CLOSED)],
        [str(CLOSED), "--compare", str(folder)],
        [str(folder), "--release", "7.0", "--release", "7.1"],
        [str(folder), "--propose-policy"],
        [str(folder), "--policy", policy, "--propose-rules"],
        [str(folder), "--policy", policy, "--html", str(tmp_path / "page.html")],
    ):
        assert main(["audit", *question]) == 1, question
        assert f"{folder / place}:1:1: error: " in capsys.readouterr().out, question


def test_a_text_that_is_too_long_is_a_note(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(folder / "long.sh", "#!/bin/sh\n" + "true\n" * 1_000_000 + "qvm @/data/leaker.cfg\n")
    status, found = _audit(folder, capsys)
    assert (status, [one["severity"] for one in found]) == (0, ["note"])
    assert "only its first 4 MiB were" in found[0]["text"]


def test_what_is_no_file_is_a_note(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(folder / "leaker")
    status, found = _audit(folder, capsys)
    assert (status, [one["severity"] for one in found]) == (0, ["note"])


def test_lines_in_quotes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quoted = "\n".join(f"console=tty{number}" for number in range(20))
    _put(folder / "leaker.txt", f'system leaker\ncmdline "{quoted}"\nvdev shmem\nallow *\n')
    status, found = _audit(folder, capsys)
    assert (status, [one["severity"] for one in found]) == (1, ["error"])


@pytest.mark.parametrize("kind", ["vdev-shmem_g.so", "/lib/dll/vdev-shmem-safety_g.so", "shmem_g", "libvdev-shmem.so"])
def test_a_device_that_may_be_shmem_proves_nothing(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(folder / "leaker.qvmconf", f"system leaker\nvdev {kind}\n")
    assert main(["audit", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT PROVED")


def test_a_quoted_include_proves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _put(folder / "rules.inc", "allow *\n")
    _put(folder / "leaker.qvmconf", 'system leaker\nvdev shmem allow x "@rules.inc"\n')
    assert main(["audit", str(folder)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT PROVED")
