# SPDX-License-Identifier: Apache-2.0
"""A bench works wherever a user has the cache, the environment file, the reports, the temporary and runtime folders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.paths import LONGEST
from harness.provision.cache import cache_dir
from tests import programs
from tests.bench.mini_suite import MiniSuite, emulated

NAMES = {
    "Jenkins": "My Job@tmp #1",
    "marks": "a:b,c=d; \"say\" 'it' \\now `id` 50% $HOME ${ORIGIN} {{ x }} {% y %} <b>&amp; x::y [1] *? -k ~",
    "not English": "new\nline\t\N{GREEK SMALL LETTER OMEGA}\N{CJK UNIFIED IDEOGRAPH-6F22}" + os.fsdecode(b"\xff\xfe"),
    "long": "/".join(["long #" + "x" * 200] * 15),
}
VARIABLES = ("TMPDIR", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")


def _suite_in(folder: Path) -> MiniSuite:
    """A suite with everything that a user chooses the place of below ``folder``; the cache is there by a link."""
    folder.mkdir(parents=True)
    mini = MiniSuite(folder)
    for name in VARIABLES:
        (folder / name).mkdir()
        mini.environment[name] = str(folder / name)
    mini.environment["SHMEM_HARNESS_CACHE"] = ""
    (folder / "XDG_CACHE_HOME/shmem-harness").symlink_to(cache_dir())
    return mini


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_bench_with_all_its_places_below_a_strange_name(tmp_path: Path, name: str) -> None:
    mini = _suite_in(tmp_path / name)
    mini.benches(bench=emulated())
    # The second guest has its device memory-mapped, so QEMU is told of a device tree as well.
    mini.test('def test_1(deploy):\n    deploy("allow a", "loc 0x1c050000 intr gic:43 allow a")[1].attach("a")\n')
    places = ["--lg-env", str(mini.folder / "benches.yaml"), "--report-dir", str(mini.folder / "out")]
    run = programs.run(
        mini.command(*places, "test_it.py"),
        cwd=mini.folder,
        env=mini.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = run.stdout.decode(errors="replace")
    assert run.returncode == 0, said
    (last,) = re.findall("^qualification: PARTIAL  report: .*", said, re.MULTILINE)
    assert last.endswith("index.html")
    assert len(list(tmp_path.iterdir())) == 1, "something has been written elsewhere"
    report = mini.folder / "out/latest"
    assert {"index.html", "junit.xml", "results.json"} <= {file.name for file in report.iterdir()}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_qvm_alone_has_a_host_wherever_the_runtime_folder_is(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir(parents=True)
    (place / "guest 1.qvmconf").write_text("system one\nram 64M\nload nowhere\n")
    environment = {key: value for key, value in os.environ.items() if key != "QVM_HOST"}
    result = programs.run(
        [sys.executable, "-m", "harness.emulator.qvm", "@guest 1.qvmconf"],
        cwd=place,
        env={**environment, "XDG_RUNTIME_DIR": str(place)},
        capture_output=True,
        check=False,
    )
    assert (result.returncode, b"nowhere" in result.stderr) == (65, True), result.stderr


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1])
def test_a_temporary_folder_that_is_just_short_enough_or_not(length: int) -> None:
    """With the longest names of sockets that a host makes below it."""
    short = Path(tempfile.mkdtemp(dir="/tmp"))
    folder = short / ("x" * (length - len(str(short)) - 1))
    folder.mkdir()
    command = [
        sys.executable,
        "-c",
        "from harness.loopback.resource import LoopbackBoard; board = LoopbackBoard(); print(board.folder)\n"
        "from harness.emulator.service.client import EmulatedHost; host = EmulatedHost(); host.start(); host.stop()\n"
        "board.close()",
    ]
    try:
        environment = {**os.environ, "TMPDIR": str(folder)}
        run = programs.run(command, env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert (str(folder) in run.stdout) == (length <= LONGEST)
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(short)


@pytest.mark.parametrize("option", ["--report-dir", "SHMEM_HARNESS_CACHE"])
def test_a_path_without_room_for_files_below_it_is_named(tmp_path: Path, mini: MiniSuite, option: str) -> None:
    place = str(tmp_path / "/".join(["x" * 200] * 20))[:3900]
    options = [option, place] if option.startswith("-") else []
    mini.environment |= {} if options else {option: place}
    mini.benches(bench=emulated())
    mini.test('def test_1(deploy):\n    deploy("")\n')
    run = mini.run(*options)
    said = run.stdout + run.stderr
    assert run.returncode in (2, 3, 4), said
    assert "has 3900 bytes, more than 3695" in (said if options else mini.reasons())
    assert "Traceback" not in said
