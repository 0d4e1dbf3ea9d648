# SPDX-License-Identifier: Apache-2.0
"""An audit for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.audit.analysis import Access, Analysis
from harness.audit.audit import Audit
from harness.audit.findings import Finding
from harness.audit.names.describe import spelled
from harness.shmem.registers import PAGE_SIZE


def as_text(found: Audit) -> Iterator[str]:
    """Lines for a person."""
    count = len(found.system.vms)
    devices = sum(len(vm.devices) for vm in found.system.vms)
    yield f"{count} VM{_s(count)} with {devices} vdev shmem, rules read as in {found.release}"
    if found.analysis is not None:
        yield from _regions(found.analysis)
        yield from _meetings(found.analysis)
    yield from findings(found.findings)
    yield ""
    yield verdict(found)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _regions(analysis: Analysis) -> Iterator[str]:
    yield ""
    yield "Regions that the configurations name (host-side name, size, who can attach and why)"
    if not analysis.regions:
        yield "  none"
    for region in analysis.regions:
        made = ", ".join(
            f"{creation.pages * PAGE_SIZE:#x} bytes by {device.label}" for device, creation in region.creators
        )
        yield f"  {spelled(region.host_name)}  {made or 'not created by a configuration'}"
        yield from _accesses(region.accesses)


def _accesses(accesses: Sequence[Access]) -> Iterator[str]:
    width = max((len(access.device.label) for access in accesses), default=0)
    for access in accesses:
        yield f"    {access.device.label:<{width}}  as {spelled(access.guest_name)}: {access.because}"


def _meetings(analysis: Analysis) -> Iterator[str]:
    yield ""
    yield "Who can meet"
    if not analysis.meetings:
        yield "  nobody: no two VMs can attach to the same region, whatever names their guests ask for"
    for meeting in analysis.meetings:
        yield f"  {' and '.join(meeting.vms)}: {meeting.names}"
        yield f"    shortest name: {spelled(meeting.witness)}"
        yield from _accesses(meeting.accesses)
    larger = [(vms, name) for vms, name in analysis.groups.items() if len(vms) > 2]
    for vms, name in sorted(larger, key=lambda item: (len(item[0]), sorted(item[0]))):
        yield f"  {', '.join(sorted(vms))} all together: such as {spelled(name)}"


def findings(found: Sequence[Finding]) -> Iterator[str]:
    """The findings, one below the other."""
    if found:
        yield ""
        yield "Findings"
    for finding in found:
        yield f"  {finding}"
        for detail in finding.details:
            yield f"      {detail}"


def verdict(found: Audit) -> str:
    """The last line."""
    counts = {
        severity: sum(finding.severity == severity for finding in found.findings)
        for severity in ("error", "warning", "note")
    }
    told = ", ".join(f"{count} {severity}{_s(count)}" for severity, count in counts.items() if count)
    if found.analysis is None or any(finding.code == "undecided" for finding in found.findings):
        return f"NOT PROVED: {told}"
    if not found.closed:
        return f"NOT CLOSED: {told}" if found.policy is None else f"NOT AS THE POLICY SAYS: {told}"
    closed = "closed" if found.policy is None else "closed, and as the policy says"
    return f"{closed}{': ' + told if told else ''}"
