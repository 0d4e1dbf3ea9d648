# SPDX-License-Identifier: Apache-2.0
"""A host that is like an image of QNX: what runs on it, and what is said about each thing that is taken away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from labgrid.strategy import StrategyError

from harness.errors import BenchError
from harness.host.board.strategy import HOST_KEY_COMMAND
from harness.host.protocol import GuestEndedError
from harness.loopback.command import command_board
from harness.loopback.resource import LoopbackBoard
from tests import programs
from tests.boards.lab import CHECKOUT, within
from tests.boards.qnx_lab import FOLDER, QnxLab
from tests.boards.session import Session

MOST_SECONDS = 30.0
EIGHT = 8
SUITES = ("characterisation/test_rules.py", "access/test_allow.py", "host/test_qvm.py")
NAMED_BY_THE_HOST = "test_a_host_program_reaches_the_region_under_its_host_side_name"


@pytest.fixture(scope="module")
def like_qnx() -> Iterator[LoopbackBoard]:
    """The board of this module, without power before and after each test."""
    board = LoopbackBoard("--image", "qnx")
    yield board
    board.close()


@pytest.fixture
def qnx(like_qnx: LoopbackBoard, tmp_path: Path) -> Iterator[QnxLab]:
    """It with a target file of the test's own."""
    lab = QnxLab(like_qnx, tmp_path)
    yield lab
    lab.end()


@pytest.mark.long
def test_eight_guests_run_on_it(qnx: QnxLab) -> None:
    qnx.use(EIGHT)
    log = qnx.log.read_text()
    assert f"files go to {qnx.root}/data/{FOLDER}; the first choice" in log
    assert "no tool for SHA-256: uploads are compared with cksum" in log


def _suites(tmp_path: Path, *words: str) -> None:
    """A run on it as anybody would start it."""
    options = ["--lg-env", "targets/qnx-like.yaml", "--report-dir", str(tmp_path / "reports")]
    run = programs.run([*programs.PYTEST, *words, *options], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 4), run.stdout
    results = json.loads((tmp_path / "reports/latest/results.json").read_text())["results"]
    verdicts = {entry["verdict"] for entry in results}
    assert "pass" in verdicts
    assert verdicts <= {"pass", "skipped", "recorded"}, verdicts


def test_a_part_of_the_suites_passes_on_it(tmp_path: Path) -> None:
    _suites(tmp_path, f"suites/access/test_both_placements.py::{NAMED_BY_THE_HOST}", "-k", "probe")


@pytest.mark.long
def test_the_suites_pass_on_it(tmp_path: Path) -> None:
    _suites(tmp_path, "suites")


def test_it_is_as_it_is_described(qnx: QnxLab) -> None:
    """Were it not, the other tests would say nothing about such a host."""
    run = qnx.ready()._connection.run
    asked = "echo $KSH_VERSION; for each in sha256sum openssl kill mkdir; do command -v $each; done; ls $0/dev"
    said = run(["sh", "-c", asked, str(qnx.root)], MOST_SECONDS).output.splitlines()
    assert "MIRBSD KSH" in said[0]
    assert said[1:3] == ["kill", str(qnx.tools / "mkdir")]
    assert [name for name in said[3:] if name.startswith("tty")] == [f"ttyp{number}" for number in range(EIGHT)]
    for command in (["mkdir", f"{qnx.root}/tmp/folder"], ["sh", "-c", 'cd "$0" && mkdir folder', f"{qnx.root}/tmp"]):
        assert "not implemented" in run(command, MOST_SECONDS).output
    assert run(["mkdir", f"{qnx.root}/tmp-folder"], MOST_SECONDS).status == 0
    (qnx.root / "tmp-folder").rmdir()


def test_its_shell_ends_guests_when_the_harness_dies(qnx: QnxLab) -> None:
    """The guards of commands are made of what a pdksh understands."""
    host = qnx.ready()
    guest = qnx.start_guest(host)
    guest.wait_console(programs.PATIENCE)
    pid = int((qnx.root / "data" / FOLDER / "guest0.pid").read_text())
    host._connection._client.get_transport().sock.close()
    programs.run(["tail", f"--pid={pid}", "-f", "/dev/null"], check=True)
    with pytest.raises(BenchError, match="connection was lost while guest guest0 ran"):
        guest.wait_end(programs.PATIENCE)


def _nowhere(qnx: QnxLab) -> None:
    """Files of others where the folder could be."""
    (qnx.root / "var").mkdir()
    for place in ("data", "var", "data/home", "tmp"):
        (qnx.root / place / FOLDER).touch()


