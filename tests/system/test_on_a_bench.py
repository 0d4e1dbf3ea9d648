# SPDX-License-Identifier: Apache-2.0
"""Systems on the embedded benches, as a person tries them: what is compared, what is noticed, what does not fit."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import programs

CHECKOUT = Path(__file__).parents[2]
SYSTEMS = CHECKOUT / "examples" / "systems"
EXAMPLES = sorted(path.name for path in SYSTEMS.iterdir())


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return programs.run([*command], cwd=CHECKOUT, capture_output=True, text=True, check=False)


def _suite(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(*programs.PYTEST, "suites/system", "--report-dir", str(out), *arguments)


def _qualify(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(sys.executable, "-m", "harness", "qualify", "--out", str(out), *arguments)


def _results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "latest" / "results.json").read_text())
    return found


def _failed(results: dict[str, Any]) -> set[str]:
    return {record["requirement"] for record in results["results"] if record["verdict"] not in ("pass", "skipped")}


def _tried(results: dict[str, Any]) -> dict[str, Any]:
    [tried] = results["systems"]
    return dict(tried)


def _vm(folder: Path, name: str, *options: str) -> None:
    folder.mkdir(exist_ok=True)
    lines = [f"system {name}", "ram 0x80000000,128M", "cpu", "vdev shmem", *(f"  {option}" for option in options)]
    (folder / f"{name}.qvmconf").write_text("\n".join(lines) + "\n")


def _boards(folder: Path, bench: str = "") -> Path:
    """The embedded benches, or one of them, with probe guests alone."""
    path = folder / "boards.yaml"
    boards = yaml.safe_load((CHECKOUT / "boards.yaml").read_text().replace("[probe, linux]", "[probe]"))
    boards["targets"] = {name: target for name, target in boards["targets"].items() if bench in ("", name)}
    path.write_text(yaml.safe_dump(boards, sort_keys=False))
    return path


def _compare_example(name: str, bench: str, out: Path) -> dict[str, Any]:
    """Qualify an example with its policy; the device is as the audit says, and the files as they are expected."""
    folder = SYSTEMS / name
    run = _qualify(
        out, "--system", str(folder), "--policy", str(folder / "policy.yaml"), "--lg-env", str(_boards(out, bench)),
    )  # fmt: skip
    results = _results(out)
    wrong = bool((folder / "expected.txt").read_text())
    assert _failed(results) == ({"SHM-SYS-06"} if wrong else set()), run.stdout + run.stderr
    assert run.returncode == int(wrong)
    tried = _tried(results)
    assert tried["accesses"]
    assert all(access["seen"] == access["expected"] for access in tried["accesses"])
    assert sum(device["differences"] for device in tried["devices"]) == 0
    assert sum(device["names"] for device in tried["devices"]) >= 1000
    assert all("if the device's matcher has no more states" in device["guarantee"] for device in tried["devices"])
    return tried


def test_an_example_is_as_its_audit_says_and_the_report_has_a_chapter_about_it(tmp_path: Path) -> None:
    name = "squatting"
    tried = _compare_example(name, "qemu-x86_64", tmp_path)
    files = {file["path"]: file["sha256"] for file in tried["files"]}
    assert files == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in (SYSTEMS / name).glob("*.qvmconf")
    }
    assert tried["policy"]["path"] == str(SYSTEMS / name / "policy.yaml")
    [meeting] = [one for one in tried["meetings"] if one["region"] == "frames"]
    assert (meeting["expected"], meeting["seen"], meeting["policy"]) == ("meet", "met, in 0x40000 bytes", "forbidden")
    # Whoever starts first decides the size.
    assert [order["vms"] for order in tried["orders"]] == [["cluster", "ivi"], ["ivi", "cluster"]]
    assert all(order["compared"] > 2 and not order["differences"] for order in tried["orders"])
    assert [one["what"] for one in tried["not_tried"]] == ["channel frames, host program recorder"]
    page = (tmp_path / "latest" / "index.html").read_text()
    assert "<h2>System</h2>" in page
    for text in (*files.values(), "allow fram?s", f"{SYSTEMS / name / 'ivi.qvmconf'}:5", "surplus-access"):
        assert text.replace("'", "&#39;") in page


@pytest.mark.long
@pytest.mark.parametrize("bench", ["qemu-x86_64", "qemu-aarch64"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_as_its_audit_says(name: str, bench: str, tmp_path: Path) -> None:
    _compare_example(name, bench, tmp_path)


def test_a_faulty_device_is_noticed(tmp_path: Path) -> None:
    _vm(tmp_path / "vms", "left", "allow cam*", "create cam,0x1000")
    _vm(tmp_path / "vms", "right", "allow log")
    run = _suite(
        tmp_path, "--system", str(tmp_path / "vms"), "--lg-env", str(_boards(tmp_path)), "--bench", "qemu-aarch64",
        "--fault", "rules-ignored",
    )  # fmt: skip
    assert run.returncode == 1, run.stdout + run.stderr
    results = _results(tmp_path)
    assert {"SHM-SYS-02", "SHM-SYS-04"} <= _failed(results)
    assert "left and right meet in cam, and the audit says that they cannot" in run.stdout
    cells = {(cell["device"], cell["region"]): cell for cell in _tried(results)["accesses"]}
    assert (cells["right", "cam"]["expected"], cells["right", "cam"]["seen"]) == ("refused", "allowed")
    assert [one["seen"] for one in _tried(results)["meetings"]] == ["met in cam"]


@pytest.mark.long
def test_a_size_that_the_guests_ask_for_and_do_not_get_is_noticed(tmp_path: Path) -> None:
    for name in ("left", "right"):
        _vm(tmp_path / "vms", name, "allow cam")
    policy = tmp_path / "policy.yaml"
    policy.write_text("channels:\n  - {region: cam, members: [left, right], size: 0x123000}\n")
    run = _suite(
        tmp_path, "--system", str(tmp_path / "vms"), "--policy", str(policy), "--lg-env", str(_boards(tmp_path)),
        "--bench", "qemu-aarch64", "-k", "test_channels", "--fault", "size-eight-bits",
    )  # fmt: skip
    assert run.returncode == 1, run.stdout + run.stderr
    assert "left finds 0x23000 bytes, and should find 0x123000" in run.stdout


BENCH = """
imports: [harness.labgrid]
targets:
  own:
    drivers: {ShmemEmulatedHostDriver: {}, ShmemBenchStrategy: {}}
    options:
      architecture: aarch64
      profile: "7.0"
      placements: [pci, mmio]
      mmio: [{loc: 0x1c050000, intr: "gic:43", window: 0x9000000000}]
      guest_images: [probe]
      ways: [serial]
      templates: targets/qemu-aarch64
      system: vms
      policy: policy.yaml
