# SPDX-License-Identifier: Apache-2.0
"""Histories drawn at random: turns of one actor or of several at once, and looks at what came of them.

A phase of some dozen turns has few regions and verbs that it likes, so that some phases fill regions up, some leave
signals lie, and some come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from harness.replay.drawing import SIZES, System, covered, illegal_names, mutated
from harness.replay.parties import Client, Region
from harness.replay.reference import Reference
from harness.replay.script import HOST, Step, as_bytes, as_text, encode_name
from harness.replay.trial import Trial
from harness.shmem import registers as reg
from harness.shmem.oracle import creations
from harness.shmem.profile import Profile

_CONNECTIONS: Final = 12
_HOST_CONNECTIONS: Final = 16
_DEVICE_CONNECTIONS: Final = 9
_LARGE: Final = 70
_LONGEST: Final = (1, 1, 1, 2, 3, 5, 8, 13, 25, 50)
_VALUES: Final = (0, 1, 2, 0xFF, 0x8000_0000, 0xFFFF_FFFF)
# Relative to each other; a phase multiplies each by a number of its own.
_WEIGHTS: Final = {
    "attach": 30,
    "request": 4,
    "wide": 3,
    "find": 3,
    "name": 2,
    "flags": 2,
    "factory": 4,
    "detach": 14,
    "notify": 20,
    "status": 12,
    "write": 5,
    "read": 5,
    "mark": 3,
    "edges": 5,
    "left": 5,
    "load": 9,
    "store": 7,
    "peek": 7,
    "poke": 4,
    "listen": 2,
    "interrupts": 5,
}


class Turns:
    """Draws steps for a trial, whose state it looks at. ``ways`` are how the devices of a guest can interrupt it."""

    def __init__(self, random: Random, system: System, trial: Trial) -> None:
        self._random = random
        self._system = system
        self._trial = trial
        self._ways = {name: guest.ways for name, guest in trial.world.guests.items()}
        self._left: dict[str, list[str]] = {}
        self._turns_left = 0
        self._weights: dict[str, float] = {}
        self._liked: list[bytes] = []

    @property
    def _reference(self) -> Reference:
        return self._trial.reference

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
        elif kind < 0.08:
            self._several()
        elif kind < 0.2:
            self._ask()
        elif kind < 0.3 and self._trial.world.program:
            self._alone(HOST, self._random.randint(1, 4))
        else:
            alive = sorted(self._reference.devices)
            self._alone(self._random.choice(alive), self._random.choice(_LONGEST))
        self._look()
        self._trial.tally.state(self._reference.key())

    def _begin_phase(self) -> None:
        self._turns_left = self._random.randint(10, 60)
        self._weights = {verb: weight * self._random.choice((0.2, 1, 1, 3)) for verb, weight in _WEIGHTS.items()}
        self._liked = self._random.sample(
            self._system.names, k=min(len(self._system.names), self._random.randint(1, 5))
        )

    def _add(self, step: Step) -> None:
        if step.verb == "detach" and step.actor != HOST:
            self._left.setdefault(step.actor, []).append(step.connection)
        self._trial.add([step])

    # Requests for the sake of the verdict

    def _ask(self) -> None:
        """A guest asks one device for many names that have to do with its rules, and keeps none of the regions."""
        actor = self._random.choice(sorted(self._reference.devices))
        device = self._random.randrange(len(self._reference.devices[actor]))
        rules = self._reference.facts.vdevs[actor][device].rules
        for _ in range(self._random.randint(5, 25)):
            connection = self._unused(actor, device)
            if not connection:
                return
            name = covered(self._random, self._random.choice(rules).pattern) if rules else self._name(actor, device)
            pages = self._pages(actor, device, name)
            self._add(Step(actor, "attach", (connection, encode_name(name), str(pages), str(device))))
            if connection in self._reference.clients[actor]:
                self._add(Step(actor, "detach", (connection,)))

    # One actor

    def _alone(self, actor: str, count: int) -> None:
        for _ in range(count):
            step = self._host_step() if actor == HOST else self._guest_step(actor)
            if step:
                self._add(step)

    def _guest_step(self, actor: str) -> Step | None:
        verb = self._random.choices(list(self._weights), list(self._weights.values()))[0]
        device = self._random.randrange(len(self._reference.devices[actor]))
        draw: Callable[[str, int], Step | None] | None = getattr(self, f"_draw_{verb}", None)
        if draw:
            return draw(actor, device)
        client = self._own(actor)
        return Step(actor, verb, (client.connection,)) if client else None

    def _own(self, actor: str) -> Client | None:
        clients = list(self._reference.clients[actor].values())
        return self._random.choice(clients) if clients else None

    def _unused(self, actor: str, device: int) -> str | None:
        """A connection to be; none when the guest has enough."""
        used = self._reference.clients[actor]
        if sum(client.device == device for client in used.values()) >= _DEVICE_CONNECTIONS:
            return None
        most = _HOST_CONNECTIONS if actor == HOST else _CONNECTIONS
        free = [name for number in range(most) if (name := f"{actor[:2]}{number}") not in used]
        return self._random.choice(free) if free else None

    # Requests

    def _name(self, actor: str, device: int) -> bytes:
        """Mostly one that the phase likes or that exists, often with the host's name of it."""
        names = self._liked if self._random.random() < 0.6 else self._system.names
        name = self._random.choice(names)
        chance = self._random.random()
        if chance < 0.05:
            return illegal_names(self._random, name)
        if chance < 0.12:
            return mutated(self._random, name)
        if chance < 0.4:
            # Who has another name for a region than others must meet them there.
            facts = self._reference.facts
            there = {region.name for region in self._reference.regions}
            same = [
                one
                for one in self._system.names
                if (decision := facts.decide(actor, device, as_text(one))).allowed and decision.host_name in there
            ]
            return self._random.choice(same) if same else name
        return name

    def _pages(self, actor: str, device: int, name: bytes) -> int:
        decision = self._reference.facts.decide(actor, device, as_text(name.partition(b"\0")[0]))
        there = next((one.pages for one in self._reference.regions if one.name == decision.host_name), None)
        chance = self._random.random()
        if chance < 0.02 and decision.allowed:
            return 0
        if there and chance < 0.5:
            return there
        return self._random.choice(SIZES)

    def _draw_attach(self, actor: str, device: int) -> Step | None:
        connection = self._unused(actor, device)
        if not connection:
            return None
        name = self._name(actor, device)
        return Step(
            actor, "attach", (connection, encode_name(name), str(self._pages(actor, device, name)), str(device))
        )

    def _register(self, actor: str, device: int) -> bytes:
        return self._reference.devices[actor][device].name

    def _draw_request(self, actor: str, device: int) -> Step | None:
        connection = self._unused(actor, device)
        pages = self._pages(actor, device, self._register(actor, device))
        return Step(actor, "request", (connection, str(pages), str(device))) if connection else None

    def _draw_wide(self, actor: str, device: int) -> Step | None:
        connection = self._unused(actor, device)
        if not connection or self._profile.access_widths == "natural":
            return None
        name = self._name(actor, device)
        start = name.ljust(4, b"\0")[:4]
        pages = self._pages(actor, device, start + self._register(actor, device)[4:])
        word = int.from_bytes(start, "little")
        return Step(actor, "wide", (connection, str(pages), f"{word:#x}", str(device)))

    def _draw_find(self, actor: str, device: int) -> Step | None:
        connection = self._unused(actor, device)
        if not connection or (self._profile.find, self._profile.find_attaches) != (
            "own-connections",
            "loads-registers",
        ):
            return None
        own = sum(client.device == device for client in self._reference.clients[actor].values())
        number = self._random.choice((0, own, max(0, own - 1), 1, self._random.randint(0, 16), 0xFFFF_FFFF))
        return Step(actor, "find", (connection, f"{number:#x}", str(device)))

    def _draw_name(self, actor: str, device: int) -> Step | None:
        return Step(actor, "name", (encode_name(self._name(actor, device)), str(device)))

    def _draw_flags(self, actor: str, device: int) -> Step | None:
        if self._profile.flags == "absent":
            return None
        value = self._random.choice((0, 0o600, 0o640, 0o666, 0o444, 0o222, 0o777, self._random.randrange(0o1000)))
        return Step(actor, "flags", (f"{value:#x}", str(device)))

    def _draw_factory(self, actor: str, device: int) -> Step | None:
        return Step(actor, "factory", (str(device),))

    # Connections

    @property
    def _profile(self) -> Profile:
        return self._reference.profile

    @property
    def _any_width(self) -> bool:
        return self._profile.access_widths != "natural"

    def _draw_detach(self, actor: str, device: int) -> Step | None:
        del device
        client = self._own(actor)
        if not client:
            return None
        value = self._random.choice((*_VALUES, self._random.getrandbits(32)))
        offset, width = reg.CONTROL_DETACH_OFFSET, 4
        if self._any_width and self._random.random() < 0.4:
            width = self._random.choice((1, 2, 8))
            offset = 8 if width == 8 else self._random.randrange(12, 16, width)
            value = self._mask(client) if width == 8 else value & ((1 << 8 * width) - 1)
        return Step(actor, "detach", (client.connection, f"{offset:#x}", str(width), f"{value:#x}"))

    def _mask(self, client: Client) -> int:
        members = client.region.members
        one = 1 << self._random.randrange(16)
        own = 1 << client.index
        random = self._random.getrandbits(16)
        return self._random.choice(
            (members, members & ~own, own, one, one | own, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF, 0, 1 << 16 | own, random,
             random << 16, 0xFFFF_0000 | one, 0x7FFF_FFFF, ~members & 0xFFFF)
        )  # fmt: skip

    def _draw_notify(self, actor: str, device: int) -> Step | None:
        del device
        client = self._own(actor)
        return Step(actor, "notify", (client.connection, f"{self._mask(client):#x}")) if client else None

    def _draw_write(self, actor: str, device: int) -> Step | None:
        del device
        client = self._own(actor)
        if not client:
            return None
        page = self._random.choice((0, client.region.pages - 1, self._random.randrange(client.region.pages)))
        return Step(actor, "write", (client.connection, str(page), f"{self._random.getrandbits(64):#x}"))

    def _draw_read(self, actor: str, device: int) -> Step | None:
        del device
        client = self._own(actor)
        if not client:
            return None
        page = self._random.choice((0, client.region.pages - 1, self._random.randrange(client.region.pages)))
        return Step(actor, "read", (client.connection, str(page)))

    def _draw_mark(self, actor: str, device: int) -> Step | None:
        del device
        client = self._own(actor)
        return Step(actor, "mark", (client.connection, f"{self._random.getrandbits(24):#x}")) if client else None

    def _draw_left(self, actor: str, device: int) -> Step | None:
        del device
        left = self._left.get(actor, [])[-4:]
        if not left or self._profile.detached_window not in ("scratch", "ones"):
            return None
        return Step(actor, "left", (self._random.choice(left),))

    def _draw_load(self, actor: str, device: int) -> Step | None:
        del device
        client = self._own(actor)
        if not client:
            return None
        width = self._random.choice((1, 2, 4, 8)) if self._any_width else 4
        offset = self._random.randrange(0, reg.CONTROL_NOTIFY_OFFSET, width)
        if offset < reg.CONTROL_IDX_OFFSET and client.due.how:
            return None
        return Step(actor, "load", (client.connection, f"{offset:#x}", str(width)))

    def _draw_store(self, actor: str, device: int) -> Step | None:
        del device
        client = self._own(actor)
        if not client:
            return None
        width = self._random.choice((1, 2, 4, 8)) if self._any_width else 4
        narrow = width < 4 and self._random.random() < 0.4
        offset = self._random.randrange(*((8, 12) if narrow else (0, 8)), width)
        value = self._random.choice(((1 << 8 * width) - 1, self._random.getrandbits(8 * width)))
        return Step(actor, "store", (client.connection, f"{offset:#x}", str(width), f"{value:#x}"))

    def _draw_peek(self, actor: str, device: int) -> Step | None:
        if not self._any_width:
            return None
        width = self._random.choice((1, 2, 4, 8))
        offset = self._random.randrange(0, reg.FIND_OFFSET - width + 1, width)
        if offset < reg.VECTOR_OFFSET and offset + width > reg.SHMEM_OFFSET:
            return None
        if self._profile.flags != "absent" and self._random.random() < 0.2:
            offset, width = reg.FLAGS_OFFSET, 4
        return Step(actor, "peek", (f"{offset:#x}", str(width), str(device)))

    def _draw_poke(self, actor: str, device: int) -> Step | None:
        if not self._any_width:
            return None
        width = self._random.choice((1, 2, 4, 8))
        offset = self._random.choice(
            [at for at in range(0, reg.FIND_OFFSET - width + 1, width)
             if at + width <= reg.SIZE_OFFSET or at >= reg.NAME_OFFSET]
        )  # fmt: skip
        value = self._random.choice(((1 << 8 * width) - 1, 0, self._random.getrandbits(8 * width)))
        return Step(actor, "poke", (f"{offset:#x}", str(width), f"{value:#x}", str(device)))

    # Interrupts

    def _draw_listen(self, actor: str, device: int) -> Step | None:
        how = self._random.choice((0, *self._ways[actor][device] * 2))
        return Step(actor, "listen", (str(how), str(device)))

    def _draw_interrupts(self, actor: str, device: int) -> Step | None:
        if not self._reference.devices[actor][device].due.how:
            return None
        return Step(actor, "interrupts", (str(device),))

    # Programs of the host

    def _host_step(self) -> Step | None:
        verb = self._random.choices(
            ("attach", "join", "detach", "notify", "status", "write", "read", "mark", "edges", "pulses", "regions"),
            (8, 3, 4, 6, 4, 2, 2, 1, 2, 4, 3),
        )[0]
        if verb == "regions":
            return Step(HOST, verb)
        if verb in ("attach", "join"):
            return self._host_request(verb)
        client = self._own(HOST)
        if not client or (verb in ("mark", "edges") and client.region.pages > len(_LONGEST)):
            return None
        extra = {
            "notify": (f"{self._mask(client):#x}",),
            "write": (str(client.region.pages - 1), f"{self._random.getrandbits(64):#x}"),
            "read": (str(self._random.randrange(client.region.pages)),),
            "mark": (f"{self._random.getrandbits(24):#x}",),
        }.get(verb, ())
        return Step(HOST, verb, (client.connection, *extra))

    def _host_request(self, verb: str) -> Step | None:
        connection = self._unused(HOST, 0)
        there = [as_bytes(region.name) for region in self._reference.regions]
        plain = [name for name in self._liked if name.isalnum() and name.isascii()]
        names = there if there and self._random.random() < 0.8 else plain
        if not connection or not names:
            return None
        name = encode_name(self._random.choice(names))
        return Step(HOST, verb, (connection, name, *([str(self._random.choice(SIZES))] if verb == "attach" else [])))

    # Life

    def _life(self) -> None:
        """A guest ends or starts. Nobody is in the regions that it makes when it starts."""
        asleep = sorted(set(self._reference.facts.vdevs) - set(self._reference.devices))
        if asleep and self._random.random() < 0.7:
            guest = asleep[0]
            makes = {
                creation.host_name
                for vdev in self._reference.facts.vdevs[guest]
                for creation in creations(vdev, self._profile)
            }
            for region in [region for region in self._reference.regions if region.name in makes]:
                for client in list(region.clients.values()):
                    self._add(Step(client.actor, "detach", (client.connection,)))
            self._add(Step(guest, "start"))
            return
        alive = sorted(self._reference.devices)
        if len(alive) > 1:
            guest = self._random.choice(alive)
            self._add(Step(guest, self._random.choice(("kill", "kill", "shutdown"))))

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
            self._add(Step(client.actor, "notify", (client.connection, f"{self._mask(client):#x}")))
        self._everything()
        for client in self._random.sample(crowd, k=len(crowd) - self._random.randint(0, min(4, len(crowd)))):
            self._add(Step(client.actor, "detach", (client.connection,)))

    def _join(self, actor: str, region: Region) -> None:
        """Attach to the region, if the actor has a name for it."""
        device = 0 if actor == HOST else self._random.randrange(len(self._reference.devices[actor]))
        connection = self._unused(actor, device)
        if not connection or (actor == HOST and not self._trial.world.program):
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
            words = (connection, encode_name(self._random.choice(names)), str(region.pages))
            self._add(Step(actor, "attach", words if actor == HOST else (*words, str(device))))

    # Several at once

    def _several(self) -> None:
        """Two or three actors at the same moment, in regions that they share where there are some."""
        actors = [*sorted(self._reference.devices), *([HOST] if self._trial.world.program else [])]
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
                if step.verb == "detach" and step.actor != HOST:
                    self._left.setdefault(step.actor, []).append(step.connection)
            self._trial.add(moment)
            self._everything()

    def _moment_step(self, actor: str, used: set[str]) -> Step | None:
        verb = self._random.choice(("attach", "detach", "notify", "notify"))
        if verb == "attach":
            device = 0 if actor == HOST else self._random.randrange(len(self._reference.devices[actor]))
            step = self._host_request(verb) if actor == HOST else self._draw_attach(actor, device)
            return step if step and step.connection not in used else None
        clients = [one for one in self._reference.clients[actor].values() if one.connection not in used]
        if not clients:
            return None
        client = self._random.choice(clients)
        words = (client.connection,) if verb == "detach" else (client.connection, f"{self._mask(client):#x}")
        return Step(actor, verb, words)

    # Looks

    def _look(self) -> None:
        """What came of a turn: nothing, something, all that takes no signals, or everything."""
        chance = self._random.random()
        if chance < 0.25:
            return
        if chance < 0.5:
            for actor in sorted(self._reference.devices):
                for step in self._looks(actor, statuses=True):
                    if self._random.random() < 0.2:
                        self._add(step)
            return
        self._everything(statuses=chance > 0.7)

    def _everything(self, *, statuses: bool = True) -> None:
        for actor in sorted(self._reference.devices):
            for step in self._looks(actor, statuses=statuses):
                self._add(step)
        if self._trial.world.program:
            for step in list(self._host_looks(statuses=statuses)):
                self._add(step)

    def _looks(self, actor: str, *, statuses: bool) -> Iterator[Step]:
        for number, factory in enumerate(self._reference.devices[actor]):
            if factory.due.how:
                yield Step(actor, "interrupts", (str(number),))
            yield Step(actor, "factory", (str(number),))
        for connection, client in sorted(self._reference.clients[actor].items()):
            if statuses:
                yield Step(actor, "status", (connection,))
            if self._is_worth_it(client.region):
                yield Step(actor, "edges", (connection,))

    def _is_worth_it(self, region: Region) -> bool:
        return region.pages < _LARGE or self._random.random() < 0.2

    def _host_looks(self, *, statuses: bool) -> Iterator[Step]:
        yield Step(HOST, "regions")
        for connection in sorted(self._reference.clients[HOST]):
            yield Step(HOST, "pulses", (connection,))
            if statuses:
                yield Step(HOST, "status", (connection,))
