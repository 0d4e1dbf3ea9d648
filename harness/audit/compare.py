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
from harness.audit.readings import variations
from harness.shmem.profile import FIELDS


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
    unknown = {vm for side in (old, new) for vm in side.undecided.keys() & side.starting}
    for vm in sorted(unknown):
        yield _undecided(vm, old, new)
    for vm in sorted((before | after) - unknown):
        if (vm in old.starting) is not (vm in new.starting) and vm in before & after:
            yield Finding("note", *_starting(vm, new), vms=(vm,))
        yield from _differences(old, new, (vm,))
    for pair in combinations(sorted((before | after) - unknown), 2):
        yield from _differences(old, new, pair)


def _undecided(vm: str, old: Analysis, new: Analysis) -> Finding:
    """A VM of which one side at least is not known."""
    when, problems = next(
        (when, side.undecided[vm]) for when, side in (("before", old), ("after", new)) if vm in side.undecided
    )
    text = f"nothing can be compared of '{vm}', as nothing is proved about it {when} the change: "
    return Finding("error", "undecided", text + problems[0].description, problems[0].position, (vm,))


def under_other_readings(old: Analysis, new: Analysis) -> Iterator[Finding]:
    """What appears or disappears if the new release reads mixed lists otherwise, which its documents leave open.

    Raises Entangled.
    """
    known = {(finding.code, finding.vms) for finding in compare(old, new)}
    vdevs = [vdev for vm in new.system.vms for vdev in vm.devices]
    for field, reading, profile in variations(vdevs, new.profile):
        if not field.startswith("mixed"):
            continue
        for finding in compare(old, Analysis(new.system, profile)):
            about = (finding.code, finding.vms)
            if about not in known and finding.witness is not None:
                known.add(about)
                number = FIELDS[field].question.number
                text = f"if {field} is {reading} in the new release (SHM-OPEN-{number:02}): {finding.text}"
                yield Finding("note", "depends-on-reading", text, finding.position, finding.vms, finding.witness)


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
