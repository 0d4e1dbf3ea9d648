# SPDX-License-Identifier: Apache-2.0
"""The image boots on the emulated host and is used over its console and over SSH. One guest for all tests of an
architecture: a boot takes seconds."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from harness.arch import ARCHES, Arch
from harness.bench.trial import BOOT_SECONDS, Trial, TrialGuest, trial
from harness.guest.linux_keys import BenchKeys
from harness.guest.probe import Probe, ProbeFaultError
from harness.host.ssh import SshRefusedError
from harness.provision.linux.image import linux_image
from tests import programs
from tests.linux.sshd import driver

SHMEM = "vdev shmem\n    allow data*\n"


@pytest.fixture(scope="module", params=ARCHES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trial, Arch]]:
    arch = cast(Arch, request.param)
    with trial(tmp_path_factory.mktemp(arch)) as started:
        yield started, arch


@pytest.fixture(scope="module")
def guest(bench: tuple[Trial, Arch]) -> TrialGuest:
    host, arch = bench
    running = host.start(linux_image(arch), "guest0", SHMEM)
    running.console.log_in(BOOT_SECONDS)
    running.target.target.activate(running.ssh)
    print(f"\n{arch}: logged in on both ways {time.monotonic() - running.started:.1f} s after the start")
    return running


def test_the_shell_on_the_console(guest: TrialGuest) -> None:
    assert guest.console.run("uname -r; hostname; false") == ([guest.image.release, "guest0"], 1)
    assert guest.console.run("echo out; echo err >&2")[0] == ["out", "err"]


def test_messages_of_the_kernel_do_not_disturb_the_console(guest: TrialGuest) -> None:
    lines, status = guest.console.run("echo '<3>an error of a driver' >/dev/kmsg; seq 3; dmesg | grep -c 'of a driver'")
    assert (lines, status) == (["1", "2", "3", "1"], 0)


def test_the_shell_over_ssh(guest: TrialGuest) -> None:
    assert guest.ssh.run("uname -m; echo err >&2; exit 3") == ([guest.image.arch], ["err"], 3)
    assert guest.ssh.run_check("ip route") == ["10.0.2.0/24 dev eth0 scope link  src 10.0.2.15 "]


def test_files_over_ssh(guest: TrialGuest, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(1 << 20))
    guest.ssh.put(str(tmp_path / "file"), "/tmp/there")
    guest.ssh.get("/tmp/there", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_a_command_that_takes_too_long_is_ended_in_the_guest(guest: TrialGuest) -> None:
    with pytest.raises(Exception, match="did not end within 1 s"):
        guest.ssh.run("sleep 1234 | cat", timeout=1.0)
    assert guest.ssh.poll_until_success("! pgrep -f 'sleep 123[4]'", timeout=programs.PATIENCE, sleepduration=0.2)


def test_nobody_logs_in_without_the_key_of_this_bench(guest: TrialGuest, tmp_path: Path) -> None:
    known_hosts = str(guest.keys.known_hosts("127.0.0.1", guest.port))
    keyfile = str(BenchKeys.create(tmp_path / "stranger").keyfile)
    with (
        driver(guest.port, "root", known_hosts=known_hosts, keyfile=keyfile) as stranger,
        pytest.raises(SshRefusedError, match="refuses the login"),
    ):
        stranger.target.activate(stranger)


def test_the_guest_does_not_reach_this_machine(guest: TrialGuest) -> None:
    """QEMU's user network shows this machine's loopback as 10.0.2.2 unless it is told not to."""
    with socket.create_server(("127.0.0.1", 0)) as here:
        here.settimeout(0.1)
        assert guest.ssh.run(f"nc -w 2 10.0.2.2 {here.getsockname()[1]} </dev/null")[2] != 0
        with pytest.raises(TimeoutError):
            here.accept()


def test_the_probe_keeps_what_it_has_over_both_ways(guest: TrialGuest, tmp_path: Path) -> None:
    over_serial = Probe(guest.console.transport(), "serial")
    identity = over_serial.identify()
    assert (identity.architecture, identity.platform) == (guest.image.arch, "linux")
    attached = over_serial.attach("data0", 4)
    assert attached.status == 0
    assert attached.handle is not None
    over_serial.fill(0, 4 * 4096, 7, handle=attached.handle)
    assert guest.console.run("echo shell in between")[0] == ["shell in between"]
    channel = guest.ssh.transport("probe", tmp_path / "probe.log", "guest0 over SSH")
    over_ssh = Probe(channel, "ssh")
    assert over_ssh.verify(0, 4 * 4096, 7, handle=attached.handle).mismatches == 0
    over_ssh.detach(attached.handle)
    channel.close()
    assert not over_serial.handles()


def test_interrupts_reach_the_probe(guest: TrialGuest, bench: tuple[Trial, Arch]) -> None:
    """By the pin, through the kernel's generic driver; the host is the peer that signals."""
    probe = Probe(guest.console.transport(), "serial")
    attached = probe.attach("data1", 1)
    assert attached.handle is not None
    assert attached.index is not None
    probe.irq_on("pin")
    with contextlib.closing(bench[0].host.client()) as client:
        peer = client.attach("data1")
        assert probe.irq_wait(60).interrupts > 0, "a new member is told"
        for _ in range(3):
            before = probe.irq_count().taken
            peer.notify(1 << attached.index)
            heard = probe.irq_wait(60)
            assert heard.interrupts > 0
            assert heard.senders(attached.handle) == 1 << peer.index
            assert probe.irq_count().taken > before
    probe.irq_off()
    probe.detach(attached.handle)


def test_the_probe_survives_faults_of_its_own(guest: TrialGuest) -> None:
    probe = Probe(guest.console.transport(), "serial")
    for kind in ("read", "write", "jump", "undefined", "stack"):
        with pytest.raises(ProbeFaultError):
            probe.crash(kind)
    assert probe.identify().platform == "linux"


def test_pci_resources_as_the_kernel_shows_them(guest: TrialGuest) -> None:
    found: dict[str, Any] = {}
    for line in guest.ssh.run_check("cd /sys/bus/pci/devices; grep -H . */vendor */device */class"):
        place, _, value = line.partition(":0x")
        slot, _, field = place.rpartition("/")
        found.setdefault(slot, {})[field] = value
    device = [slot for slot, fields in found.items() if (fields["vendor"], fields["device"]) == ("1c05", "0001")]
    assert len(device) == 1
    files = guest.ssh.run_check(f"ls /sys/bus/pci/devices/{device[0]}")
    assert {"resource0", "resource2", "resource2_wc"} <= set(files)


def test_the_power_button_ends_the_guest(guest: TrialGuest) -> None:
    """The last test of the guest. On ARM qvm ends it by itself (User's Guide, "Shutting down guests")."""
    guest.qvm.request_stop("power-button")
    assert guest.qvm.wait_end(20.0) == 0
