# SPDX-License-Identifier: Apache-2.0
"""Faults of access outside the list: what is asked of it, the substitution before it, and what a refusal does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from harness.emulator.device import creation
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.names import legal_name
from harness.emulator.device.regions import Region, RequestFailed
from harness.emulator.device.requests import Requests
from harness.emulator.device.rules import Rules, as_bytes
from harness.emulator.faults.registration import fault, refuse
from harness.shmem import registers as reg
from harness.shmem.status import Status

fault(
    name="deny-only-at-creation",
    group="access",
    text="a refused name can be attached once somebody has created it",
    replace={
        (Requests, "check_rules"): lambda original: (
            lambda self, guest_name, name: (
                None if self.registry.find(self.rules.host_name(guest_name)) else original(self, guest_name, name)
            )
        ),
    },
)


fault(
    name="allow-only-at-attach",
    group="access",
    text="a permitted name can be attached but not created",
    replace={
        (Requests, "create"): lambda original: (
            lambda self, name, pages: refuse(Status.NO_PERMISSION) if self.rules.list else original(self, name, pages)
        ),
    },
)


def _create_in_spite_of_refusal(original: Callable[..., None]) -> Callable[..., None]:
    def check_rules(self: Requests, guest_name: str, name: str) -> None:
        try:
            original(self, guest_name, name)
        except RequestFailed:
            if self.registry.find(guest_name) is None and self.factory.size:
                self.registry.create(guest_name, self.factory.size, creator=self.system, lifetime="last-client")
            raise

    return check_rules


fault(
    name="refusal-creates",
    group="access",
    text="a refused request leaves a region on the host",
    replace={
        (Requests, "check_rules"): _create_in_spite_of_refusal,
    },
)


fault(
    name="denied-as-unknown",
    group="access",
    text="a refusal by a rule is reported as an unclassified failure",
    replace={
        (Rules, "denied"): lambda _: property(lambda self: Status.UNKNOWN_FAILURE),
    },
)


fault(
    name="denied-as-success",
    group="access",
    text="a refused request reports success",
    replace={
        (SharedMemoryDevice, "failed"): lambda original: (
            lambda self, status, size: original(self, Status.OK if status == Status.NO_PERMISSION else status, size)
        ),
    },
)


fault(
    name="subst-ignored",
    group="access",
    text="the host sees the guest's name",
    replace={
        (Rules, "translated"): lambda _: lambda self, name, substitutions: name,
    },
)


fault(
    name="subst-before-rules",
    group="access",
    text="rules are matched against the host's name",
    replace={
        (Requests, "check_rules"): lambda original: (
            lambda self, guest_name, name: original(self, guest_name, self.rules.host_name(guest_name))
        ),
    },
)


fault(
    name="subst-every-occurrence",
    group="access",
    text="every occurrence of the first field is replaced",
    replace={
        (Rules, "substituted"): lambda original: (
            lambda self, name, entry: (
                name.replace(entry.original, entry.prefix) if entry.original else original(self, name, entry)
            )
        ),
    },
)


fault(
    name="subst-unmatched-prefixed",
    group="access",
    text="names without the first field get the prefix, too",
    replace={
        (Rules, "unmatched"): lambda _: lambda self, name, prefix: prefix + name,
    },
)


fault(
    name="subst-as-suffix",
    group="access",
    text="the prefix is put behind the name",
    replace={
        (Rules, "substituted"): lambda original: (
            lambda self, name, entry: original(self, name, entry) if entry.original else name + entry.prefix
        ),
    },
)


fault(
    name="subst-keeps-original",
    group="access",
    text="the first field stays in the name behind the prefix",
    replace={
        (Rules, "substituted"): lambda original: (
            lambda self, name, entry: entry.prefix + name if entry.original in name else original(self, name, entry)
        ),
    },
)


fault(
    name="subst-collision",
    group="access",
    text="the last character of a prefix is lost, so that VMs with numbered prefixes meet",
    replace={
        (Rules, "substituted"): lambda _: lambda self, name, entry: name.replace(entry.original, entry.prefix[:-1], 1),
    },
)


fault(
    name="subst-not-at-creation",
    group="access",
    text="names of create options are not translated",
    replace={
        (Rules, "created_name"): lambda _: lambda self, name, before: name,
    },
)


def _demand_room_for_prefix_and_name(original: Callable[..., str]) -> Callable[..., str]:
    def substituted(self: Rules, name: str, entry: Any) -> str:
        replaced, prefix = as_bytes(entry.original), as_bytes(entry.prefix)
        if replaced and self.occurs(replaced, name) and len(prefix) + len(name) > reg.MAX_NAME_LENGTH:
            refuse(Status.ILLEGAL_NAME)
        return original(self, name, entry)

    return substituted


fault(
    name="subst-room-for-both",
    group="access",
    text="a name is too long when it and the prefix do not fit together, although the first field goes away",
    replace={
        (Rules, "substituted"): _demand_room_for_prefix_and_name,
    },
)


def _leave_host_name_in_register(original: Callable[..., None]) -> Callable[..., None]:
    def failed(self: SharedMemoryDevice, status: Status, size_before: int) -> None:
        original(self, status, size_before)
        if status in (Status.UNKNOWN_FAILURE, Status.NOMEM, Status.CLIENT_MAX):
            with suppress(RequestFailed):
                guest_name = legal_name(bytes(self.factory.name), self.profile)
                self.factory.set_name(self.requests.rules.host_name(guest_name))

    return failed


fault(
    name="subst-left-by-failure",
    group="access",
    text="a request that fails after the substitution leaves the host's name in the register, "
    "so the next one has it twice",
    replace={
        (SharedMemoryDevice, "failed"): _leave_host_name_in_register,
    },
)


_REFUSALS = 3


def _permit_third_request(original: Callable[..., None]) -> Callable[..., None]:
    def check_rules(self: Requests, guest_name: str, name: str) -> None:
        refused: dict[str, int] = vars(self).setdefault("refused", {})
        try:
            original(self, guest_name, name)
        except RequestFailed:
            refused[name] = refused.get(name, 0) + 1
            if refused[name] < _REFUSALS:
                raise

    return check_rules


fault(
    name="refusal-wears-off",
    group="access",
    text="the third request for a refused name is permitted",
    replace={
        (Requests, "check_rules"): _permit_third_request,
    },
)


def _mark_made_by_option(original: Callable[..., Region]) -> Callable[..., Region]:
    def create(*arguments: Any) -> Region:
        region = original(*arguments)
        vars(region)["configured"] = True
        return region

    return create


def _skip_rules_for_made_by_option(original: Callable[..., None]) -> Callable[..., None]:
    def check_rules(self: Requests, guest_name: str, name: str) -> None:
        region = None
        with suppress(RequestFailed):
            region = self.registry.find(self.rules.host_name(guest_name))
        if region is None or region.creator == self.system or not vars(region).get("configured"):
            original(self, guest_name, name)

    return check_rules


fault(
    name="created-open-to-all",
    group="access",
    text="a region that another VM created with create is reached in spite of the rules",
    replace={
        (creation, "_create"): _mark_made_by_option,
        (Requests, "check_rules"): _skip_rules_for_made_by_option,
    },
)