def _nowhere_else(qnx: QnxLab) -> None:
    """The entries of guests are looked for in a folder that never has one."""
    qnx.set("ShmemQnxHostDriver", root="../../nowhere")
    qnx.start_seconds = 2.0


def _without(tool: str) -> Callable[[QnxLab], None]:
    return lambda qnx: (qnx.tools / tool).unlink()


def _with(tool: str, text: str) -> Callable[[QnxLab], None]:
    def replace(qnx: QnxLab) -> None:
        (qnx.tools / tool).unlink(missing_ok=True)
        (qnx.tools / tool).write_text(f"#!/bin/sh\n{text}\n")
        (qnx.tools / tool).chmod(0o755)

    return replace


def _behaving(**behaviour: object) -> Callable[[QnxLab], None]:
    return lambda qnx: command_board(qnx.folder, "behave", **behaviour)


def _set(driver: str, **arguments: object) -> Callable[[QnxLab], None]:
    return lambda qnx: qnx.set(driver, **arguments)


def _host(**arguments: object) -> Callable[[QnxLab], None]:
    return _set("ShmemQnxHostDriver", **arguments)


def _in(place: str) -> Callable[[QnxLab], None]:
    return lambda qnx: qnx.set("ShmemQnxHostDriver", folder=f"{qnx.root}/{place}")


def _whose_command_lacks(programs: str) -> Callable[[QnxLab], None]:
    """A shell whose ``command`` does not know these: what is builtin in that of the image cannot be removed."""

    def replace(qnx: QnxLab) -> None:
        (qnx.tools / "sh").rename(qnx.tools / "real-sh")
        command = f'command() {{ case $2 in {programs}) return 1;; esac; builtin command "$@"; }}'
        _with("sh", f"""exec "${{0%/*}}/real-sh" -c '{command}; eval "$1"' sh "$2" """)(qnx)

    return replace


@pytest.mark.long
@pytest.mark.parametrize(
    ("take", "guests", "said"),
    [
        pytest.param(_without("sh"), 0, r"runs no 'sh' for commands over SSH", id="shell"),
        pytest.param(_without("cat"), 0, r"lacks 'cat', which carries consoles", id="cat"),
        pytest.param(_without("rm"), 0, r"lacks 'rm', which removes the notes", id="rm"),
        pytest.param(_without("stty"), 0, r"lacks 'stty', which sets the consoles", id="stty"),
        pytest.param(_whose_command_lacks("kill"), 0, r"lacks 'kill', which ends guests", id="kill"),
        pytest.param(_whose_command_lacks("*"), 0, r"'sh' of its SSH sessions does not find itself", id="command"),
        pytest.param(_without("qvm"), 0, r"has no 'qvm': not on the PATH", id="qvm"),
        pytest.param(_host(qvm="/proc/boot/qvm"), 0, r"has no '/proc/boot/qvm'", id="qvm by its path"),
        pytest.param(_host(environment={"PATH": "/nowhere"}), 0, r"runs no 'sh'", id="PATH of the target file"),
        pytest.param(
            _with("qvm", "exit 127"), 1, r"qvm of guest guest0 ended with exit status 127", id="library of qvm"
        ),
        pytest.param(_with("qvm", "exit 0"), 1, r"qvm of guest guest0 ended with exit status 0", id="hypervisor"),
        pytest.param(_with("stty", "exit 1"), 1, r"'stty raw -echo' does not put .*/dev/ttyp0", id="use of stty"),
        pytest.param(_with("cksum", "echo 1 2"), 1, None, id="sense of cksum"),
        pytest.param(_without("cksum"), 1, None, id="cksum"),
        pytest.param(_without("uname"), 1, None, id="uname"),
        pytest.param(_behaving(terminals=7), EIGHT, r"no such device: found /dev/ptyp7", id="eighth terminal"),
        pytest.param(_behaving(terminals=1), 2, r"no such device: found /dev/ptyp1", id="second terminal"),
        pytest.param(_host(raw_mode="stty nothing"), 1, r"'stty nothing' does not put .*/dev/ttyp0", id="raw mode"),
        pytest.param(_behaving(max_sessions=0), 0, r"grants no further SSH session.*MaxSessions", id="sessions"),
        pytest.param(_behaving(max_sessions=1), 3, None, id="all sessions but one"),
        pytest.param(_behaving(sftp_options="-z"), 0, r"file transfer", id="SFTP"),
        pytest.param(lambda qnx: qnx.network.update(password="no"), 0, r"refuses the login.*password", id="password"),
        pytest.param(lambda qnx: qnx.network.pop("password"), 0, r"no way to log in", id="every way to log in"),
        pytest.param(
            _set("ShmemBoardStrategy", host_key_command="cat $BOARD_ROOT/etc/ssh/*.pub 2>/dev/null; true"),
            0,
            r"'cat \$BOARD_ROOT/etc/ssh/\*.pub.*' shows no key on its console",
            id="key of the host",
        ),
        pytest.param(_in("tmp/mine"), 0, r"/tmp/mine cannot be made", id="folders of /tmp"),
        pytest.param(_in("system/bin/cat/mine"), 0, r"/bin/cat/mine cannot be made", id="folder that is none"),
        pytest.param(_nowhere, 0, r"no folder for files can be made: .*/data/shmem.*/var/.*/home/.*/tmp/", id="disks"),
        pytest.param(_nowhere_else, 1, r"there is no .*/nowhere/dev/qvm/guest0", id="/dev"),
    ],
)
def test_what_is_taken_away_is_named(
    qnx: QnxLab, take: Callable[[QnxLab], None], guests: int, said: str | None
) -> None:
    """By an error of the bench, which no test can take for an answer; what is only a help may be missing."""
    take(qnx)
    with within(MOST_SECONDS, "a thing of the host is missing: error"):
        if said is None:
            qnx.use(guests)
            return
        with pytest.raises((StrategyError, BenchError)) as raised:
            qnx.use(guests)
    error = raised.value.__cause__ if isinstance(raised.value, StrategyError) else raised.value
    assert isinstance(error, BenchError)
    assert re.search(said, str(error), re.S), error
    # Only a refused configuration (65) can be an answer, and then its message has to name the tested lines.
    assert not isinstance(error, GuestEndedError) or error.exit_status != 65 or "hostdev" in error.messages


