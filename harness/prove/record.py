# SPDX-License-Identifier: Apache-2.0
"""What a proof has found so far, so that nothing of a long one is lost when it does not come to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from harness.prove.model import Control, Difference, Proof, ProofReport

Table = dict[str, str]
"""Verdict by test."""


@dataclass
class Record:
    """Takes what sessions found when they end; says a line about each, and hands on the whole.

    ``begun`` is the report without any session, ``say`` gets the lines, ``keep`` the report up to here.
    """

    begun: ProofReport
    say: Callable[[str], None]
    keep: Callable[[ProofReport], None]
    _began: float = field(default_factory=time.monotonic)
    _proofs: dict[str, Proof] = field(default_factory=dict)
    _controls: dict[str, Control] = field(default_factory=dict)
    _tables: dict[str, Table] = field(default_factory=dict)

    def proof(self, proof: Proof) -> None:
        """A session with a fault has ended."""
        self._proofs[proof.fault] = proof
        self._ended(proof.line)

    def control(self, control: Control, verdicts: Table) -> None:
        """A session without a fault has ended."""
        self._controls[control.what] = control
        # What did not run in a session that broke depends on the error, not on the order.
        if not control.error:
            self._tables[control.what] = verdicts
        self._ended(control.line)

    def needless(self, name: str) -> None:
        """A planned session has nothing to find out."""
        self.begun = replace(self.begun, planned=[planned for planned in self.begun.planned if planned != name])

    def report(self) -> ProofReport:
        """All that is known, in the order in which it was planned."""
        names = self.begun.planned
        return replace(
            self.begun,
            duration_s=round(self._passed(), 1),
            proofs=[self._proofs[name] for name in names if name in self._proofs],
            controls=[self._controls[name] for name in names if name in self._controls],
            differences=_differences({name: self._tables[name] for name in names if name in self._tables}),
        )

    def _ended(self, line: str) -> None:
        report = self.report()
        total, done = len(report.planned), report.ended
        left = self._passed() / done * (total - done)
        self.say(f"[{done:{len(str(total))}}/{total}] {line}{_left(left) if left >= 1 else ''}")
        self.keep(report)

    def _passed(self) -> float:
        return time.monotonic() - self._began


def _left(seconds: float) -> str:
    return f"  (about {seconds / 60:.0f} min left)" if seconds >= 90 else f"  (about {seconds:.0f} s left)"


def _differences(tables: Mapping[str, Table]) -> list[Difference]:
    tests = sorted({test for table in tables.values() for test in table})
    rows = [Difference(test, {what: table.get(test, "not run") for what, table in tables.items()}) for test in tests]
    return [row for row in rows if len(set(row.verdicts.values())) > 1]
