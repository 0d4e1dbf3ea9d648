# SPDX-License-Identifier: Apache-2.0
"""Target files are right or refused with the line that is wrong; a walk over a board shows each step."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.arch import ARCHES, Arch
from harness.bench.embedded import embedded_config
from harness.loopback.command import command_board
from harness.provision import probe_image
from harness.provision.images import PROBE_STARTS, PROBES, ProbeVariant
from harness.shmem.profile import PROFILES
from harness.target import templates
from harness.target.check import check
from harness.target.live import MOST_GUESTS
from tests import programs
from tests.boards.lab import CHECKOUT, Lab, within

TARGETS = CHECKOUT / "targets"
FILES = [CHECKOUT / "boards.yaml", *sorted(TARGETS.glob("*.yaml"))]


def filled_in(name: str = "qnx-aarch64-generic") -> str:
    """The text of a shipped file in which nothing is left to be filled in."""
    return (TARGETS / f"{name}.yaml").read_text().replace("  # FILL IN", "")


def test_a_file_of_waivers_is_read_as_well(tmp_path: Path) -> None:
    """As a run would refuse it, though only when it has begun."""
    target = tmp_path / "boards.yaml"
    shipped = (CHECKOUT / "boards.yaml").read_text()
    options = "      templates: targets/qemu-"
    assert options in shipped
    target.write_text(shipped.replace(options, f"      waivers: known.yaml\n      templates: {TARGETS}/qemu-"))
    known = tmp_path / "known.yaml"
    waiver = {"requirement": "SHM-ALLOW-01", "reason": "it is known", "link": "T-1", "approver": "me"}

    def said(**more: str) -> list[str]:
        lines = [f"    {name}: '{value}'" for name, value in {**waiver, **more}.items()]
        known.write_text("\n".join(["waivers:", "  -", *lines, ""]))
        return [str(problem) for problem in check(target)]

    assert said(expires="2999-01-31") == []
    (late,) = said(expires="soon")
    assert re.fullmatch(rf"{known}:7: error: waiver 1: expires: .*; expected YYYY-MM-DD", late)
    (unknown,) = said(expires="2999-01-31", requirement="SHM-ALLOW-99")
    assert unknown == f"{known}:3: error: waiver 1: no requirement of the catalogue is SHM-ALLOW-99"
    run = command("qualify", "--lg-env", str(target), "--bench", "qemu-aarch64", "-k", "nothing")
    assert (run.returncode, "no requirement of the catalogue is SHM-ALLOW-99" in run.stderr) == (3, True), run.stderr
    assert "report" not in run.stdout


def command(*words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run ``harness`` as a person does."""
    program = "import sys; from harness.cli import main; sys.exit(main())"
    return programs.run(
        [sys.executable, "-c", program, *words],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_files_that_we_ship_are_good_once_filled_in(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519").write_text("a key")
    (tmp_path / ".ssh/id_ed25519").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    left = check(file)
    marked = [number for number, line in enumerate(file.read_text().splitlines(), 1) if line.endswith("  # FILL IN")]
    assert [problem.line for problem in left] == marked
    assert all("FILL IN is left here" in problem.text and not problem.warning for problem in left)
    assert check(file, filled_in=False) == []


@pytest.mark.parametrize("name", ["qnx-aarch64-generic", "qnx-x86_64-generic", "qnx-rpi5", "qnx-nuc"])
def test_what_has_to_be_filled_in_is_marked(name: str) -> None:
    text = (TARGETS / f"{name}.yaml").read_text()
    assert "marked with FILL IN" in text
    assert re.search(r"^ +boot: .*  # FILL IN$", text, re.MULTILINE)
    assert re.search(r"^ +(address|host): .*  # FILL IN$", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["keyfile", "known_hosts"])
def test_a_file_that_is_not_there_is_warned_of(name: str, tmp_path: Path) -> None:
    text = filled_in().replace(
        "        host_key: known_hosts\n", f"        host_key: known_hosts\n        {name}: keys/a\n", 1
    )
    (tmp_path / "qnx-aarch64").symlink_to(TARGETS / "qnx-aarch64")
    file = tmp_path / "target.yaml"
    file.write_text(text)
    (warning,) = check(file)
    assert warning.warning
    assert warning.line == _line(text, f"{name}: keys/a")
    assert f"there is no file {tmp_path}/keys/a" in warning.text
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/a").write_text("a key")
    (tmp_path / "keys/a").chmod(0o600)
    assert check(file) == []


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("image", ["probe", "linux", "qnx"])
def test_every_template_for_boards_makes_a_configuration(arch: Arch, image: str) -> None:
    places = ["", "loc 0x1c050000 intr gic:43"] if arch == "aarch64" else [""]
    bench = dataclasses.replace(
        embedded_config(arch),
        templates=TARGETS / f"qnx-{arch}",
        guest_images=(image,),
        probe_image="aarch64-2g" if arch == "aarch64" else "",
    )
    for profile in PROFILES.values():
        assert list(templates.problems(dataclasses.replace(bench, profile=profile), places)) == []


Change = Callable[[str], str]
"""Breaks the text of a good file."""


def _line(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


# name: what is replaced, by what, words of the wrong line afterwards, words of the message
BROKEN: dict[str, tuple[str, str, str, str]] = {
    "no YAML": ("    drivers:\n", "   drivers:\n", "   drivers:", "not valid YAML"),
    "a key twice": (
        'address: "192.0.2.10"',
        'address: "a"\n        address: "b"',
        'address: "b"',
        "address is there twice",
    ),
    "unknown key": ("    features:", "    feature:", "    feature:", "unknown key feature"),
    "unknown driver": ("SerialDriver:", "SerielDriver:", "SerielDriver:", "did you mean SerialDriver"),
    "unknown argument": ("boot_seconds: 120", "bootseconds: 120", "bootseconds: 120", "no argument bootseconds"),
    "wrong kind of value": ("ssh_seconds: 60", "ssh_seconds: soon", "ssh_seconds: soon", "ssh_seconds is 'soon'"),
    "wrong choice": ("host_key: known_hosts", "host_key: trust", "host_key: trust", "host_key is 'trust'"),
    "missing argument": ("        username: root\n", "", "NetworkService:", "needs the argument username"),
    "missing port": ("        port: /dev/ttyUSB0\n", "", "RawSerialPort:", "needs the argument port"),
    "missing resource": (
        "      RawSerialPort:\n        port: /dev/ttyUSB0\n        speed: 115200\n",
        "",
        "      SerialDriver:",
        "needs a NetworkSerialPort or SerialPort (port), and none is listed before it",
    ),
    "no regular expression": (
        'boot: ["Starting|startup"',
        'boot: ["Starting("',
        "Starting(",
        "a regular expression; this is not one",
    ),
    "unknown option": ("      boot_seconds: 60\n", "      boot_secs: 60\n", "boot_secs", "unknown option boot_secs"),
    "unknown release": ('profile: "8.0"', 'profile: "9.0"', 'profile: "9.0"', "option profile is '9.0'"),
    "missing templates": ("templates: qnx-aarch64", "templates: qnx-arm", "templates: qnx-arm", "there is no folder"),
    "unknown import": ("  - harness.labgrid", "  - harness.labgird", "harness.labgird", "import of harness.labgird"),
    "console that is not there": ("host_key: known_hosts", "host_key: console", "host_key: console", "needs a console"),
    "address that nobody finds": ('address: "192.0.2.10"', 'address: ""', 'address: ""', "the address is empty"),
    "cable without a port": (
        "        host_key: known_hosts",
        "        host_key: known_hosts\n        consoles:\n          - {hostdev: /dev/ser2, resource: uart7}",
        "uart7",
        "no resource is named 'uart7'",
    ),
    "cable with a pace that is none": (
        "        host_key: known_hosts",
        "        host_key: known_hosts\n        consoles:\n          - {hostdev: a, resource: a, txdelay: slow}",
        "slow",
        "txdelay is 'slow'; expected a number above 0",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_the_right_line(name: str, tmp_path: Path) -> None:
    old, new, wrong, message = BROKEN[name]
    text = filled_in()
    assert old in text
    text = text.replace(old, new, 1)
    if name == "console that is not there":
        text = re.sub(r"      SerialDriver:\n(        .*\n)+", "", text)
        text = re.sub(r"        boot: .*\n", "", text)
    (tmp_path / "qnx-aarch64").symlink_to(TARGETS / "qnx-aarch64")
    file = tmp_path / "target.yaml"
    file.write_text(text)
    problems = check(file)
    assert problems, "accepted"
    assert problems[0].line == _line(text, wrong), problems
    assert message in problems[0].text
    done = command("check-target", str(file))
    assert done.returncode == 1
    assert done.stdout.startswith(f"{file}:{_line(text, wrong)}: error: ")


def test_a_supplier_that_stands_behind_its_user_is_missing(tmp_path: Path) -> None:
    """labgrid makes the parts in the order of the file."""
    text = (TARGETS / "loopback.yaml").read_text()
    power = re.search(r"      SerialDriver: \{\}\n", text)
    assert power
    text = text.replace(power[0], "", 1).replace("        ssh_seconds: 20\n", f"        ssh_seconds: 20\n{power[0]}", 1)
    text = text.replace("host_key: console", "host_key: unchecked", 1)
    for folder in ("qemu-x86_64", "qemu-aarch64"):
        (tmp_path / folder).symlink_to(TARGETS / folder)
    file = tmp_path / "target.yaml"
    file.write_text(text)
    (warning,) = check(file)
    assert warning.warning
    assert "not checked" in warning.text


def test_a_template_is_refused_with_its_own_line(tmp_path: Path) -> None:
    folder = tmp_path / "qnx-aarch64"
    folder.mkdir()
    text = (TARGETS / "qnx-aarch64/probe.qvmconf.j2").read_text().replace("    intr gic:37", "    intr gic37")
    (folder / "probe.qvmconf.j2").write_text(text)
    file = tmp_path / "target.yaml"
    file.write_text(filled_in())
    (problem,) = check(file)
    assert (problem.file, problem.line) == (str(folder / "probe.qvmconf.j2"), _line(text, "gic37"))
    (folder / "probe.qvmconf.j2").write_text(text.replace("gic37", "gic:37").replace("{{ console }}", "{{ consol }}"))
    (problem,) = check(file)
    assert problem.line == _line(text, "{{ console }}")
    assert "consol" in problem.text


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("vdev pl011\n    loc 0x1c090000\n    intr gic:38\n", "vdev pl011 at 0x1c090000 collides with vdev pl011"),
        ("ram 0x80100000,1M\n", "ram at 0x80100000 collides with ram"),
        ("vdev virtio-blk\n    loc 0x20000000\n    intr gic:37\n", "gic:37"),
    ],
)
def test_a_template_that_collides_is_told_all_of_it(tmp_path: Path, added: str, said: str) -> None:
    """The message begins with what is wrong, and names the other place."""
    folder = tmp_path / "qnx-aarch64"
    folder.mkdir()
    text = (TARGETS / "qnx-aarch64/probe.qvmconf.j2").read_text()
    (folder / "probe.qvmconf.j2").write_text(text.replace("{{ shmem }}", f"{added}{added}{{{{ shmem }}}}"))
    file = tmp_path / "target.yaml"
    file.write_text(filled_in())
    problems = [problem.text for problem in check(file)]
    assert len(problems) > 1
    assert [problem for problem in problems if problem.startswith("found")] == []
    assert len([problem for problem in problems if said in problem]) >= 2, problems


def test_what_a_template_says_and_nobody_knows_is_warned_of(tmp_path: Path) -> None:
    """A real host may know it; a slip of a finger looks the same."""
    folder = tmp_path / "qnx-aarch64"
    folder.mkdir()
    text = (TARGETS / "qnx-aarch64/probe.qvmconf.j2").read_text()
    file = tmp_path / "target.yaml"
    file.write_text(filled_in())
    for old, new, said in (
        ("    hostdev {{", "    hosdtev {{", "is 'hostdev' meant?"),
        ("vdev pl011", "vdev pl0l1", "vdev 'pl0l1' is not understood"),
        ("    intr gic:37", "    intr gci:37", "'gci' is not declared"),
        ("logger fatal", "loger fatal", "is 'logger' meant?"),
    ):
        (folder / "probe.qvmconf.j2").write_text(text.replace(old, new))
        (problem,) = check(file)
        assert (problem.warning, problem.line) == (True, _line(text.replace(old, new), new)), new
        assert said in problem.text


def test_a_template_for_the_other_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "qnx-aarch64").symlink_to(TARGETS / "qnx-x86_64")
    (tmp_path / "target.yaml").write_text(filled_in())
    (problem,) = check(tmp_path / "target.yaml")
    assert "a guest of aarch64 has no interrupt controller 'apic'" in problem.text
    assert not problem.warning


def test_memory_where_the_probe_is_not_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "qnx-aarch64"
    folder.mkdir()
    text = (TARGETS / "qnx-aarch64/probe.qvmconf.j2").read_text()
    (folder / "probe.qvmconf.j2").write_text(text)
    file = tmp_path / "target.yaml"
    file.write_text(filled_in().replace("probe_image: aarch64-2g", 'probe_image: ""'))
    (problem,) = check(file)
    assert (problem.file, problem.line) == (str(folder / "probe.qvmconf.j2"), _line(text, "ram 0x80000000"))
    assert "the probe's image is for RAM at 0x40200000" in problem.text
    assert not problem.warning


@pytest.mark.parametrize(("arch", "variant"), [(arch, variant) for arch in ARCHES for variant in PROBES[arch]])
def test_the_probe_is_where_it_is_looked_for(arch: Arch, variant: ProbeVariant) -> None:
    content = probe_image(arch, variant).read_bytes()
    first = int.from_bytes(content[32:40], "little")
    assert int.from_bytes(content[first + 24 : first + 32], "little") == PROBE_STARTS[variant or arch]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"# {{ 1 / 0 }}", "ZeroDivisionError"),
        (b"# {% include 'probe.qvmconf.j2' %}", "RecursionError"),
        (b"# {{ system + 1 }}", "TypeError"),
        (b"# {% include 'gone.j2' %}", "gone.j2"),
        (b"# \xff", "UnicodeDecodeError"),
    ],
)
def test_a_template_that_fails_in_any_way_is_refused(tmp_path: Path, line: bytes, said: str) -> None:
    folder = tmp_path / "qnx-aarch64"
    folder.mkdir()
    text = (TARGETS / "qnx-aarch64/probe.qvmconf.j2").read_bytes()
    (folder / "probe.qvmconf.j2").write_bytes(text + line + b"\n")
    file = tmp_path / "target.yaml"
    file.write_text(filled_in())
    (problem,) = check(file)
    assert problem.file == str(folder / "probe.qvmconf.j2")
    assert said in problem.text
    assert problem.line == (1 if said == "UnicodeDecodeError" else text.count(b"\n") + 1)


