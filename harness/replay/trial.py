# SPDX-License-Identifier: Apache-2.0
"""Steps carried out for real and on paper, and compared: many at once, by the checksum of what they show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.replay.differences import Difference, DifferenceError, topics_of, topics_shown
from harness.replay.encoding import meeting, operation
from harness.replay.model.parties import Client, Region
from harness.replay.model.reference import Reference
from harness.replay.model.state import Outcome
from harness.replay.script import HOST, Step, moments
from harness.replay.tally import Tally
from harness.replay.world import World, digest
from harness.report.judging.judgements import Finding

_MOST_STEPS: Final = 150
_MOST_CHARACTERS: Final = 6000
PATIENCE: Final = 20.0
LIVES: Final = frozenset({"start", "abort", "kill", "cut", "press", "shutdown", "reboot"})
_OF_HOST: Final = LIVES | {"report"}
"""Steps that are not carried out by the guest itself."""

Seen = tuple[int, int] | list[Outcome]
"""What an actor saw: the checksum and the number of a guest's values, or the outcomes of the host's steps."""


@dataclass(eq=False)
class Branch:
    """A state that is possible after all that was seen, and what the actors must show since the last comparison."""

    reference: Reference
    expected: dict[str, list[Outcome]] = field(default_factory=dict)

    def perform(self, step: Step) -> Outcome:
        """Carry a step out on paper."""
        outcome = self.reference.perform(step)
        self.expected.setdefault(step.actor, []).append(outcome)
        return outcome

    def explains(self, actor: str, seen: Seen) -> bool:
        """Whether an actor must see what it saw."""
        expected = self.expected.get(actor, [])
        return seen == (expected if isinstance(seen, list) else digest(expected))


class Trial:
    """One run of a script's system. Steps are gathered; ``settle`` carries out and compares those that are left.

    ``done`` are all steps that were given, as far as they were possible. At most ``most`` steps of an actor are carried
    out at a time. ``patience`` is how long an interrupt that is missing is waited for, in seconds. ``tell`` gets what
    was compared.
    """

    def __init__(
        self,
        world: World,
        tally: Tally | None = None,
        most: int = _MOST_STEPS,
        patience: float = PATIENCE,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.world = world
        self.tally = tally or Tally()
        self.done: list[Step] = []
        self._most = most
        self._patience = round(1000 * patience)
        self._tell = tell
        self._branches = [Branch(Reference(world.facts()))]
        self._steps: dict[str, list[Step]] = {}
        self._operations: dict[str, list[str]] = {}
        self._pulses: list[int] = []
        for name in world.guests:
            if name not in world.asleep:
                self.reference.perform(Step(name, "start"))

    @property
    def reference(self) -> Reference:
        """The state as far as it is known."""
        return self._branches[0].reference

    def run(self, steps: Iterable[Step]) -> Difference | None:
        """Carry all steps out; the difference that was met."""
        try:
            for moment in moments(steps):
                self.add(moment)
            self.settle()
        except DifferenceError as found:
            return found.difference
        return None

    def leave(self) -> Difference | None:
        """Let everybody leave all regions, and nobody listen. Interrupt pins are on, as at the start."""
        clients = [client for several in self.reference.clients.values() for client in several.values()]
        steps = [Step(client.actor, "detach", (client.connection,)) for client in clients]
        dues = [
            (actor, str(number), factory.due)
            for actor, several in self.reference.devices.items()
            for number, factory in enumerate(several)
        ]
        listening = [Step(actor, "listen", ("0", number)) for actor, number, due in dues if due.how]
        off = [Step(actor, "pin", ("1", number)) for actor, number, due in dues if due.off]
        return self.run([*steps, *listening, *off])

    def add(self, moment: Sequence[Step]) -> None:
        """The next step, or those of one moment. Raises DifferenceError when an earlier one shows a difference."""
        possible = [step for step in moment if self._is_possible(step)]
        if len({step.actor for step in possible}) > 1:
            self._together(possible)
            return
        for step in possible:
            self._one(step)

    def _is_possible(self, step: Step) -> bool:
        known = step.actor == HOST or step.actor in self.world.guests
        return known and self.world.can(step) and all(one.reference.is_possible(step) for one in self._branches)

    def _one(self, step: Step) -> None:
        if not self._fits(step):
            self.settle()
        self.done.append(step)
        if step.verb in _OF_HOST:
            self.settle()
            for branch in self._branches:
                branch.reference.perform(step)
            self.tally.count(step, {})
            self._change(step)
            return
        self._gather(step)
        for branch in self._branches:
            outcome = branch.perform(step)
        self.tally.count(step, outcome)
        if len(self._steps[step.actor]) >= self._most or self._is_long(step.actor):
            self.settle()

    def _change(self, step: Step) -> None:
        """Start or end a guest, or have its qvm report.

        Raises DifferenceError when it is not as it was, runs though it must not, or qvm ends with a wrong status.
        """
        try:
            self.world.change(step)
        except Finding as found:
            topic = "registers" if step.verb == "start" else "members"
            if step.actor in self.reference.facts.refused:
                topic = "creation"
            raise DifferenceError(Difference.of_finding(str(step), found, topic)) from None
        if self.world.tells_paths:
            self._look_at_paths(step)

    def _look_at_paths(self, step: Step) -> None:
        """Hold the host's names of virtual machines against those that run. Raises DifferenceError."""
        running = sorted(self.reference.devices)
        if (named := self.world.named(running)) != running:
            raise DifferenceError(Difference(str(step), f"  runs: {running}", f"  in /dev/qvm: {named}", "paths"))
        self.tally.compared(1, ["paths"])

    def _fits(self, step: Step) -> bool:
        """Whether it can be carried out with those that were gathered: nobody can tell the order of looks."""
        if step.verb in _OF_HOST:
            return not self._steps
        if set(self._steps) <= {step.actor}:
            return True
        return step.is_look and all(one.is_look for steps in self._steps.values() for one in steps)

    def _is_long(self, actor: str) -> bool:
        return sum(map(len, self._operations.get(actor, []))) > _MOST_CHARACTERS

    def _gather(self, step: Step) -> None:
        """Remember a step; the state on paper is the one before it."""
        self._steps.setdefault(step.actor, []).append(step)
        if step.actor == HOST:
            client = self.reference.clients[HOST].get(step.connection) if step.verb == "pulses" else None
            self._pulses.append(client.pulses if client else 0)
            return
        self._operations.setdefault(step.actor, []).append(self._operation(step))

    def _operation(self, step: Step) -> str:
        facts, guest = self.reference.facts, self.world.guests[step.actor]
        device = guest.numbers[step.number("DEVICE")] if step.has("DEVICE") else 0
        handle = facts.handle(step.actor, step.connection) if step.has("CONNECTION") else 0
        client = self.reference.clients[step.actor].get(step.connection) if step.has("CONNECTION") else None
        bounds = [one.reference.bounds(step) for one in self._branches] if step.verb == "interrupts" else [(0, 0)]
        least, most = min(low for low, _ in bounds), max(high for _, high in bounds)
        return operation(step, device, handle, client.region.pages if client else 0, (least, most, self._patience))

    # Comparing

    def settle(self) -> None:
        """Carry out what was gathered and compare. Raises DifferenceError."""
        steps, self._steps = self._steps, {}
        operations, self._operations = self._operations, {}
        pulses, self._pulses = self._pulses, []
        if steps:
            self._compare(steps, self._carry_out(steps, operations, pulses))

    def _carry_out(
        self, steps: Mapping[str, Sequence[Step]], operations: Mapping[str, Sequence[str]], pulses: Sequence[int]
    ) -> dict[str, Seen]:
        """All actors at the same time; what each saw."""

        def seen_by(actor: str) -> Seen:
            if actor != HOST:
                return self.world.guests[actor].batch(operations[actor])
            return self._by_programs(steps[HOST], pulses)

        if len(steps) == 1:
            return {actor: seen_by(actor) for actor in steps}
        futures = {actor: self.world.threads.submit(seen_by, actor) for actor in steps}
        return {actor: future.result() for actor, future in futures.items()}

    def _by_programs(self, steps: Sequence[Step], pulses: Sequence[int]) -> list[Outcome]:
        """The host's steps. When a pulse is missing, the others are not waited for."""
        shown: list[Outcome] = []
        patience = self._patience / 1000
        for step, count in zip(steps, pulses, strict=True):
            shown.append(self.world.programs[step.program].perform(step, count, patience))
            if shown[-1].get("pulses", count) < count:
                patience = 0.0
        return shown

    def _compare(self, steps: Mapping[str, Sequence[Step]], seen: Mapping[str, Seen]) -> None:
        """Keep the states that explain what was seen."""
        left = [branch for branch in self._branches if all(branch.explains(actor, seen[actor]) for actor in seen)]
        if not left:
            self.world.check_means()
            raise DifferenceError(self._difference(steps, seen))
        topics: list[str] = []
        for actor, several in steps.items():
            for step, shown in zip(several, left[0].expected.get(actor, []), strict=True):
                self._tell(f"{step}{text_of(shown)}")
                topics += topics_shown(step, shown)
        self._branches = list({branch.reference.key(): branch for branch in left}.values())
        for branch in self._branches:
            branch.expected = {}
        if self.reference.facts.created:
            topics.append("creation")
        # Whatever a device does, it does in its place.
        topics.append("placement")
        self.tally.compared(sum(map(len, steps.values())), topics)

    def _difference(self, steps: Mapping[str, Sequence[Step]], seen: Mapping[str, Seen]) -> Difference:
        """The first step of the actor whose values nothing explains."""
        wrong = [actor for actor in seen if not any(one.explains(actor, seen[actor]) for one in self._branches)]
        for actor in wrong:
            expected = self._branches[0].expected.get(actor, [])
            for step, must, shown in zip(
                steps[actor], expected, self._shown(actor, seen[actor], expected), strict=False
            ):
                if list(must.items()) != list(shown.items()):
                    first, *others = topics_of(step, must, shown, self.reference.facts.created)
                    return Difference(str(step), text_of(must), text_of(shown), first, frozenset(others))
        lines = [str(step) for several in steps.values() for step in several]
        return Difference("\n".join(lines), "  one of the orders of these steps", "  what no order shows", "members")

    def _shown(self, actor: str, seen: Seen, expected: Sequence[Outcome]) -> list[Outcome]:
        if isinstance(seen, list):
            return seen
        values = iter(self.world.guests[actor].seen())
        return [{name: next(values, -1) for name in must} for must in expected]

    # Several at the same moment

    def _together(self, moment: Sequence[Step]) -> None:
        """Steps of several actors at once: every order is right in which each actor does its own one after another."""
        self.settle()
        self.done += moment
        by_actor: dict[str, list[Step]] = {}
        for step in moment:
            by_actor.setdefault(step.actor, []).append(step)
            self._gather(step)
        started = self._branches
        self._meet(by_actor, started)
        self._branches = [end for branch in started for end in _orders(branch, by_actor)]
        for step in moment:
            self.tally.count(step, {"together": 1})
        self.settle()

    def _meet(self, by_actor: Mapping[str, Sequence[Step]], branches: Sequence[Branch]) -> None:
        """Let the guests begin at the same moment, if they are in one region."""
        guests = [actor for actor in by_actor if actor != HOST]
        common = _common(branches[0].reference, guests)
        if len(guests) < 2 or len(branches) > 1 or not common:
            return
        common[0].region.met += 1
        clients = [client.index for client in common]
        for actor, client in zip(guests, common, strict=True):
            handle = branches[0].reference.facts.handle(actor, client.connection)
            self._operations[actor].insert(0, meeting(handle, client.region.met, clients))
            self._steps[actor].insert(0, Step(actor, "status", (client.connection,)))
            branches[0].expected.setdefault(actor, []).append({"late": 0})