@pytest.mark.long
def test_what_is_taken_away_changes_no_verdict(qnx: QnxLab, tmp_path: Path) -> None:
    """A run of suites that start guests, and that try configurations which may be refused: error, or as before."""
    whole = _run(qnx, tmp_path / "whole")
    assert set(whole.verdicts.values()) <= {"pass", "recorded", "skipped"}
    for what, take in {
        "all terminals but one": _behaving(terminals=1),
        "use of stty": _with("stty", "exit 1"),
        "a hypervisor that takes something": _with("qvm", "echo 'qvm: no'; exit 65"),
    }.items():
        take(qnx)
        less = _run(qnx, tmp_path / what)
        assert less.status == 2, what
        assert "error" in less.verdicts.values(), what
        changed = {
            name: verdict for name, verdict in less.verdicts.items() if verdict not in (whole.verdicts[name], "error")
        }
        assert changed == {}, what
        assert less.readings <= whole.readings, what
        qnx.restore()


@dataclass(frozen=True)
class Run:
    """A run's exit status, its verdicts by test, and what it has recorded of open questions."""

    status: int
    verdicts: dict[str, str]
    readings: set[tuple[str, str]]


def _run(qnx: QnxLab, folder: Path) -> Run:
    folder.mkdir()
    session = Session(qnx, folder)
    done = session.run(*(str(CHECKOUT / "suites" / name) for name in SUITES))
    entries = session.results["results"]
    readings = {(seen["name"], seen["value"]) for entry in entries for seen in entry["observations"]}
    return Run(done.returncode, {entry["test"]: entry["verdict"] for entry in entries}, readings)


@pytest.mark.parametrize("places", [["etc/ssh"], ["data/var/ssh"], ["etc/ssh", "data/var/ssh"], []])
def test_keys_are_looked_for_where_either_system_has_them(qnx: QnxLab, tmp_path: Path, places: list[str]) -> None:
    """In the shell of the host; a place that is missing is no error."""
    for place in places:
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "ssh_host_ed25519_key.pub").write_text(f"key of {place}\n")
    command = HOST_KEY_COMMAND.replace(" /", f" {tmp_path}/")
    said = programs.run([qnx.tools / "sh", "-c", command], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == [f"key of {place}" for place in places]


@pytest.mark.parametrize(
    ("there", "taken", "chosen"),
    [
        (["var"], ["data"], "var"),
        ([], ["data"], "data/home"),
    ],
)
def test_files_go_where_they_can(qnx: QnxLab, there: list[str], taken: list[str], chosen: str) -> None:
    """A disk, then the account's home; a file of others stands where a folder cannot be used."""
    for place in there:
        (qnx.root / place).mkdir()
    for place in taken:
        (qnx.root / place / FOLDER).touch()
    assert qnx.ready().put_text("guest0.qvmconf", "") == f"{qnx.root}/{chosen}/{FOLDER}/guest0.qvmconf"