def test_a_walk_over_a_board_shows_every_step_with_its_time(lab: Lab) -> None:
    lab.trust()
    command_board(lab.folder, "behave", max_sessions=10)
    with within(90, "harness check-target --live"):
        done = command("check-target", "--live", "--log", str(lab.log), str(lab.file()))
    assert done.returncode == 0, done.stdout + done.stderr
    steps = re.findall(r"^ok +\d+\.\d\d s  (.*)$", done.stdout, re.MULTILINE)
    assert [step.split(" ")[0] for step in steps] == [
        *("target", "power", "power", "login", "SSH,", "what", "probe", "upload"),
        *("guest's", "qvm", "first", "region", "end", *["guest"] * MOST_GUESTS, "end", "what", "host"),
    ]
    assert "tests that compare the host's list of regions" in done.stdout
    assert "(the host lacks the capability 'regions')" in done.stdout
    assert "tests of devices on PCI" not in done.stdout
    assert [step for step in steps if step.startswith("guest 8 of 8 at once, console /dev/ptyp7")]
    assert "hypervisor host ready" in lab.log.read_text()


@pytest.mark.parametrize(
    ("change", "step", "words"),
    [
        # The check cannot know what a lab brings: labgrid's own words.
        ({"RemotePlace": {"name": "nowhere"}}, "target file", "Could not connect to coordinator"),
        # More than the check fills in.
        ("{% if image != '/data/guest.elf' %}{{ more }}{% endif %}", "guest's configuration from its template", "more"),
    ],
    ids=["labgrid's", "jinja2's"],
)
def test_errors_of_others_end_a_step_and_not_the_walk(
    lab: Lab, change: dict[str, Any] | str, step: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.trust()
    monkeypatch.setenv("LG_COORDINATOR", "127.0.0.1:1")
    if isinstance(change, dict):
        lab.data["resources"] = change
    else:
        folder = tmp_path / "templates"
        shutil.copytree(TARGETS / "qemu-x86_64", folder)
        template = folder / "probe.qvmconf.j2"
        template.write_text(template.read_text().replace("{{ shmem }}", "{{ shmem }}\n" + change))
        lab.data["options"]["templates"] = str(folder)
    done = command("check-target", "--live", str(lab.file()))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    failed = re.search(rf"^failed +\d+\.\d\d s  {step}\n(.*)", done.stdout, re.MULTILINE)
    assert failed
    assert words in failed[1]


def test_a_place_that_is_not_acquired_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LG_PLACE", raising=False)
    done = command("check-target", "--live", str(TARGETS / "qnx-lab-example.yaml"))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "LG_PLACE" in done.stderr


def test_a_walk_ends_at_the_first_step_that_fails_and_switches_off(lab: Lab) -> None:
    lab.trust()
    lab.set("ShmemBoardStrategy", password="wrong")
    done = command("check-target", "--live", str(lab.file()))
    assert done.returncode == 2
    assert re.search(
        r"^failed +\d+\.\d\d s  login on the serial console\n +.*rejected the login", done.stdout, re.MULTILINE
    )
    assert re.search(r"^ok .*power off$", done.stdout.splitlines()[-1])
