# SPDX-License-Identifier: Apache-2.0
"""What the audit expects a device to answer to a name, and the set of names that it grants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from harness.audit.analysis import Device
from harness.audit.names.dfa import EVERYTHING, Dfa, either, restricted, single
from harness.audit.names.reach import STATES
from harness.shmem.config import Rule
from harness.shmem.status import Status


@dataclass(frozen=True)
class Answer:
    """The status of a request, and the region's name on the host when it is granted."""

    status: Status
    host_name: bytes | None

    @property
    def granted(self) -> bool:
        """Whether the guest gets a region."""
        return self.host_name is not None


class Expected:
    """What the audit expects of one device."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._reach = device.reach
        self._denied = Status[device.reach.profile.denied_status]
        self.answer = cache(self._answer)

    def _answer(self, name: bytes) -> Answer:
        """To the request of a name, which has no NUL and is no longer than a name may be."""
        mapping = self._reach.mapping
        if not mapping.legal.legal(name):
            return Answer(Status.ILLEGAL_NAME, None)
        host_name = self._reach.host_name(name)
        if host_name is not None:
            return Answer(Status.OK, host_name)
        translated = mapping.names.translate(name)
        refused_first = mapping.rules_first and not self._reach.rules.permits(name)
        if refused_first or translated is None or mapping.host_name(name) is not None:
            return Answer(self._denied, None)
        return Answer(Status.ILLEGAL_NAME, None)

    def deciding(self, name: bytes) -> Rule | None:
        """The rule that decides about a name."""
        return self._reach.deciding(name)

    @property
    def listed(self) -> Dfa:
        """The names that the list grants, as the list sees them, of any length. Raises Entangled."""
        legal = self._reach.mapping.legal
        permitted = self._reach.rules.permitted(STATES)
        if self._reach.mapping.rules_first and self._reach.mapping.implied:
            permitted = either([permitted, *map(single, self._reach.mapping.implied)], STATES)
        return restricted(permitted, legal.letters, dot=legal.leading_dot, empty=legal.empty)

    def spelled_by_guest(self, listed: bytes) -> bytes | None:
        """The name that a guest writes so that the list sees ``listed``; None when there is none. Raises Entangled."""
        if self._reach.mapping.rules_first:
            return listed
        return self._reach.mapping.source(self._reach.mapping.guest_names(EVERYTHING), listed)
