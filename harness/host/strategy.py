# SPDX-License-Identifier: Apache-2.0
"""The states of a bench whose host needs no power switch::

    off  --start-->  ready  --stop-->  off
      ^                |
      +---- force -----+

``force("off")`` also resets a broken strategy: the host is stopped in any state.
"""

from __future__ import annotations

import enum

import attr
from labgrid.factory import target_factory
from labgrid.strategy import Strategy, StrategyError

from harness.host.protocol import ShmemHostProtocol
from harness.host.typed import stepped, unrepeatable


class Status(enum.Enum):
    """``ready``: the host runs guests."""

    unknown = 0
    off = 1
    ready = 2


@target_factory.reg_driver
@attr.s(eq=False)
class ShmemBenchStrategy(Strategy):  # type: ignore[misc]
    """Brings a hypervisor host up and down."""

    bindings = {"host": ShmemHostProtocol}  # noqa: RUF012 - labgrid's own form

    status: Status = attr.ib(default=Status.unknown, init=False)

    @unrepeatable
    @stepped(["status"])
    def transition(self, status: str | Status) -> None:
        """Go to ``status``; raises StrategyError from the cause, and again at every call until ``force``."""
        wanted = _status(status)
        if wanted is self.status:
            return
        self.target.activate(self.host)
        if wanted is Status.off:
            self.host.stop()
        else:
            self.host.start()
        self.status = wanted

    @stepped(["status"])
    def force(self, status: str | Status) -> None:
        """Take the bench for being in ``status``, after making it so when that is ``off``; forgets earlier errors."""
        wanted = _status(status)
        self.target.activate(self.host)
        if wanted is Status.off:
            self.host.stop()
        self.status = wanted
        self.broken = None


def _status(status: str | Status) -> Status:
    wanted = status if isinstance(status, Status) else Status[status]
    if wanted is Status.unknown:
        raise StrategyError("a bench cannot be brought into the status 'unknown'")
    return wanted
