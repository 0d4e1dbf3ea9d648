# SPDX-License-Identifier: Apache-2.0
"""Linux guests in the fixtures: their settings, and the errors when one does not answer over SSH.

The guests that break are not Linux: a kernel would take seconds to get as far.
"""

from __future__ import annotations

from unittest.mock import create_autospec

import pytest
from labgrid.config import Config

from fixtures.configuration import configuration_text
from fixtures.settings import read_benches
from harness.bench.linux import LinuxKit
from harness.host.protocol import ShmemHostProtocol
from tests import programs
from tests.bench.mini_suite import CHECKOUT, MiniSuite, emulated
from tests.bench.test_deploy import image_of_a_test

_TEMPLATE = CHECKOUT / "targets/qemu-aarch64/linux.qvmconf.j2"


def _over_ssh(mini: MiniSuite, image: str, seconds: float) -> str:
    template = _TEMPLATE.read_text().replace("initrd load {{ initrd }}\n", "")
    mini.write("templates/linux.qvmconf.j2", template.replace("{{ image }}", str(image_of_a_test(image))))
    target = emulated(f"linux: {{boot_seconds: {seconds}}}", templates=mini.folder / "templates")
    return target.replace("[probe]", "[linux]").replace("[serial]", "[ssh]")


def _fails(mini: MiniSuite, target: str) -> str:
    mini.test('@pytest.mark.only(guest_image=["linux"])\ndef test_1(deploy):\n    deploy("")\n')
    mini.benches(bench=target)
    run = mini.run()
    assert run.returncode == 2, run.stdout + run.stderr
    return mini.reasons()


def test_a_guest_that_never_answers_over_ssh_is_shown_with_its_last_words(mini: MiniSuite) -> None:
    reasons = _fails(mini, _over_ssh(mini, "silent", 3))
    assert "has no SSH server that answers" in reasons
    assert "cannot find my teeth" in reasons


def test_a_guest_that_ends_is_not_waited_for_over_ssh(mini: MiniSuite) -> None:
    reasons = _fails(mini, _over_ssh(mini, "ends", 2 * programs.PATIENCE))
    assert "qvm of guest guest0 ended with exit status 0" in reasons


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_a_guest_on_a_board_gets_its_address(mini: MiniSuite, architecture: str) -> None:
    templates = CHECKOUT / f"targets/qnx-{architecture}"
    target = emulated("linux: {addresses: [192.168.7.1/16, 192.168.7.2]}", templates=templates)
    target = target.replace("aarch64\n  profile", f"{architecture}\n  profile")
    (bench,) = read_benches(Config(str(mini.benches(bench=target)))).values()
    host = create_autospec(ShmemHostProtocol, instance=True)
    host.put.side_effect = str
    kit = LinuxKit()
    try:
        for number, word in enumerate(["guest_address=192.168.7.1/16", "guest_address=192.168.7.2/24"]):
            files = kit.variables(bench, host, number)
            text = configuration_text(
                templates, "linux", check=True, shmem="vdev shmem", system="guest0", console="c", **files
            )
            (line,) = (line for line in text.splitlines() if line.startswith("cmdline"))
            assert word in line.strip('"').split()
            assert kit.address(bench, number) == (f"192.168.7.{number + 1}", 22)
    finally:
        kit.close()
