# SPDX-License-Identifier: Apache-2.0
"""Which requirement a verdict of the matrix gives evidence for.

Where all readings of the open questions agree on a verdict, it rests on the documents, and the statement follows from
what decided. Where they differ, the verdict is what the bench's profile promises, and the statement says just that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Final

from harness.shmem.config import ShmemVdev
from harness.shmem.oracle import Decision, decide
from harness.shmem.profile import FIELDS, PROFILES, Profile
from harness.shmem.status import Status
from suites.matrix.covering import Operation

_BASE: Final = PROFILES["7.0"]
# Texts and examples of the 7.0 manual exclude these; a rejected configuration gives no verdict.
_EXCLUDED: Final = {
    "mixed_rules": {"last-match", "allow-only", "rejected"},
    "subst_anchor": {"whole"},
    "subst_unmatched": {"prefixed", "refused"},
    "subst_several": {"rejected"},
}
_PROMISES: Final = {"mixed": "SHM-PROF-01", "pattern": "SHM-PROF-02", "subst": "SHM-PROF-03", "name": "SHM-PROF-04"}
_SUBST_FIELDS: Final = ("rules_see", "overlong_host_name")
_METACHARACTERS: Final = frozenset("*?[")


def statement(vdev: ShmemVdev, name: str, operation: Operation) -> str:
    """The requirement that a request of this name gives evidence for."""
    return _promise(vdev, name) or _documented(vdev, name, operation, decide(vdev, name, _BASE))


@cache
def _promise(vdev: ShmemVdev, name: str) -> str | None:
    """The statement about profiles that a verdict belongs to, if it is open."""
    decision = decide(vdev, name, _BASE)
    for topic, requirement in _PROMISES.items():
        if _is_open(vdev, name, decision, _fields(vdev, topic)):
            return requirement
    return None


def _fields(vdev: ShmemVdev, topic: str) -> Iterable[str]:
    """The open questions of a topic that can matter to this vdev."""
    if topic == "mixed" and len({rule.kind for rule in vdev.rules}) < 2:
        return []
    if topic == "subst":
        return [*(field for field in FIELDS if field.startswith("subst_")), *_SUBST_FIELDS] if vdev.substs else []
    return [field for field in FIELDS if field.startswith(f"{topic}_") and field != "name_readback"]


def _is_open(vdev: ShmemVdev, name: str, decision: Decision, fields: Iterable[str]) -> bool:
    """Whether some reading of some field leads to another verdict or to another region."""
    known = (decision.allowed, decision.host_name)
    for field in fields:
        for reading in set(FIELDS[field].readings) - _EXCLUDED.get(field, set()):
            other = decide(vdev, name, _with(field, reading))
            if (other.allowed, other.host_name) != known:
                return True
    return False


@cache
def _with(field: str, reading: str) -> Profile:
    return replace(_BASE, **{field: reading})  # type: ignore[arg-type]


def _documented(vdev: ShmemVdev, name: str, operation: Operation, decision: Decision) -> str:
    """The statement of the manual that applies."""
    if decision.status == Status.ILLEGAL_NAME:
        return "SHM-STAT-03"
    if decision.allowed and vdev.substs and decision.host_name != name:
        return "SHM-SUBST-02" if vdev.substs[0].original else "SHM-SUBST-01"
    creating = operation == "create"
    if not vdev.rules:
        return "SHM-ALLOW-01"
    if decision.rule is None:
        if decision.allowed:
            return "SHM-DENY-02"
        bare = [rule.pattern for rule in vdev.rules if not _METACHARACTERS & set(rule.pattern)]
        return "SHM-ALLOW-06" if any(name.startswith(pattern) for pattern in bare) else "SHM-ALLOW-04"
    if decision.rule.kind == "deny":
        return "SHM-DENY-01" if creating else "SHM-DENY-04"
    if _METACHARACTERS & set(decision.rule.pattern):
        return "SHM-ALLOW-05"
    return "SHM-ALLOW-02" if creating else "SHM-ALLOW-03"
