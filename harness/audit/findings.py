# SPDX-License-Identifier: Apache-2.0
"""What an audit finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.shmem.config import NOWHERE, Position

Severity = Literal["error", "warning", "note"]

RULES: Mapping[str, str] = {
    "cannot-read": "A configuration cannot be read.",
    "not-valid": "qvm would refuse the configuration.",
    "not-understood": "A part of the configuration is not understood and takes part in nothing.",
    "passed-over": "A file may be a VM of the system, and is not audited.",
    "undecided": "The audit could not look at every name, so nothing is proved about this VM.",
    "same-vm-name": "Several VMs have the same name.",
    "meeting-by-wildcard": "VMs can meet in regions that no rule names.",
    "reaches-created-region": "A VM reaches a region that another one creates, by no rule that names it.",
    "unlimited-regions": "A VM can create regions without a limit, and use up the memory of the host.",
    "squatting": "A VM can create a region before the VM that is configured to create it.",
    "posing": "A VM reaches regions that stand under another VM's prefix.",
    "two-sizes": "The same region is created with two sizes.",
    "create-not-possible": "A region cannot be created as configured.",
    "create-refused-by-rules": "A VM creates a region that its own list refuses to the guest.",
    "too-many-clients": "More devices can attach to a region than it has room for.",
    "missing-access": "The policy lists an access that the configurations do not give.",
    "surplus-access": "The configurations give an access that the policy does not list.",
    "forbidden-meeting": "VMs can meet in regions that the policy does not list.",
    "unlisted-regions": "A VM can use regions that the policy does not list.",
    "unused-channel": "Fewer than two members can reach a channel of the policy.",
    "wrong-size": "A region has another size than the policy says.",
    "size-not-set": "The policy gives a region a size, and no configuration does.",
    "depends-on-reading": "What the VMs can reach depends on an open point of the documents.",
    "access-appears": "An access is there that was not there before.",
    "access-disappears": "An access is gone that was there before.",
}
"""What each code means."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing. ``witness`` is a host-side name that shows it."""

    severity: Severity
    code: str
    text: str
    position: Position = NOWHERE
    vms: tuple[str, ...] = ()
    witness: str | None = None
    details: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        where = "" if self.position == NOWHERE else f"{self.position}: "
        return f"{where}{self.severity}: {self.text} [{self.code}]"
