# SPDX-License-Identifier: Apache-2.0
"""Why a ``vdev shmem`` permits or refuses a name, for people and for tools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.shmem.config import ShmemVdev
from harness.shmem.config.words import show
from harness.shmem.oracle import Decision, decide, matching_rules
from harness.shmem.profile import Profile


@dataclass(frozen=True)
class Explanation:
    """A decision with everything that led to it. ``matched`` has one entry per rule, in list order."""

    index: int
    vdev: ShmemVdev
    guest_name: str
    decision: Decision
    matched: tuple[bool, ...]

    @property
    def deciding_index(self) -> int | None:
        """Index of the rule that decides, or None."""
        rule = self.decision.rule
        return next((index for index, other in enumerate(self.vdev.rules) if other is rule), None)

    @property
    def because(self) -> str:
        """The reason in one phrase."""
        decision = self.decision
        if decision.reason:
            return decision.reason
        if decision.rule is not None:
            return f"rule {(self.deciding_index or 0) + 1}, '{decision.rule.kind} {decision.rule.pattern}'"
        if decision.implicit is not None:
            return f"no rule matches, and the list ends with an implied '{decision.implicit}'"
        return "the vdev restricts nothing"


def explain(vdev: ShmemVdev, index: int, guest_name: str, profile: Profile) -> Explanation:
    """Explain what the VM's ``index``-th shmem vdev does with a name. Raises ConfigError as the oracle does."""
    decision = decide(vdev, guest_name, profile)
    return Explanation(index, vdev, guest_name, decision, tuple(matching_rules(vdev, guest_name, profile)))


def as_text(explanation: Explanation) -> Iterator[str]:
    """Lines for a person."""
    vdev, decision = explanation.vdev, explanation.decision
    name = f" '{vdev.name}'" if vdev.name is not None else ""
    yield f"vdev shmem {explanation.index}{name} ({vdev.position}), guest asks for {show(explanation.guest_name)}"
    rows = [
        (f"{number}", f"{rule.kind} {rule.pattern}", "matches" if matched else "-", str(rule.position))
        for number, (rule, matched) in enumerate(zip(vdev.rules, explanation.matched, strict=True), 1)
    ]
    if decision.implicit is not None:
        rows.append(("", f"{decision.implicit} (implied)", "matches", ""))
    deciding = len(vdev.rules) if decision.implicit else explanation.deciding_index
    width = max((len(row[1]) for row in rows), default=0)
    for number, row in enumerate(rows):
        mark = "<- decides" if number == deciding else ""
        yield f"  {row[0]:>3}  {row[1]:<{width}}  {row[2]:<7}  {mark:<10}  {row[3]}".rstrip()
    verdict = "permitted" if decision.allowed else f"refused with {decision.status.name} ({int(decision.status)})"
    yield f"  {verdict}: {explanation.because}"
    yield f"  host-side name: {show(decision.host_name)}"


def as_json(explanation: Explanation) -> dict[str, object]:
    """The same for a tool: plain values only."""
    vdev, decision = explanation.vdev, explanation.decision
    deciding = explanation.deciding_index
    return {
        "vdev": explanation.index,
        "vdev_name": vdev.name,
        "position": str(vdev.position),
        "guest_name": explanation.guest_name,
        "host_name": decision.host_name,
        "allowed": decision.allowed,
        "status": decision.status.name,
        "because": explanation.because,
        "deciding_rule": deciding,
        "implicit": decision.implicit,
        "rules": [
            {
                "kind": rule.kind,
                "pattern": rule.pattern,
                "position": str(rule.position),
                "matches": matched,
                "decides": index == deciding,
            }
            for index, (rule, matched) in enumerate(zip(vdev.rules, explanation.matched, strict=True))
        ],
    }
