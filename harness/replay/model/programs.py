# SPDX-License-Identifier: Apache-2.0
"""The reference model: what programs of the host are shown."""

from __future__ import annotations

from typing import Final

from harness.replay.model.parties import NO_DEVICE, Client, Region
from harness.replay.model.state import Outcome, Refused, State
from harness.replay.script import HOST, Step, as_text, program_of
from harness.shmem.config import ShmemVdev
from harness.shmem.oracle import DEFAULT_MODE, decide
from harness.shmem.status import Status

_FREE: Final = ShmemVdev()
"""A device that restricts nothing."""


class OfPrograms(State):
    """Carries out steps of the host's programs on paper."""

    def _client(self, step: Step) -> Client:
        return self.clients[step.actor][step.connection]

    def _host_attach(self, step: Step) -> Outcome:
        name, pages = as_text(step.name), step.number("PAGES")
        try:
            self._legal(name)
            if pages == 0 and self.profile.size_zero == "one-page":
                pages = 1
            region = self._region(name, pages)
            if region is None:
                region = self._made(name, pages, HOST, self._host_mode())
            elif (pages == 0 and self.profile.size_zero == "refused") or (
                pages not in (0, region.pages) and self.profile.size_mismatch == "refused"
            ):
                raise Refused(Status.UNKNOWN_FAILURE)
        except Refused as refused:
            return {"status": refused.status}
        return self._host_joined(region, step)

    def _legal(self, name: str) -> None:
        """Raise Refused for a name that no device without rules takes: a program may not have it either."""
        decision = decide(_FREE, name, self.profile)
        if not decision.allowed:
            raise Refused(decision.status)

    def _host_mode(self) -> int | None:
        return DEFAULT_MODE if self.profile.permission_options == "accepted" else None

    def _host_join(self, step: Step) -> Outcome:
        region = self._region(as_text(step.name))
        return {"there": 0} if region is None else self._host_joined(region, step)

    def _host_joined(self, region: Region, step: Step) -> Outcome:
        try:
            client = self._join(region, HOST, step.connection, NO_DEVICE)
        except Refused as refused:
            return {"status": refused.status}
        client.pulses = 0
        return {"status": Status.OK, "index": client.index, "pages": region.pages}

    def _host_detach(self, step: Step) -> Outcome:
        self._leave(step.actor, step.connection)
        return {"done": 0}

    def _host_end(self, step: Step) -> Outcome:
        """The end of a program leaves its regions as the end of a guest does."""
        for connection in [one for one in self.clients[HOST] if program_of(one) == step.program]:
            self._leave(HOST, connection)
        return {"done": 0}

    def _host_status(self, step: Step) -> Outcome:
        return {"control": self._client(step).hear()}

    def _host_pulses(self, step: Step) -> Outcome:
        return {"pulses": self._client(step).pulses}

    def _host_regions(self, step: Step) -> Outcome:
        """Members, size and permissions of each region by its name."""
        del step
        seen: Outcome = {}
        for region in self.regions:
            seen |= {f"pages of {region.name}": region.pages, f"members of {region.name}": region.members}
            if region.mode is not None:
                seen[f"mode of {region.name}"] = region.mode
                seen[f"group of {region.name}"] = region.group
        return dict(sorted(seen.items()))
