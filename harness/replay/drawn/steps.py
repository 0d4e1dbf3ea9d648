# SPDX-License-Identifier: Apache-2.0
"""Single steps drawn at random: what one guest may do next.

How likely a step is changes from phase to phase; the turns say when a phase begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from harness.replay.drawn.pieces import aliased, pieces, touches
from harness.replay.drawn.systems import HUGE_SIZES, LARGE_SIZES, SIZES, System, illegal_names, mutated
from harness.replay.drawn.weights import WAITS, WEIGHTS
from harness.replay.model.parties import LINE_MASKED, Client
from harness.replay.model.reference import Reference
from harness.replay.model.state import ADDRESSES, LARGEST
from harness.replay.script import HOST, SECOND, Step, as_text, encode_name
from harness.replay.trial import Trial
from harness.shmem import registers as reg
from harness.shmem.profile import Profile

_CONNECTIONS: Final = 12
FULL_DEVICE: Final = 20
"""Connections of a device that has more than others: more than it has small places for regions."""
_HOST_CONNECTIONS: Final = 16
_DEVICE_CONNECTIONS: Final = 9
_VALUES: Final = (0, 1, 2, 0xFF, 0x8000_0000, 0xFFFF_FFFF)


class Draws:
    """Draws single steps for a trial, whose state it looks at. ``liked`` are the names of the phase."""

    def __init__(self, random: Random, system: System, trial: Trial) -> None:
        self._random = random
        self._system = system
        self._trial = trial
        self._ways = {name: guest.ways for name, guest in trial.world.guests.items()}
        self._left: dict[str, dict[str, None]] = {}
        self._weights: dict[str, float] = {}
        self._parts: dict[str, list[Step]] = {}
        self.liked: list[bytes] = []

    @property
    def _reference(self) -> Reference:
        return self._trial.reference

    def begin_phase(self) -> None:
        """Draw the verbs and the names that are likely from now on."""
        self._weights = {verb: weight * self._random.choice((0.2, 1, 1, 3)) for verb, weight in WEIGHTS.items()}
        self.liked = self._random.sample(self._system.names, k=min(len(self._system.names), self._random.randint(1, 5)))

    def note(self, step: Step) -> None:
        """A step that is going to be carried out: what a guest has left can be looked at later."""
        if step.verb == "detach" and step.actor != HOST:
            self._left.setdefault(step.actor, {})[step.connection] = None

    def guest_step(self, actor: str) -> Step | None:
        """What a guest may do next; none when nothing can come of what was drawn."""
        if parts := self._parts.get(actor):
            return parts.pop(0)
        verb = self._random.choices(list(self._weights), list(self._weights.values()))[0]
        device = self._random.randrange(len(self._reference.devices[actor]))
        draw: Callable[[str, int], Step | None] | None = getattr(self, f"_draw_{verb}", None)
        if draw:
            return draw(actor, device)
        client = self.own(actor)
        return Step(actor, verb, (client.connection,)) if client else None

    def ways(self, client: Client) -> tuple[int, ...]:
        """The ways in which a guest's connection may be interrupted."""
        return self._ways[client.actor][client.device]

    def own(self, actor: str) -> Client | None:
        """One of the actor's connections, if it has any."""
        clients = list(self._reference.clients[actor].values())
        return self._random.choice(clients) if clients else None

    def unused(self, actor: str, device: int, most_of_device: int = _DEVICE_CONNECTIONS) -> str | None:
        """A connection to be; none when the guest, or its device, has enough."""
        used = self._reference.clients[actor]
        if sum(client.device == device for client in used.values()) >= most_of_device:
            return None
        most = _HOST_CONNECTIONS if actor == HOST else max(_CONNECTIONS, most_of_device)
        program = self._random.choice(("", SECOND)) if actor == HOST else ""
        free = [name for number in range(most) if (name := f"{program}{actor[:2]}{number}") not in used]
        return self._random.choice(free) if free else None

    # Requests

    def name(self, actor: str, device: int) -> bytes:
        """Mostly one that the phase likes or that exists, often with the host's name of it."""
        names = self.liked if self._random.random() < 0.6 else self._system.names
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

    def pages(self, actor: str, device: int, name: bytes) -> int:
        """A size to request with a name: often that of the region that is there."""
        decision = self._reference.facts.decide(actor, device, as_text(name.partition(b"\0")[0]))
        there = next((one.pages for one in self._reference.regions if one.name == decision.host_name), None)
        chance = self._random.random()
        if chance < 0.02:
            return 0
        if chance < 0.04:
            return self._random.choice((*HUGE_SIZES, self._random.getrandbits(32) | (LARGEST + 1)))
        if there and chance < 0.5:
            return there
        return self._random.choice(LARGE_SIZES if self._system.has_room and self._random.random() < 0.05 else SIZES)

    def attach(self, actor: str, device: int, most_of_device: int = _DEVICE_CONNECTIONS) -> Step | None:
        """A guest's request by a name; none when it, or the device, has connections enough."""
        connection = self.unused(actor, device, most_of_device)
        if not connection:
            return None
        name = self.name(actor, device)
        return Step(actor, "attach", (connection, encode_name(name), str(self.pages(actor, device, name)), str(device)))

    _draw_attach = attach

    def _register(self, actor: str, device: int) -> bytes:
        return self._reference.devices[actor][device].name

    def _draw_request(self, actor: str, device: int) -> Step | None:
        connection = self.unused(actor, device)
        pages = self.pages(actor, device, self._register(actor, device))
        return Step(actor, "request", (connection, str(pages), str(device))) if connection else None

    def _draw_wide(self, actor: str, device: int) -> Step | None:
        connection = self.unused(actor, device)
        if not connection or self._profile.access_widths == "natural":
            return None
        name = self.name(actor, device)
        if self._finds and self._random.random() < 0.3:
            end = name.ljust(reg.NAME_SIZE, b"\0")[-4:]
            value = int.from_bytes(end, "little") | self._to_find(actor, device) << 32
            return Step(actor, "wide", (connection, f"{reg.FIND_OFFSET - 4:#x}", f"{value:#x}", str(device)))
        start = name.ljust(4, b"\0")[:4]
        pages = self.pages(actor, device, start + self._register(actor, device)[4:])
        value = int.from_bytes(start, "little") << 32 | pages
        return Step(actor, "wide", (connection, f"{reg.SIZE_OFFSET:#x}", f"{value:#x}", str(device)))

    @property
    def _finds(self) -> bool:
        """Whether the model knows what ``find`` does."""
        return (self._profile.find, self._profile.find_attaches) == ("own-connections", "loads-registers")

    def _to_find(self, actor: str, device: int) -> int:
        """A number for ``find``: around how many connections there are."""
        own = sum(client.device == device for client in self._reference.clients[actor].values())
        there = self._random.randrange(max(1, own))
        too_large = there | 1 << self._random.randrange(5, 32)
        return self._random.choice((0, own, max(0, own - 1), 1, there, too_large, 0xFFFF_FFFF))

    def find(self, actor: str, device: int) -> Step | None:
        """A look for one of the device's connections, or for one more; none where the answer is not known."""
        connection = self.unused(actor, device, FULL_DEVICE + 1)
        if not connection or not self._finds:
            return None
        return Step(actor, "find", (connection, f"{self._to_find(actor, device):#x}", str(device)))

    _draw_find = find

    def _draw_name(self, actor: str, device: int) -> Step | None:
        return Step(actor, "name", (encode_name(self.name(actor, device)), str(device)))

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
        client = self.own(actor)
        if not client:
            return None
        value = self._random.choice((*_VALUES, self._random.getrandbits(32)))
        offset, width = reg.CONTROL_DETACH_OFFSET, 4
        if self._any_width and self._random.random() < 0.4:
            width = self._random.choice((1, 2, 8))
            offset = 8 if width == 8 else self._random.randrange(12, 16, width)
            value = self.mask(client) if width == 8 else value & ((1 << 8 * width) - 1)
        return Step(actor, "detach", (client.connection, f"{offset:#x}", str(width), f"{value:#x}"))

    def mask(self, client: Client) -> int:
        """A word for notify."""
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
        client = self.own(actor)
        return Step(actor, "notify", (client.connection, f"{self.mask(client):#x}")) if client else None

    def _draw_write(self, actor: str, device: int) -> Step | None:
        del device
        client = self.own(actor)
        if not client:
            return None
        return Step(actor, "write", (client.connection, self._page(client), f"{self._random.getrandbits(64):#x}"))

    def _draw_read(self, actor: str, device: int) -> Step | None:
        del device
        client = self.own(actor)
        if not client:
            return None
        return Step(actor, "read", (client.connection, self._page(client)))

    def _page(self, client: Client) -> str:
        """A page of the region: the first, the last, or any."""
        pages = client.region.pages
        return str(self._random.choice((0, pages - 1, self._random.randrange(pages))))

    def _draw_mark(self, actor: str, device: int) -> Step | None:
        del device
        client = self.own(actor)
        return Step(actor, "mark", (client.connection, f"{self._random.getrandbits(24):#x}")) if client else None

    def _draw_left(self, actor: str, device: int) -> Step | None:
        del device
        left = self.left(actor)
        return self._random.choice(left) if left else None

    def _draw_stale(self, actor: str, device: int) -> Step | None:
        """A store that would do something if the region were still there, or any other one."""
        del device
        left = self.left(actor)
        if not left:
            return None
        width = self._random.choice((1, 2, 4, 4, 4, 8)) if self._any_width else 4
        offset = self._random.randrange(0, 16, width)
        value = self._stored(width)
        words = (self._random.choice(left).connection, f"{offset:#x}", str(width), f"{value:#x}")
        return Step(actor, "stale", words)

    def _draw_beyond(self, actor: str, device: int) -> Step | None:
        del device
        client = self.own(actor)
        return self.behind(client) if client else None

    def behind(self, client: Client) -> Step | None:
        """A look behind a region of a guest, where the profile says what is there."""
        return Step(client.actor, "beyond", (client.connection,)) if self._profile.lets_look_where_left else None

    def left(self, actor: str) -> list[Step]:
        """Looks at all places where the guest has had regions: nothing of a region may be there now."""
        if not self._profile.lets_look_where_left:
            return []
        return [Step(actor, "left", (connection,)) for connection in self._left.get(actor, ())]

    def _draw_load(self, actor: str, device: int) -> Step | None:
        del device
        client = self.own(actor)
        return self.load(client) if client else None

    def load(self, client: Client) -> Step | None:
        """A load of any width from a control page."""
        width = self._random.choice((1, 2, 4, 8)) if self._any_width else 4
        offset = self._random.randrange(0, reg.CONTROL_NOTIFY_OFFSET, width)
        if offset < reg.CONTROL_IDX_OFFSET and client.due.reads:
            return None
        return Step(client.actor, "load", (client.connection, f"{offset:#x}", str(width)))

    def _draw_store(self, actor: str, device: int) -> Step | None:
        del device
        client = self.own(actor)
        if not client:
            return None
        width = self._random.choice((1, 2, 4, 8)) if self._any_width else 4
        narrow = width < 4 and self._random.random() < 0.4
        offset = self._random.randrange(*((8, 12) if narrow else (0, 8)), width)
        value = self._stored(width)
        return Step(actor, "store", (client.connection, f"{offset:#x}", str(width), f"{value:#x}"))

    def _stored(self, width: int) -> int:
        """All ones, or anything, of so many bytes."""
        return self._random.choice(((1 << 8 * width) - 1, self._random.getrandbits(8 * width)))

    def _draw_peek(self, actor: str, device: int) -> Step | None:
        if not self._any_width:
            return None
        width = self._random.choice((1, 2, 4, 8))
        offset = self._place(width)
        # Addresses are the hypervisor's own choice, and what find reads is not documented.
        if touches(offset, width, reg.SHMEM_OFFSET, 8) or touches(offset, width, reg.FIND_OFFSET, 4):
            return None
        return Step(actor, "peek", (f"{offset:#x}", str(width), str(device)))

    def _draw_poke(self, actor: str, device: int) -> Step | None:
        if not self._any_width:
            return None
        width = self._random.choice((1, 2, 4, 8))
        offset = self._place(width)
        if width >= 4 and (touches(offset, width, reg.SIZE_OFFSET, 4) or touches(offset, width, reg.FIND_OFFSET, 4)):
            return None
        value = self._random.choice(((1 << 8 * width) - 1, 0, self._random.getrandbits(8 * width)))
        return Step(actor, "poke", (f"{offset:#x}", str(width), f"{value:#x}", str(device)))

    def _draw_parts(self, actor: str, device: int) -> Step | None:
        """The first of several stores, which the guest does one after the other.

        They hold a word that would be a request or a signal if it were stored whole, or one that nobody may change.
        """
        if not self._any_width:
            return None
        client, step = self.own(actor), Step(actor, "poke", (str(device),))
        words = [(reg.SIZE_OFFSET, self._random.choice(SIZES)), (reg.FIND_OFFSET, self._to_find(actor, device))]
        words += [(reg.FLAGS_OFFSET, 0o600), (reg.STATUS_OFFSET, self._random.getrandbits(32))]
        register, value = self._random.choice(words)
        if client and self._random.random() < 0.3:
            step = Step(actor, "store", (client.connection,))
            register, value = reg.CONTROL_NOTIFY_OFFSET, self.mask(client)
        first, *self._parts[actor] = pieces(self._random, step, register, value)
        return first

    def _place(self, width: int) -> int:
        """An offset in the factory page, mostly among the registers."""
        end = reg.FLAGS_OFFSET + 8 if self._random.random() < 0.85 else reg.PAGE_SIZE
        return aliased(self._random, self._random.randrange(0, end - width + 1, width))

    # Interrupts

    def _draw_listen(self, actor: str, device: int) -> Step | None:
        how = self._random.choice((0, *self._ways[actor][device] * 2))
        return Step(actor, "listen", (str(how), str(device)))

    def _draw_interrupts(self, actor: str, device: int) -> Step | None:
        if not self._reference.devices[actor][device].due.how:
            return None
        return Step(actor, "interrupts", (str(device),))

    def _draw_pin(self, actor: str, device: int) -> Step | None:
        due = self._reference.devices[actor][device].due
        on = due.off and self._random.random() < 0.8
        return Step(actor, "pin", (str(int(on)), str(device)))

    def _draw_ones(self, actor: str, device: int) -> Step | None:
        return Step(actor, "ones", (str(self._random.choice((2, 4))), str(device)))

    def _draw_wait(self, actor: str, device: int) -> Step | None:
        """Time is dear: it passes where an interrupt has come that nobody has looked at, and seldom elsewhere."""
        masked = self._reference.devices[actor][device].due.how == LINE_MASKED
        own = [client for client in self._reference.clients[actor].values() if client.device == device]
        likely = 0.5 if masked and any(client.unread for client in own) else 0.01
        wait = self._random.choice(WAITS) if self._random.random() < likely else 0
        return Step(actor, "wait", (str(wait),)) if wait else None

    # The header of a device on PCI

    def _draw_config(self, actor: str, device: int) -> Step | None:
        return Step(actor, "config", (*self._place_in_header((*reg.PCI_READ_ONLY, ADDRESSES)), str(device)))

    def _draw_configure(self, actor: str, device: int) -> Step | None:
        offset, width = self._place_in_header(reg.PCI_READ_ONLY)
        value = self._random.choice((0, (1 << 8 * int(width)) - 1, self._random.getrandbits(8 * int(width))))
        return Step(actor, "configure", (offset, width, f"{value:#x}", str(device)))

    def _place_in_header(self, places: Sequence[range]) -> tuple[str, str]:
        """The offset and width of an access within one of the places."""
        place = self._random.choice(places)
        width = self._random.choice([width for width in (1, 2, 4) if width <= len(place)])
        return f"{self._random.randrange(place.start, place.stop, width):#x}", str(width)