def _common(reference: Reference, guests: Sequence[str]) -> list[Client]:
    """A connection of each guest to one region, or nothing."""
    if reference.profile.new_content != "zeroed":
        return []
    for region in reference.regions:
        found = [_own(region, actor) for actor in guests]
        if all(found):
            return [client for client in found if client]
    return []


def _own(region: Region, actor: str) -> Client | None:
    return next((client for client in region.clients.values() if client.actor == actor), None)


def _orders(branch: Branch, by_actor: Mapping[str, Sequence[Step]]) -> list[Branch]:
    """The states after all orders of the steps, with what each actor must have seen."""
    ends: dict[object, Branch] = {}
    known: set[object] = set()

    def go_on(at: Branch, done: dict[str, int]) -> None:
        shown = tuple((actor, tuple(tuple(one.items()) for one in at.expected.get(actor, []))) for actor in by_actor)
        key = (tuple(done.items()), at.reference.key(), shown)
        if key in known:
            return
        known.add(key)
        left = [actor for actor, steps in by_actor.items() if done[actor] < 2 * len(steps)]
        if not left:
            ends[key] = at
        for actor in left:
            go_on(_after(at, by_actor[actor], done[actor]), {**done, actor: done[actor] + 1})

    go_on(branch, dict.fromkeys(by_actor, 0))
    return list(ends.values())


def _after(branch: Branch, steps: Sequence[Step], halves: int) -> Branch:
    """The branch after one half more of the steps of an actor: what a step does, and what it then reads."""
    shown = {name: [dict(one) for one in several] for name, several in branch.expected.items()}
    after = Branch(branch.reference.copy(), shown)
    step = steps[halves // 2]
    if halves % 2 == 0:
        shown.setdefault(step.actor, []).append(after.reference.begin(step))
    else:
        after.reference.finish(step, shown[step.actor][-1])
    return after


def text_of(outcome: Outcome) -> str:
    """An outcome in words."""
    return "".join(f"  {name} {value:#x}" for name, value in outcome.items())
