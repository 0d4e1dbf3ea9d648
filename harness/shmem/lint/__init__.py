# SPDX-License-Identifier: Apache-2.0
"""Remarks on configurations: what qvm would refuse, and what it would accept and a person hardly means."""

from __future__ import annotations

from harness.shmem.config import ShmemVdev, VmConfig, doubts, shmems_of, validate
from harness.shmem.config.validate import list_problems
from harness.shmem.lint.findings import Severity, Warning_, of_error, of_remark, strictly
from harness.shmem.lint.general import check_general
from harness.shmem.lint.names import check_names, check_together
from harness.shmem.lint.rules import check_rules
from harness.shmem.oracle.automaton import Budget, BudgetSpent
from harness.shmem.oracle.coverage import RuleMatcher, new_budget
from harness.shmem.profile import PROFILES, Profile

__all__ = ["Severity", "Warning_", "lint", "of_error", "strictly"]


def lint(config: VmConfig, profile: Profile = PROFILES["7.0"]) -> list[Warning_]:
    """Errors, warnings and notes on ``config`` under ``profile``, in the order of the text; looks at no file."""
    findings = [of_error(problem) for problem in validate(config, profile)]
    findings += [of_remark(remark) for remark in (*config.remarks, *doubts(config, profile))]
    findings += check_general(config)
    # Lists that the profile refuses have no meaning to look at; the refusal itself is among the errors.
    accepted = [vdev for vdev in shmems_of(config) if not any(list_problems(vdev, profile))]
    budget = new_budget()
    for vdev in accepted:
        matcher = _matcher(vdev, profile, budget)
        findings += check_rules(vdev, profile, matcher)
        findings += check_names(vdev, profile, matcher)
    findings += check_together(accepted, profile)
    return sorted(findings, key=lambda found: (found.position.file, found.position.line, found.position.column))


def _matcher(vdev: ShmemVdev, profile: Profile, budget: Budget) -> RuleMatcher | None:
    try:
        return RuleMatcher(vdev.rules, profile, budget)
    except BudgetSpent:
        return None