"""


def test_a_system_of_the_bench_of_which_not_all_can_be_tried(tmp_path: Path) -> None:
    """Its places: one as in its file, one that the host refuses. What is left out is told and is no pass."""
    vms = tmp_path / "vms"
    _vm(
        vms,
        "cluster",
        "loc 0x1c060000",
        "intr gic:50",
        "allow frames",
        "create frames,0x2000",
        "colour red",
        "allow log",
    )
    _vm(vms, "ivi", "loc 0x60000000", "intr gic:51", "allow frames", "allow log")
    (vms / "idle.qvmconf").write_text("system idle\nram 0x80000000,128M\ncpu\n")
    (tmp_path / "policy.yaml").write_text(
        "channels:\n  - {region: frames, members: [cluster, ivi], size: 8K, host: [recorder]}\n"
        # Nobody creates it, so the guests have to ask for its size.
        "  - {region: log, members: [cluster, ivi], size: 0x123000, host: [recorder]}\n"
    )
    (tmp_path / "own.yaml").write_text(BENCH)
    run = _suite(tmp_path, "--lg-env", str(tmp_path / "own.yaml"))
    assert run.returncode == 0, run.stdout + run.stderr
    results = _results(tmp_path)
    verdicts = {record["requirement"]: record["verdict"] for record in results["results"]}
    # Not everything could be tried.
    skipped = [name for name, verdict in verdicts.items() if verdict == "skipped"]
    assert skipped == ["SHM-SYS-07"]
    assert set(verdicts.values()) == {"pass", "skipped"}
    tried = _tried(results)
    placed = {device["label"]: device["placed"] for device in tried["devices"]}
    assert placed == {"cluster": "at 0x1c060000, gic:50, as its file says", "ivi": "at 0x1c050000, gic:43"}
    [moved] = tried["placements"]
    assert "ivi: at 0x1c050000, gic:43, not as its file says: the host refuses it there" in moved
    assert [meeting["seen"] for meeting in tried["meetings"]] == ["met, in 0x2000 bytes", "met, in 0x123000 bytes"]
    not_tried = {one["what"]: one["reason"] for one in tried["not_tried"]}
    assert not_tried.pop("VM idle") == "it has no vdev shmem"
    assert not_tried.pop("channel frames, host program recorder")
    assert not_tried.pop("channel log, host program recorder")
    [(option, reason)] = not_tried.items()
    assert option.startswith("option 'colour' at ")
    assert reason == "it is not understood"
    [case] = [case for case in results["cases"] if "test_everything_was_tried" in case["test"]]
    assert "VM idle" in case["reason"]


@pytest.mark.long
def test_linux_guests_try_the_essential_cases_and_what_they_do_not_try_is_told(tmp_path: Path) -> None:
    """In guests of the user's own image: data and signals of the channel, the forbidden pairs, the nearest names."""
    (tmp_path / "own.toml").write_text('cmdline = "quiet"\n')
    text = BENCH.replace("guest_images: [probe]", "guest_images: [probe, linux]\n      linux: {recipe: own.toml}")
    (tmp_path / "own.yaml").write_text(text.replace("      system: vms\n      policy: policy.yaml\n", ""))
    example = SYSTEMS / "wildcard-too-wide"
    run = _suite(
        tmp_path, "--lg-env", str(tmp_path / "own.yaml"),
        "--system", str(example), "--policy", str(example / "policy.yaml"),
    )  # fmt: skip
    results = _results(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert _failed(results) == {"SHM-SYS-06"}
    assert [one["guest_image"] for one in results["systems"]] == ["probe", "linux"]
    probe, linux = results["systems"]
    assert linux["recipe"]["sha256"] == hashlib.sha256((tmp_path / "own.toml").read_bytes()).hexdigest()
    assert probe["recipe"] is None
    seen = [(meeting["vms"], meeting["expected"], meeting["seen"]) for meeting in linux["meetings"]]
    assert seen == [(meeting["vms"], meeting["expected"], meeting["seen"]) for meeting in probe["meetings"]]
    assert [how for _, expected, how in seen if expected == "meet"] == ["met, in 0x10000 bytes"] * 2
    assert linux["accesses"] == probe["accesses"]
    assert all(40 < device["names"] < 1000 and not device["differences"] for device in linux["devices"])
    assert linux["orders"] == []
    left = [one["what"] for one in linux["not_tried"]]
    assert len([what for what in left if "orders of starting" in what]) == 1
    assert len([what for what in left if "all transitions" in what]) == len(linux["devices"]) == 3
    assert probe["not_tried"] == []
    page = (tmp_path / "latest" / "index.html").read_text()
    for text in ("linux guests", linux["not_tried"][0]["reason"], linux["recipe"]["sha256"]):
        assert text in page


@pytest.mark.long
@pytest.mark.parametrize("way", ["serial", "ssh"])
def test_linux_guests_on_a_pc_try_a_system_over_pci(way: str, tmp_path: Path) -> None:
    """Several devices of a VM on its bus, one where its file says, a region that nobody creates, and two that meet."""
    vms = tmp_path / "vms"
    _vm(vms, "gateway", "allow ctl", "create ctl,0x1000", "vdev shmem", "subst ,gw-", "allow log*", "create log1,12K")
    _vm(vms, "camera", "allow ctl", "allow frames", "create frames,32M", "vdev shmem", "allow gw-log[12]")
    _vm(vms, "ivi", "loc 0x90000000 intr myioapic:7", "allow frames", "vdev shmem", "allow ctl")
    _vm(vms, "recorder", "allow only")
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "channels:\n  - {region: ctl, members: [gateway, camera, ivi], size: 4K}\n"
        "  - {region: gw-log2, members: [gateway, camera], size: 0x123000}\n"
    )
    boards = tmp_path / "boards.yaml"
    text = (CHECKOUT / "boards.yaml").read_text().replace("[probe, linux]", "[linux]")
    boards.write_text(text.replace("ways: [serial, ssh]", f"ways: [{way}]"))
    run = _suite(
        tmp_path, "--system", str(vms), "--policy", str(policy), "--lg-env", str(boards), "--bench", "qemu-x86_64",
    )  # fmt: skip
    results = _results(tmp_path)
    assert _failed(results) == {"SHM-SYS-06"}, run.stdout + run.stderr
    tried = _tried(results)
    assert (tried["guest_image"], tried["architecture"]) == ("linux", "x86_64")
    placed = {device["label"]: device["placed"] for device in tried["devices"]}
    assert placed.pop("ivi[0]") == "at 0x90000000, myioapic:7, as its file says"
    assert list(placed.values()) == ["on PCI"] * 6
    assert all(device["names"] > 30 and not device["differences"] for device in tried["devices"])
    assert all(access["seen"] == access["expected"] for access in tried["accesses"])
    met = {(*meeting["vms"], meeting["region"]): meeting["seen"] for meeting in tried["meetings"]}
    assert {key: seen for key, seen in met.items() if seen.startswith("met")} == {
        ("gateway", "camera", "ctl"): "met, in 0x1000 bytes",
        ("gateway", "ivi", "ctl"): "met, in 0x1000 bytes",
        ("camera", "ivi", "ctl"): "met, in 0x1000 bytes",
        ("gateway", "camera", "gw-log2"): "met, in 0x123000 bytes",
        ("camera", "ivi", "frames"): "met, in 0x2000000 bytes",
        ("camera", "gateway", "gw-log1"): "met, in 0x3000 bytes",
    }
    assert sum(seen.startswith("did not meet") for seen in met.values()) == 3


