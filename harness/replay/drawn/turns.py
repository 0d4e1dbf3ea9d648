# SPDX-License-Identifier: Apache-2.0
"""Histories drawn at random: turns of one actor or of several at once, and looks at what came of them.

A phase of some dozen turns has few regions and verbs that it likes, so that some phases fill regions up, some leave
signals lie, and some come and go.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import Final

from harness.replay.drawn.looks import Looks
from harness.replay.drawn.programs import ProgramDraws
from harness.replay.drawn.steps import FULL_DEVICE, Draws
from harness.replay.drawn.systems import HUGE_SIZES, SIZES, System, covered
from harness.replay.drawn.weights import LONG_WAIT
from harness.replay.model.parties import LINE_MASKED, MESSAGES_ALONE, Client, Region
from harness.replay.model.reference import Reference
from harness.replay.model.state import made_by
from harness.replay.script import HOST, Step, as_bytes, as_text, encode_name
from harness.replay.trial import Trial
from harness.shmem import registers as reg

_FINDS_OF_A_FULL_DEVICE: Final = 4
_AGAIN: Final = (255, 256, 257, 300)
"""How often something is repeated: around what a counter of eight bits can count."""
_ABORTED: Final = 0.3
"""How often a start is broken off before the one that counts."""
_LONGEST_START: Final = 8
"""The logarithm of the milliseconds in which a guest has started on any host."""
_LONG_WAITS: Final = (LONG_WAIT, 3 * LONG_WAIT)
_LONGEST: Final = (1, 1, 1, 2, 3, 5, 8, 13, 25, 50)


class Turns:
    """Puts drawn steps together to turns, and carries them out in a trial."""

    def __init__(self, random: Random, system: System, trial: Trial) -> None:
        self._random = random
        self._system = system
        self._trial = trial
        self._draws = Draws(random, system, trial)
        self._looks = Looks(random, trial, self._draws, self._add)
        self._turns_left = 0

    @property
    def _reference(self) -> Reference:
        return self._trial.reference

    @property
    def _programs(self) -> ProgramDraws:
        return ProgramDraws(self._random, self._draws, self._reference)

    @property
    def _actors(self) -> list[str]:
        """The guests that run, and the host where it has programs."""
        return [*sorted(self._reference.devices), *([HOST] if self._trial.world.programs else [])]

    def turn(self) -> None:
        """One turn and what follows it. Raises DifferenceError."""
        if self._turns_left <= 0:
            self._begin_phase()
        self._turns_left -= 1
        kind = self._random.random()
        if kind < 0.018:
            self._life()
        elif kind < 0.032:
            self._crowd()
        elif kind < 0.04:
            self._fill()
        elif kind < 0.046:
            self._repeat()
        elif kind < 0.0485:
            self._leave_unread()
        elif kind < 0.0535:
            self._add(Step(self._random.choice(sorted(self._reference.devices)), "report"))
        elif kind < 0.14:
            self._signal_much()
        elif kind < 0.17:
            self._several()
        elif kind < 0.27:
            self._ask()
        elif kind < 0.37 and self._trial.world.programs:
            self._alone(HOST, self._random.randint(1, 4))
        else:
            alive = sorted(self._reference.devices)
            self._alone(self._random.choice(alive), self._random.choice(_LONGEST))
        self._looks.some()
        self._trial.tally.state(self._reference.key())

    def _begin_phase(self) -> None:
        self._turns_left = self._random.randint(10, 60)
        self._draws.begin_phase()

    def _add(self, step: Step) -> None:
        self._draws.note(step)
        self._trial.add([step])

    # Requests for the sake of the verdict

    def _ask(self) -> None:
        """A guest asks one device for many names that have to do with its rules, and keeps none of the regions."""
        actor = self._random.choice(sorted(self._reference.devices))
        device = self._random.randrange(len(self._reference.devices[actor]))
        rules = self._reference.facts.vdevs[actor][device].rules
        for _ in range(self._random.randint(5, 25)):
            connection = self._draws.unused(actor, device)
            if not connection:
                return
            if rules:
                name = covered(self._random, self._random.choice(rules).pattern)
            else:
                name = self._draws.name(actor, device)
            pages = self._draws.pages(actor, device, name)
            self._add(Step(actor, "attach", (connection, encode_name(name), str(pages), str(device))))
            if connection in self._reference.clients[actor]:
                self._add(Step(actor, "detach", (connection,)))

    # One actor

    def _alone(self, actor: str, count: int) -> None:
        for _ in range(count):
            step = self._programs.step() if actor == HOST else self._draws.guest_step(actor)
            if step:
                self._add(step)

    # Life

    def _life(self) -> None:
        """A guest ends or starts. Its regions may be there already, where the profile says what comes of that."""
        asleep = sorted(set(self._reference.facts.vdevs) - set(self._reference.devices))
        if asleep and self._random.random() < 0.7:
            guest = self._random.choice(asleep)
            if self._random.random() < _ABORTED:
                self._abort(guest)
            profile = self._reference.profile
            makes = made_by(self._reference.facts.vdevs[guest], profile)
            kept = profile.keeps_created and self._random.random() < 0.6
            if not kept:
                self._all_leave(makes)
            if kept and makes and self._random.random() < 0.5:
                self._make_before(guest, self._random.choice(sorted(makes)))
            else:
                self._add(Step(guest, "start"))
            return
        alive = sorted(self._reference.devices)
        if len(alive) > 1:
            self._end(self._random.choice(alive))

    def _abort(self, guest: str) -> None:
        """The start of a guest is broken off at any moment of it; what the host lists is as before."""
        for _ in range(self._random.choice((1, 1, 3))):
            self._add(Step(guest, "abort", (str(int(2 ** self._random.uniform(0, _LONGEST_START))),)))
        if self._trial.world.programs:
            self._add(Step(HOST, "regions"))

    def _make_before(self, guest: str, name: str) -> None:
        """Somebody makes a region before the guest starts whose create names it; then all of its clients leave."""
        profile, pages = self._reference.profile, self._random.choice(SIZES)
        self._join(self._random.choice(self._actors), Region(name, pages, "", profile.region_lifetime, None))
        self._add(Step(guest, "start"))
        self._all_leave({name})
        if self._trial.world.programs:
            self._add(Step(HOST, "regions"))

    def _all_leave(self, names: Collection[str]) -> None:
        """All clients of the regions of these names leave."""
        for region in [region for region in self._reference.regions if region.name in names]:
            for client in list(region.clients.values()):
                self._add(Step(client.actor, "detach", (client.connection,)))

    def _end(self, guest: str) -> None:
        """A guest ends, often with signals that it has not read; then others take what has become free."""
        regions = [client.region for client in self._reference.clients[guest].values()]
        for region in regions:
            if self._random.random() < 0.7:
                self._signal_all(region)
        # Elsewhere the first press ends a guest.
        ignored = self._trial.world.config.architecture == "x86_64"
        ends = ("kill", "press", "shutdown", "reboot", *(("cut",) if ignored else ()))
        self._add(Step(guest, self._random.choice(ends)))
        for region in regions:
            # Of those that have ended with the guest, others make new ones.
            if self._random.random() < 0.7:
                self._join(self._random.choice(self._actors), region)

    def _signal_all(self, region: Region) -> None:
        """A client of the region signals all others."""
        client = self._random.choice(list(region.clients.values()))
        self._add(Step(client.actor, "notify", (client.connection, f"{reg.NOTIFY_ALL_OTHERS:#x}")))

    # As many clients as a region has room for, and more

    def _crowd(self) -> None:
        """All actors join one region until somebody has been refused; then some signal, and most of them leave."""
        if not self._reference.regions:
            return
        region = self._random.choice(self._reference.regions)
        for actor in [*sorted(self._reference.devices), HOST] * (reg.MAX_CLIENTS + 1):
            if region not in self._reference.regions:
                return
            if len(region.clients) == reg.MAX_CLIENTS and self._random.random() < 0.2:
                break
            self._join(actor, region)
        crowd = list(region.clients.values())
        for client in self._random.sample(crowd, k=min(len(crowd), 4)):
            self._add(Step(client.actor, "notify", (client.connection, f"{self._draws.mask(client):#x}")))
        self._looks.everything()
        for actor in sorted(self._reference.devices):
            self._alone(actor, self._random.choice(_LONGEST))
            for step in self._draws.left(actor):
                self._add(step)
        self._leave_most(crowd)

    def _leave_most(self, clients: Sequence[Client]) -> None:
        """All of these leave but four at most, if they have not left yet."""
        there = [client for client in clients if self._reference.clients[client.actor].get(client.connection) is client]
        for client in self._random.sample(there, k=len(there) - self._random.randint(0, min(4, len(there)))):
            self._add(Step(client.actor, "detach", (client.connection,)))

    def _join(self, actor: str, region: Region) -> None:
        """Attach to the region, if the actor has a name for it."""
        device = 0 if actor == HOST else self._random.randrange(len(self._reference.devices[actor]))
        connection = self._draws.unused(actor, device)
        if not connection or (actor == HOST and not self._trial.world.programs):
            return
        names = [as_bytes(region.name)]
        if actor != HOST:
            facts = self._reference.facts
            names = [
                name
                for name in self._system.names
                if (decision := facts.decide(actor, device, as_text(name))).allowed
                and decision.host_name == region.name
            ]
        if names:
            words = (connection, encode_name(self._random.choice(names)), str(self._asked(region)))
            self._add(Step(actor, "attach", words if actor == HOST else (*words, str(device))))

    def _asked(self, region: Region) -> int:
        """A size to ask for with a region: its own, or another one where that does not matter or it is gone."""
        matters = region in self._reference.regions and self._reference.profile.size_mismatch != "attach"
        return region.pages if matters or self._random.random() < 0.6 else self._random.choice(SIZES)

    # As many regions as a device can show

    def _fill(self) -> None:
        """A device attaches to one region after the other, looks at all of them, and leaves most of them."""
        actor = self._random.choice(sorted(self._reference.devices))
        device = self._random.randrange(len(self._reference.devices[actor]))
        for _ in range(3 * FULL_DEVICE):
            step = self._draws.attach(actor, device, FULL_DEVICE)
            if not step:
                break
            self._add(step)
        held = list(self._reference.clients[actor].values())
        for client in held:
            self._add(Step(actor, "mark", (client.connection, f"{self._random.getrandbits(24):#x}")))
        for _ in range(_FINDS_OF_A_FULL_DEVICE):
            if step := self._draws.find(actor, device):
                self._add(step)
        self._looks.everything()
        self._alone(actor, self._random.choice(_LONGEST))
        self._leave_most(held)

    # The same again and again

    def _repeat(self) -> None:
        """A guest does the same more often than eight bits can count, and all of it is looked at then."""
        there = [region for region in self._reference.regions if region.clients]
        if not there:
            return
        region, actor = self._random.choice(there), self._random.choice(sorted(self._reference.devices))
        times = self._random.choice(_AGAIN)
        doing = self._random.choice((*[self._come_and_go] * 3, self._signal_again, self._ask_again))
        one = self._random.choice(list(region.clients.values()))
        self._add(Step(one.actor, "mark", (one.connection, f"{self._random.getrandbits(24):#x}")))
        for _ in range(times):
            doing(actor, region)
        self._looks.everything()

    def _come_and_go(self, actor: str, region: Region) -> None:
        before = set(self._reference.clients[actor])
        if region in self._reference.regions:
            self._join(actor, region)
        for connection in set(self._reference.clients[actor]) - before:
            self._add(Step(actor, "detach", (connection,)))

    def _signal_again(self, actor: str, region: Region) -> None:
        for client in [one for one in region.clients.values() if one.actor == actor]:
            self._add(Step(actor, "notify", (client.connection, f"{reg.NOTIFY_ALL_OTHERS:#x}")))

    def _ask_again(self, actor: str, region: Region) -> None:
        """For more pages than anybody has memory for, by whatever name."""
        del region
        if connection := self._draws.unused(actor, 0):
            self._add(Step(actor, "request", (connection, f"{HUGE_SIZES[-1]:#x}", "0")))
            if connection in self._reference.clients[actor]:
                self._add(Step(actor, "detach", (connection,)))

    # Interrupts that nobody looks at

    def _leave_unread(self) -> None:
        """A client signals a guest that masks its line and looks at nothing for long, and opens the line repeatedly."""
        there = [client for region in self._reference.regions for client in region.clients.values()]
        pairs = [
            (one, other)
            for one in there
            for other in one.region.clients.values()
            if other is not one and one.actor != HOST and LINE_MASKED in self._draws.ways(one)
        ]
        if not pairs:
            return
        one, other = self._random.choice(pairs)
        device = str(one.device)
        self._add(Step(one.actor, "listen", (str(LINE_MASKED), device)))
        self._add(Step(other.actor, "notify", (other.connection, f"{1 << one.index:#x}")))
        self._add(Step(one.actor, "wait", (str(self._random.choice(_LONG_WAITS)),)))
        for _ in range(3):
            self._add(Step(one.actor, "interrupts", (device,)))

    def _signal_much(self) -> None:
        """A client is signalled many times by others, and its interrupts are counted in between; it seldom looks."""
        listeners = [
            client
            for region in self._reference.regions
            for client in region.clients.values()
            if client.actor != HOST and len(region.clients) > 1
        ]
        if not listeners:
            return
        one = self._random.choice(listeners)
        device = str(one.device)
        ways = self._draws.ways(one)
        unread = [way for way in ways if way in (MESSAGES_ALONE, LINE_MASKED)]
        self._add(Step(one.actor, "listen", (str(self._random.choice([0, *ways, *2 * unread])), device)))
        others = [client for client in one.region.clients.values() if client is not one]
        for _ in range(self._random.randint(4, 20)):
            other = self._random.choice(others)
            chance = self._random.random()
            if chance < 0.6:
                mask = self._random.choice((1 << one.index, reg.NOTIFY_ALL_OTHERS))
                self._add(Step(other.actor, "notify", (other.connection, f"{mask:#x}")))
            elif chance < 0.9 and self._reference.devices[one.actor][one.device].due.how:
                self._add(Step(one.actor, "interrupts", (device,)))
            elif chance > 0.95:
                self._add(Step(one.actor, "status", (one.connection,)))

    # Several at once

    def _several(self) -> None:
        """Two or three actors at the same moment, in regions that they share where there are some."""
        actors = self._actors
        chosen = self._random.sample(actors, k=min(len(actors), self._random.choice((2, 2, 3))))
        steps: list[Step] = []
        for actor in chosen:
            for _ in range(1 if len(chosen) > 2 else self._random.choice((1, 2))):
                step = self._moment_step(actor, {one.connection for one in steps if one.actor == actor})
                if step:
                    steps.append(step)
        self._random.shuffle(steps)
        moment = [Step(step.actor, step.verb, step.words, together=at > 0) for at, step in enumerate(steps)]
        if len({step.actor for step in moment}) > 1:
            for step in moment:
                self._draws.note(step)
            self._trial.add(moment)
            self._looks.everything()

    def _moment_step(self, actor: str, used: set[str]) -> Step | None:
        verb = self._random.choice(("attach", "detach", "notify", "notify", "status"))
        if verb == "attach":
            device = 0 if actor == HOST else self._random.randrange(len(self._reference.devices[actor]))
            step = self._programs.request(verb) if actor == HOST else self._draws.attach(actor, device)
            return step if step and step.connection not in used else None
        clients = [one for one in self._reference.clients[actor].values() if one.connection not in used]
        if not clients:
            return None
        client = self._random.choice(clients)
        words = (client.connection, f"{self._draws.mask(client):#x}") if verb == "notify" else (client.connection,)
        return Step(actor, verb, words)
