# SPDX-License-Identifier: Apache-2.0
"""The reference model: what every step must show.

It has the documented behaviour and, where the documentation is open, the readings of the profile. Whether a guest may
have a region, and what the host calls it, is asked of the oracle. It shares no code with the emulated host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harness.replay.model.parties import BY_LINE, LINE_MASKED, Client, Factory, Region, known_group
from harness.replay.model.programs import OfPrograms
from harness.replay.model.state import Outcome, Refused
from harness.replay.script import HOST, Step, as_bytes
from harness.shmem import registers as reg
from harness.shmem.oracle import creations, guest_group, guest_mode
from harness.shmem.status import Status

NOTHING: Final = (1 << 64) - 1
"""In the place of what there is not: the index in a region that was refused, a count of interrupts that are off."""


class Reference(OfPrograms):
    """Carries out steps on paper."""

    def bounds(self, step: Step) -> tuple[int, int]:
        """How few and how many interrupts a step ``interrupts`` may count."""
        due = self._factory(step).due
        if due.how == LINE_MASKED:
            return int(any(client.unread for client in self._shown(step))), 0
        if due.how == BY_LINE:
            return int(any(client.explains for client in self._shown(step))), due.most
        return due.least, due.most

    def perform(self, step: Step) -> Outcome:
        """What the step must show. It has to be possible."""
        outcome = self.begin(step)
        self.finish(step, outcome)
        return outcome

    def begin(self, step: Step) -> Outcome:
        """The same, without what a guest reads of a region that it has just been given: somebody may come between."""
        perform: Callable[[Step], Outcome] = getattr(self, f"_{'host' if step.actor == HOST else 'do'}_{step.verb}")
        return perform(step)

    def finish(self, step: Step, outcome: Outcome) -> None:
        """Add what a guest reads then to what the step shows."""
        if outcome.get("control") == NOTHING and outcome["index"] != NOTHING:
            outcome["control"] = self._client(step).hear()

    # Guests come and go

    def _do_start(self, step: Step) -> Outcome:
        if step.actor in self.facts.refused:
            return {}
        for vdev in self.facts.vdevs[step.actor]:
            for creation in creations(vdev, self.profile):
                if not any(region.name == creation.host_name for region in self.regions):
                    lifetime = self.profile.create_lifetime
                    group = known_group(creation.gid)
                    made = Region(creation.host_name, creation.pages, step.actor, lifetime, creation.mode, group)
                    self.regions.append(made)
        self.devices[step.actor] = [Factory.fresh(vector, self.profile) for vector in self.facts.vectors[step.actor]]
        return {}

    def _do_abort(self, step: Step) -> Outcome:
        """Whatever qvm had made by then ends with it."""
        del step
        return {}

    def _do_kill(self, step: Step) -> Outcome:
        for connection in list(self.clients[step.actor]):
            self._leave(step.actor, connection)
        del self.devices[step.actor]
        self._left = frozenset(one for one in self._left if one[0] != step.actor)
        for region in list(self.regions):
            self._end_unused(region, region.maker == step.actor)
        return {}

    _do_cut = _do_press = _do_shutdown = _do_reboot = _do_kill

    def _do_report(self, step: Step) -> Outcome:
        del step
        return {}

    # Requests

    def _do_attach(self, step: Step) -> Outcome:
        self._do_name(step)
        return self._do_request(step)

    def _do_wide(self, step: Step) -> Outcome:
        offset, data = step.number("OFFSET"), step.number("VALUE").to_bytes(8, "little")
        self._store(step, offset, data)
        if offset == reg.SIZE_OFFSET:
            return self._requested(step, int.from_bytes(data[:4], "little"))
        return self._looked_up(step, int.from_bytes(data[4:], "little"))

    def _do_name(self, step: Step) -> Outcome:
        name = step.name
        self._factory(step).store_name(name + bytes(len(name) < reg.NAME_SIZE))
        return {"done": 0}

    def _do_flags(self, step: Step) -> Outcome:
        self._factory(step).flags = step.number("VALUE")
        return {"done": 0}

    def _do_request(self, step: Step) -> Outcome:
        return self._requested(step, step.number("PAGES"))

    def _requested(self, step: Step, pages: int) -> Outcome:
        return self._answer(step, pages, lambda: self._open(step, pages))

    def _do_find(self, step: Step) -> Outcome:
        return self._looked_up(step, step.number("NUMBER"))

    def _looked_up(self, step: Step, number: int) -> Outcome:
        return self._answer(step, self._factory(step).size, lambda: self._found(step, number))

    def _answer(self, step: Step, size: int, action: Callable[[], Client]) -> Outcome:
        """The registers after a request, and what is read of a region that is new to the guest."""
        factory, before = self._factory(step), self._factory(step).size
        known = list(self.clients[step.actor].values())
        factory.size = size
        new = None
        try:
            factory.shown = client = action()
            factory.status, factory.size = Status.OK, client.region.pages
            if self.profile.name_readback == "host-name":
                factory.name = as_bytes(client.region.name).ljust(reg.NAME_SIZE, b"\0")
            new = None if client in known else client
        except Refused as refused:
            factory.status = refused.status
            factory.size = {"requested": size, "zero": 0, "previous": before}[self.profile.failed_size]
            if self.profile.failed_shmem == "zero":
                factory.shown = None
        return {**self._registers(factory), "index": new.index if new else NOTHING, "control": NOTHING}

    def _open(self, step: Step, pages: int) -> Client:
        factory, device = self._factory(step), step.number("DEVICE")
        decision = self.facts.decide(step.actor, device, factory.guest_name())
        if not decision.allowed:
            raise Refused(decision.status)
        if pages == 0 and self.profile.size_zero == "one-page":
            pages = 1
        region = self._region(decision.host_name, pages)
        mode = self._mode(step) if self.profile.permission_options == "accepted" else None
        if region is None:
            group = known_group(guest_group(self.facts.vdevs[step.actor][device]))
            region = self._made(decision.host_name, pages, step.actor, mode, group)
        elif (pages == 0 and self.profile.size_zero == "refused") or (
            pages not in (0, region.pages) and self.profile.size_mismatch == "refused"
        ):
            raise Refused(Status.UNKNOWN_FAILURE)
        elif self.profile.flags == "creation-and-attach" and (mode or 0) & ~(region.mode or 0):
            raise Refused(Status.NO_PERMISSION)
        held = self._held(step.actor, device, region)
        return held or self._join(region, step.actor, step.connection, device)

    def _held(self, actor: str, device: int, region: Region) -> Client | None:
        """The connection that the guest has already, where that is the answer (SHM-OPEN-24)."""
        mine = [client for client in self.clients[actor].values() if client.region is region]
        own = [client for client in mine if client.device == device]
        others = [client for client in mine if client.device != device]
        for held, reading in ((own, self.profile.double_attach), (others, self.profile.double_attach_other_vdev)):
            if held and reading == "refused":
                raise Refused(Status.UNKNOWN_FAILURE)
            if held and reading == "same-connection":
                return held[0]
        return None

    def _mode(self, step: Step) -> int:
        flags = self._factory(step).flags
        if flags & ~0o666 and self.profile.flags_unknown_bits == "refused":
            raise Refused(Status.UNKNOWN_FAILURE)
        return guest_mode(self.facts.vdevs[step.actor][step.number("DEVICE")], flags, self.profile)

    def _found(self, step: Step, number: int) -> Client:
        """The connection that ``find`` selects (SHM-OPEN-27; only among the device's own ones)."""
        own = [one for one in self.clients[step.actor].values() if one.device == step.number("DEVICE")]
        own.sort(key=lambda client: client.window)
        if number >= len(own):
            raise Refused(Status.DOES_NOT_EXIST)
        return own[number]

    # Registers

    def _factory(self, step: Step) -> Factory:
        return self.devices[step.actor][step.number("DEVICE")]

    def _shown(self, step: Step) -> list[Client]:
        """The connections of the device."""
        device = step.number("DEVICE")
        return [client for client in self.clients[step.actor].values() if client.device == device]

    def _registers(self, factory: Factory) -> Outcome:
        return {
            "status": factory.status,
            "shmem": self._shmem(factory),
            "size": factory.size,
            "vector": factory.vector,
        }

    def _do_factory(self, step: Step) -> Outcome:
        factory = self._factory(step)
        name = {f"name{at}": int.from_bytes(factory.name[at : at + 8], "little") for at in range(0, reg.NAME_SIZE, 8)}
        flags = factory.flags_read(self.profile)
        return {"signature": reg.SIGNATURE, **self._registers(factory), **name, "flags": flags}

    def _page(self, factory: Factory) -> bytes:
        """The registers as bytes, but for shmem, which has an address."""
        words = (factory.vector, factory.status, factory.size)
        page = reg.SIGNATURE.to_bytes(8, "little") + bytes(8) + b"".join(word.to_bytes(4, "little") for word in words)
        return page + factory.name + bytes(4) + factory.flags_read(self.profile).to_bytes(4, "little")

    def _do_peek(self, step: Step) -> Outcome:
        offset, width = step.number("OFFSET"), step.number("WIDTH")
        part = self._page(self._factory(step))[offset : offset + width].ljust(width, b"\0")
        return {"value": int.from_bytes(part, "little")}

    def _do_poke(self, step: Step) -> Outcome:
        """A store to the factory page that triggers nothing: it covers neither size nor find whole."""
        self._store(step, step.number("OFFSET"), step.number("VALUE").to_bytes(step.number("WIDTH"), "little"))
        return {"done": 0}

    def _store(self, step: Step, offset: int, data: bytes) -> None:
        """The bytes of a store that fall into the name, or into the whole of flags."""
        factory, end = self._factory(step), offset + len(data)
        first, last = max(offset, reg.NAME_OFFSET), min(end, reg.NAME_OFFSET + reg.NAME_SIZE)
        if first < last:
            factory.store_name(data[first - offset : last - offset], first - reg.NAME_OFFSET)
        at = reg.FLAGS_OFFSET - offset
        if at >= 0 and end >= reg.FLAGS_OFFSET + 4 and self.profile.flags != "absent":
            factory.flags = int.from_bytes(data[at : at + 4], "little")

    # Connections

    def _do_detach(self, step: Step) -> Outcome:
        if step.number("OFFSET") <= reg.CONTROL_NOTIFY_OFFSET:
            word = step.number("VALUE") & 0xFFFF_FFFF
            self._client(step).region.notify(self._client(step), word, self.profile)
        self._leave(step.actor, step.connection)
        return {"done": 0}

    def _do_notify(self, step: Step) -> Outcome:
        self._client(step).region.notify(self._client(step), step.number("MASK"), self.profile)
        return {"done": 0}

    def _do_status(self, step: Step) -> Outcome:
        return {"control": self._client(step).hear(), "index": self._client(step).index}

    def _do_write(self, step: Step) -> Outcome:
        region = self._client(step).region
        region.words[2 * (step.number("PAGE") % region.pages)] = step.number("VALUE")
        return {"done": 0}

    def _do_read(self, step: Step) -> Outcome:
        region = self._client(step).region
        return {"value": region.edge(2 * (step.number("PAGE") % region.pages))}

    def _do_mark(self, step: Step) -> Outcome:
        self._client(step).region.mark(step.number("SEED"))
        return {"done": 0}

    def _do_edges(self, step: Step) -> Outcome:
        return {"crc32": self._client(step).region.edges()}

    def _do_left(self, step: Step) -> Outcome:
        del step
        return {"foreign": 0}

    def _do_stale(self, step: Step) -> Outcome:
        del step
        return {"amiss": 0}

    _do_beyond = _do_stale

    def _do_load(self, step: Step) -> Outcome:
        """A load of any width from status and index."""
        client, offset = self._client(step), step.number("OFFSET")
        page = client.word().to_bytes(4, "little") + client.index.to_bytes(4, "little")
        if offset < reg.CONTROL_IDX_OFFSET:
            client.pending, client.unread = 0, False
        return {"value": int.from_bytes(page[offset : offset + step.number("WIDTH")], "little")}

    def _do_store(self, step: Step) -> Outcome:
        """A store to the control page that does nothing: to what is read only, or to a part of notify."""
        del step
        return {"done": 0}

    _do_wait = _do_store

    # Interrupts

    def _do_listen(self, step: Step) -> Outcome:
        due = self._factory(step).due
        due.start(step.number("HOW"))
        for client in self._shown(step):
            client.listened()
        return {"listens": int(step.number("HOW") != 0)}

    def _do_interrupts(self, step: Step) -> Outcome:
        if not self._factory(step).due.how:
            return {"amiss": NOTHING}
        self._factory(step).due.counted()
        for client in self._shown(step):
            client.counted()
        return {"amiss": 0}

    def _do_config(self, step: Step) -> Outcome:
        return {"value": int.from_bytes(self.facts.fixed(step), "little")}

    _do_configure = _do_store

    def _do_asserted(self, step: Step) -> Outcome:
        """The status register of a function, which says whether a change of any region is unread (SHM-OPEN-13)."""
        status = int.from_bytes(self.facts.header(step)[reg.PCI_STATUS : reg.PCI_STATUS + 2], "little")
        unread = self.profile.pci_interrupt_status == "shown" and any(client.unread for client in self._shown(step))
        return {"value": status & ~reg.PCI_STATUS_INTERRUPT | reg.PCI_STATUS_INTERRUPT * unread}

    def _do_pin(self, step: Step) -> Outcome:
        self._factory(step).due.off = not step.number("ON")
        return {"done": 0}

    def _do_ones(self, step: Step) -> Outcome:
        self._factory(step).due.off |= self.profile.pci_pin_off == "bit-10"
        return {"done": 0}

    # Programs of the host, which do with a region what a guest does

    _host_notify = _do_notify
    _host_write = _do_write
    _host_read = _do_read
    _host_mark = _do_mark
    _host_edges = _do_edges