def test_each_image_tries_what_it_is_for(tmp_path: Path) -> None:
    """Linux guests over the first way; what does not depend on the image once, in probe guests where there are any."""
    target = BENCH.partition("targets:\n")[2].replace("      system: vms\n      policy: policy.yaml\n", "")
    both = target.replace("  own:", "  both:").replace("[probe]", "[linux, probe]").replace("[serial]", "[ssh, serial]")
    alone = target.replace("  own:", "  alone:").replace("[probe]", "[linux]")
    (tmp_path / "own.yaml").write_text(f"imports: [harness.labgrid]\ntargets:\n{both}{alone}")
    run = _suite(
        tmp_path, "--lg-env", str(tmp_path / "own.yaml"), "--system", str(SYSTEMS / "closed"), "--collect-only", "-q",
    )  # fmt: skip
    found = re.findall(r"::(\w+)\[([\w-]+)\]", run.stdout)
    where = {setting: {test for test, at in found if at == setting} for _, setting in found}
    linux = {"test_vms_start", "test_names", "test_channels", "test_meetings"}
    every = linux | {"test_vms_that_are_refused", "test_start_orders", "test_policy", "test_everything_was_tried"}
    assert where == {"both-pci-linux-ssh": linux, "both-pci-probe-serial": every, "alone-pci-linux-serial": every}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "policy.yaml"], "--policy without --system"),
        (["--system", "broken"], "broken/vm.qvmconf:1:"),
        (["--system", "half"], "half/ivi.cfg:1:1: this reads as a configuration of qvm and is not audited"),
    ],
)
def test_wrong_use_is_told_before_a_bench_is_started(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/vm.qvmconf").write_text("system\n")
    _vm(tmp_path / "half", "cluster", "allow x")
    _vm(tmp_path / "half", "ivi", "allow *")
    (tmp_path / "half/ivi.qvmconf").rename(tmp_path / "half/ivi.cfg")
    given = [str(tmp_path / word) if not word.startswith("--") else word for word in arguments]
    run = _suite(tmp_path / "out", "--lg-env", "boards.yaml", *given)
    assert run.returncode == 3, run.stdout + run.stderr
    assert message in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_without_a_system_there_is_no_test_of_one(tmp_path: Path) -> None:
    run = _suite(tmp_path, "--lg-env", "boards.yaml", "--bench", "qemu-aarch64")
    assert run.returncode == 3, run.stdout + run.stderr
    assert _results(tmp_path)["results"] == []
    assert "no test was selected" in _results(tmp_path)["run"]["reasons"]
    run = _qualify(tmp_path, "--system", str(tmp_path / "nowhere"))
    assert run.returncode == 3
    assert "there is no folder" in run.stderr
