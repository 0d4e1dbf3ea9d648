# SPDX-License-Identifier: Apache-2.0
"""``qvm``: run one guest on an emulated host, called as the QNX Hypervisor's ``qvm`` is.

    qvm @guest.qvmconf [OPTION...]

The configuration language and the command line are the same. The host is the one whose control socket QVM_HOST names;
without it, a host of this user's own is started and ends with its last guest. Exit statuses: 0 the guest ended in
order, 3 its power was cut, 64 it could not be started, 65 the configuration is wrong, 96 the virtual machine broke.
SIGTERM and SIGINT press the power button, SIGQUIT cuts the power, SIGUSR1 makes the devices print their state. SIGUSR2
asks for a guest dump, which this host does not write: qvm says so, and the guest goes on.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from harness import provision
from harness.emulator.service import own_host
from harness.emulator.service.protocol import CONNECTION_VARIABLE, HOST_VARIABLE
from harness.process.command import guarded, in_utf8

_EXIT_NO_HOST: Final = 64


@functools.cache
def command() -> tuple[str, ...]:
    """How a bench starts qvm, a thousand times in a qualification: the compiled program, which QVM_HOST tells its host.

    Raises HarnessError when it does not compile.
    """
    return (str(provision.qvm_program()),)


def main(argv: Sequence[str] | None = None) -> int:
    """Become the compiled program, with a host: one implementation serves benches and people."""
    if argv is None:
        in_utf8()
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded("qvm", lambda: _main(arguments), error_status=_EXIT_NO_HOST)


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else _EXIT_NO_HOST
    program = command()
    try:
        environment = os.environ if os.environ.get(HOST_VARIABLE) else _on_own_host()
        os.execve(program[0], [*program, *arguments], environment)
    except (OSError, MemoryError) as error:
        print(f"qvm: no host: {error or type(error).__name__}", file=sys.stderr)
    return _EXIT_NO_HOST


def _on_own_host() -> Mapping[str, str]:
    """The environment of a qvm that inherits a connection to this user's own host. Raises OSError."""
    connection = own_host.connection()
    connection.set_inheritable(True)
    return {**os.environ, CONNECTION_VARIABLE: str(connection.detach())}


if __name__ == "__main__":
    sys.exit(main())
