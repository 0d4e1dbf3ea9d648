# SPDX-License-Identifier: Apache-2.0
"""A program of the host as a client of regions, over SSH: the emulated host's, and the one for QNX with regions of its
own in place of the vendor's library."""

from __future__ import annotations

import errno
import platform
import shutil
from pathlib import Path
from typing import Any

import pytest
from labgrid.strategy import StrategyError

from harness.errors import BenchError, OperationRefusedError
from harness.host.protocol import HOST_CLIENT, PULSES
from harness.provision.compiler import Recipe, compile_c
from harness.shmem.registers import STATUS_MEMBERS_SHIFT
from tests import programs
from tests.boards.lab import CHECKOUT, Lab

SOURCE = CHECKOUT / "targets/images/hostclient"
REGIONS = Path(__file__).parent / "hyp"
SEVERAL_PIECES = 9000


def _client_for_qnx(release: str) -> Path:
    files = [SOURCE / "client.c", *sorted(REGIONS.glob("**/*.[ch]"))]
    inputs = [str(path.relative_to(CHECKOUT)) for path in files]
    recipe = Recipe(
        name="host client of a test",
        folder=CHECKOUT,
        target=f"{platform.machine()}-linux-gnu.2.28",
        sources=tuple(name for name in inputs if name.endswith(".c")),
        flags=(
            *("-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"),
            f"-I{REGIONS.relative_to(CHECKOUT)}",
            *(["-DHOST_MODES"] if release == "8.0" else []),
        ),
        inputs=tuple(inputs),
        output="shmem-host-client",
    )
    return compile_c(recipe).path / recipe.output


@pytest.fixture(params=["emulated host", "7.1", "8.0"])
def host(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    """A host that is up, with a client of this kind."""
    command = "shmem-host-client"
    if request.param == "emulated host":
        command = str(lab.folder / "bin" / command)
    else:
        # The cache may be where no command line can name it.
        command = str(shutil.copy(_client_for_qnx(request.param), tmp_path))
    lab.set("ShmemQnxHostDriver", host_client=command)
    return lab.ready()


def test_a_program_of_the_host_is_a_client(host: Any) -> None:
    assert {HOST_CLIENT, PULSES} <= host.capabilities
    with host.program() as program:
        assert program.attach("of nobody") is None
        first = program.create("ö and b", 3)
        second = program.attach("ö and b")
        assert (first.pages, second.pages) == (3, 3)
        members = 1 << first.index | 1 << second.index
        assert first.status() >> STATUS_MEMBERS_SHIFT == second.status() >> STATUS_MEMBERS_SHIFT == members
        data = bytes(number % 251 for number in range(SEVERAL_PIECES))
        first.write(100, data)
        assert second.read(100, len(data)) == data
        assert second.read(0, 0) == b""
        came = second.wait_pulses(0, 0)
        first.notify(1 << second.index)
        assert second.wait_pulses(came + 1, programs.PATIENCE) == came + 1
        assert second.status() == members << STATUS_MEMBERS_SHIFT | 1 << first.index
        assert second.status() == members << STATUS_MEMBERS_SHIFT
        assert second.wait_pulses(came + 2, 0.05) == came + 1
        other = program.create("another", 1)
        assert (other.pages, program.attach("another").pages) == (1, 1)
        with pytest.raises(OperationRefusedError, match="refuses 'read"):
            other.read(4000, 200)
        second.detach()
        assert first.status() >> STATUS_MEMBERS_SHIFT == 1 << first.index
        with pytest.raises(OperationRefusedError, match="refuses 'status"):
            second.status()
        first.detach()
        assert program.attach("ö and b") is None


def test_what_a_program_had_goes_with_it(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", host_client=str(lab.folder / "bin/shmem-host-client"))
    host = lab.ready()
    with host.program() as program, host.program() as witness:
        program.create("held", 1)
        seen = witness.attach("held")
        came = seen.wait_pulses(0, 0)
        program.__exit__()
        assert seen.wait_pulses(came + 1, programs.PATIENCE) == came + 1
        assert seen.status() >> STATUS_MEMBERS_SHIFT == 1 << seen.index


def test_the_end_of_a_program_is_waited_for(lab: Lab, tmp_path: Path) -> None:
    """On QNX a program leaves its regions when its process has ended, which may be later than its input."""
    ended, client = tmp_path / "ended", tmp_path / "client"
    client.write_text(f"#!/bin/sh\n{lab.folder / 'bin/shmem-host-client'}\nsleep 0.5\ntouch {ended}\n")
    client.chmod(0o755)
    lab.set("ShmemQnxHostDriver", host_client=str(client))
    with lab.ready().program() as program:
        program.create("held", 1)
    assert ended.exists()


def test_an_error_has_the_hosts_number(lab: Lab, tmp_path: Path) -> None:
    client = tmp_path / "client"
    client.write_text("#!/bin/sh\necho @host-client 1\nread request\necho error 12 out of memory\nread end\n")
    client.chmod(0o755)
    lab.set("ShmemQnxHostDriver", host_client=str(client))
    with lab.ready().program() as program, pytest.raises(OperationRefusedError) as refused:
        program.create("held", 1)
    assert refused.value.number == errno.ENOMEM


def test_a_program_that_is_missing_or_another_is_named(lab: Lab) -> None:
    lab.set("ShmemQnxHostDriver", host_client="shmem-nothing")
    with pytest.raises(StrategyError) as refused:
        lab.ready()
    assert "lacks 'shmem-nothing', which is the host's client of regions ('host_client')" in str(
        refused.value.__cause__
    )
    lab.set("ShmemQnxHostDriver", host_client="echo hello")
    host = lab.ready()
    with pytest.raises(BenchError, match=r"'echo hello', began with 'hello' and not with '@host-client 1'"):
        host.program()
    host.host_client = "sh -c 'exit 3'"
    with pytest.raises(BenchError, match="ended with exit status 3 and said: nothing"):
        host.program()


def test_a_host_without_one_has_no_such_capability(lab: Lab) -> None:
    assert not {HOST_CLIENT, PULSES} & lab.open().host.capabilities


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("release", "flag"), [("7.1", "-UHOST_MODES"), ("8.0", "-DHOST_MODES")])
def test_the_vendors_compiler_is_called_for_a_release(tmp_path: Path, release: str, flag: str) -> None:
    command = ["make", "-n", "-C", str(SOURCE), f"RELEASE={release}", "ARCH=x86_64", f"OUT={tmp_path}"]
    said = programs.run(command, capture_output=True, text=True, check=True).stdout
    assert f"qcc -Vgcc_ntox86_64 -std=gnu11 -D_QNX_SOURCE -O2 -Wc,-Wall {flag} client.c -lhyp" in said
    wrong = programs.run([*command, "RELEASE=6.6"], capture_output=True, text=True, check=False)
    assert wrong.returncode != 0
