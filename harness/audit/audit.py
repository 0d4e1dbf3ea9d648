# SPDX-License-Identifier: Apache-2.0
"""The whole audit of a system under one profile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.audit.analysis import Access, Analysis
from harness.audit.checks import check_files, check_meetings, check_system
from harness.audit.findings import Finding
from harness.audit.names.describe import spelled
from harness.audit.names.dfa import Entangled
from harness.audit.policy import channel_names, check_policy, lists
from harness.audit.policy_file import Policy
from harness.audit.readings import proved, variations
from harness.audit.system import System
from harness.shmem.profile import FIELDS, Profile
from harness.shmem.registers import PAGE_SIZE


@dataclass(frozen=True)
class Audit:
    """What an audit found. Without ``analysis`` the system is too large or too entangled to be looked at."""

    system: System
    release: str
    profile: Profile
    policy: Policy | None
    analysis: Analysis | None
    findings: tuple[Finding, ...]

    @property
    def closed(self) -> bool:
        """Whether the system is as it should be: proved, and nothing found that is more than a note."""
        return self.analysis is not None and not any(finding.severity != "note" for finding in self.findings)


def audit(system: System, release: str, profile: Profile, policy: Policy | None = None) -> Audit:
    """Look at a system. Raises ConfigError for a policy about other VMs."""
    findings = list(check_files(system, profile))
    analysis: Analysis | None = None
    try:
        found = analyse(system, profile, policy)
        findings += _of(found, policy)
        if not found.undecided:
            findings += _under_other_readings(system, profile, policy, found, findings)
        analysis = found
    except Entangled:
        text = "the rules of all VMs together overlap in too many ways to look at all names; nothing is proved"
        findings.append(Finding("error", "undecided", text))
    return Audit(system, release, profile, policy, analysis, tuple(sorted(findings, key=_order)))


def strictly(found: Audit) -> Audit:
    """The same audit, in which what is not understood is an error."""
    findings = [
        replace(finding, severity="error") if finding.code == "not-understood" else finding
        for finding in found.findings
    ]
    return replace(found, findings=tuple(sorted(findings, key=_order)))


def analyse(system: System, profile: Profile, policy: Policy | None = None) -> Analysis:
    """The system with the channels of the policy as further sets. Raises Entangled."""
    channels = () if policy is None else [channel_names(channel, profile) for channel in policy.channels]
    return Analysis(system, profile, channels)


def _of(analysis: Analysis, policy: Policy | None) -> Iterator[Finding]:
    if policy is None:
        yield from check_system(analysis, lambda _vm, _name: False)
        yield from check_meetings(analysis)
    else:
        yield from check_system(analysis, lambda vm, name: lists(policy, analysis.profile, vm, name))
        yield from check_policy(analysis, policy)


def _order(finding: Finding) -> tuple[int, str, int, str]:
    severity = ("error", "warning", "note").index(finding.severity)
    return severity, finding.position.file, finding.position.line, finding.text


def _under_other_readings(
    system: System, profile: Profile, policy: Policy | None, analysis: Analysis, known: list[Finding]
) -> Iterator[Finding]:
    """What would be found if one open point were read otherwise, and what no combination of readings can open."""
    # A point is settled by itself, so what was told of one is told of the next one, too.
    found_now = {(finding.code, finding.vms) for finding in known if finding.severity != "note"}
    told: set[tuple[str, str, tuple[str, ...]]] = set()
    vdevs = [vdev for vm in system.vms for vdev in vm.devices]
    for field, reading, other in variations(vdevs, profile):
        question = FIELDS[field].question.number
        varied = analyse(system, other, policy)
        if varied.sets == analysis.sets:
            continue
        for finding in _of(varied, policy):
            about = (field, finding.code, finding.vms)
            if finding.severity == "note" or about[1:] in found_now or about in told:
                continue
            told.add(about)
            text = f"if {field} is {reading} (SHM-OPEN-{question:02}): {finding.text} [{finding.code}]"
            yield Finding("note", "depends-on-reading", text, finding.position, finding.vms, finding.witness)
    yield from proved(system, profile, analysis)


def as_json(found: Audit) -> dict[str, Any]:
    """The audit in plain values."""
    analysis = found.analysis
    return {
        "schema": "shmem-harness/audit/1",
        "release": found.release,
        "closed": found.closed,
        "vms": [{"name": vm.name, "source": vm.source, "devices": len(vm.devices)} for vm in found.system.vms],
        "regions": []
        if analysis is None
        else [
            {
                "name": spelled(region.host_name),
                "created_by": [
                    {"vm": device.vm.name, "bytes": creation.pages * PAGE_SIZE, "at": str(creation.option.position)}
                    for device, creation in region.creators
                ],
                "accesses": [_access(access) for access in region.accesses],
            }
            for region in analysis.regions
        ],
        "meetings": []
        if analysis is None
        else [
            {
                "vms": list(meeting.vms),
                "names": str(meeting.names),
                "exact": meeting.names.exact,
                "witness": spelled(meeting.witness),
                "accesses": [_access(access) for access in meeting.accesses],
            }
            for meeting in analysis.meetings
        ],
        "findings": [
            {
                "severity": finding.severity,
                "code": finding.code,
                "text": finding.text,
                "file": finding.position.file,
                "line": finding.position.line,
                "column": finding.position.column,
                "vms": list(finding.vms),
                "witness": finding.witness,
                "details": list(finding.details),
            }
            for finding in found.findings
        ],
    }


def _access(access: Access) -> dict[str, Any]:
    return {
        "vm": access.device.vm.name,
        "device": access.device.number,
        "guest_name": spelled(access.guest_name),
        "because": access.because,
        "rule": None if access.rule is None else str(access.rule.position),
    }
