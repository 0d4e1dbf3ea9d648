# SPDX-License-Identifier: Apache-2.0
"""What access appears or disappears between two versions of a system, or between two releases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from harness.audit.analysis import Analysis
from harness.audit.findings import Finding, Severity
from harness.audit.names.describe import describe, spelled
from harness.audit.names.dfa import NOTHING, Dfa, less
from harness.audit.names.reach import STATES


def compare(old: Analysis, new: Analysis) -> Iterator[Finding]:
    """One finding for each VM, and for each pair of VMs, that reaches more or less. Raises Entangled.

    Names are compared that are legal on both sides; VMs are the same when their names are.
    """
    before = {vm.name for vm in old.system.vms}
    after = {vm.name for vm in new.system.vms}
    for vm in sorted(before - after):
        yield Finding("note", "access-disappears", f"the VM '{vm}' is gone", vms=(vm,))
    for vm in sorted(after - before):
        yield Finding("note", "access-appears", f"the VM '{vm}' is new", vms=(vm,))
    for vm in sorted(before | after):
        if (vm in old.starting) is not (vm in new.starting) and vm in before & after:
            yield Finding("note", *_starting(vm, new), vms=(vm,))
        yield from _differences(old, new, (vm,))
    for pair in combinations(sorted(before | after), 2):
        yield from _differences(old, new, pair)


def _starting(vm: str, new: Analysis) -> tuple[str, str]:
    """Code and text for a VM that qvm accepts on one side alone."""
    if vm in new.starting:
        return "access-appears", f"'{vm}' did not start before, as qvm refused its configuration"
    return "access-disappears", f"'{vm}' does not start any more, as qvm refuses its configuration"


def _differences(old: Analysis, new: Analysis, vms: Sequence[str]) -> Iterator[Finding]:
    was = old.common_names(vms) if old.starting.issuperset(vms) else NOTHING
    now = new.common_names(vms) if new.starting.issuperset(vms) else NOTHING
    who = " and ".join(f"'{vm}'" for vm in vms)
    does = "can meet in" if len(vms) > 1 else "reaches"
    no_longer = "can no longer meet in" if len(vms) > 1 else "no longer reaches"
    yield from _one_way(new, less(now, was, STATES), vms, "error", "access-appears", f"{who} {does}")
    yield from _one_way(old, less(was, now, STATES), vms, "warning", "access-disappears", f"{who} {no_longer}")


def _one_way(
    side: Analysis, names: Dfa, vms: Sequence[str], severity: Severity, code: str, what: str
) -> Iterator[Finding]:
    witness = side.shortest(names)
    if witness is None:
        return
    accesses = [access for access in side.accesses(witness) if access.device.vm.name in vms]
    text = f"{what} {describe(names, (witness,), empty_counts=side.legality.empty)}, such as {spelled(witness)}"
    details = tuple(f"{access.device.label}: {access.because}" for access in accesses)
    yield Finding(severity, code, text, accesses[0].position, tuple(vms), spelled(witness), details)
