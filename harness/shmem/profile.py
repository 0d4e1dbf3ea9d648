# SPDX-License-Identifier: Apache-2.0
"""What a release of the hypervisor is taken to do where its documentation is silent or changed.

A profile is data: one field per open question, whose type lists the possible readings. Emulator and oracle implement
every reading, each on its own; a target's file picks a preset and overrides fields. The presets follow the sources
as far as they speak, and the documentation of a field says what the choice rests on. No reading is spelled ``yes``,
``no``, ``on`` or ``off``, because YAML turns those into booleans.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple, Self, get_args, get_type_hints

from harness.errors import UsageError


class Question(NamedTuple):
    """An open question: the number NN of its requirement SHM-OPEN-NN (0: a known difference) and what it asks."""

    number: int
    text: str


Q = Question


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One reading for each open question. Compare by value; change one with ``dataclasses.replace``."""

    # Restrictions list.
    mixed_rules: Annotated[
        Literal[
            "first-match",
            "deny-wins",
            "most-specific",
            "last-match",
            "rejected",
            "allow-only",
            "deny-only",
        ],
        Q(
            1,
            "Which rule decides when a list holds both kinds. 'most-specific': a pattern without metacharacters, else "
            "the one with the most literal characters, else the earlier one. 'rejected': qvm ends with status 65. "
            "'allow-only' and 'deny-only': the other kind is ignored, as if it were not there. Default: the manuals "
            "speak of a list with a last entry, which suggests an ordered walk; the example of 7.0 excludes only "
            "'last-match' and 'allow-only'.",
        ),
    ] = "first-match"
    mixed_tail: Annotated[
        Literal["deny", "allow", "first-kind", "last-kind"],
        Q(
            2,
            "What happens to a name that no rule of a mixed list covers. 'first-kind' and 'last-kind': the opposite "
            "of the kind of the first or last rule. Default: 7.0 states the implicit deny for any list with an allow.",
        ),
    ] = "deny"
    denied_status: Annotated[
        Literal["NO_PERMISSION", "UNKNOWN_FAILURE", "ILLEGAL_NAME"],
        Q(
            18,
            "Status of a request that a rule refuses. Default: the code that the 2018 header added for it; the manual "
            "of 7.0 already documents that edition's registers.",
        ),
    ] = "NO_PERMISSION"

    # Patterns.
    pattern_syntax: Annotated[
        Literal["star", "glob", "glob-escape"],
        Q(
            4,
            "'star': only * is special. 'glob': also ? and bracket sets with ! or ^ and ranges and [:class:]. "
            "'glob-escape': also a backslash, inside sets too, makes the next character ordinary. An unclosed set is "
            "an ordinary '[', a trailing backslash an ordinary backslash, a reversed range is empty; a class has small "
            "letters for a name, and an unknown one is empty; a class cannot end a range. Patterns match "
            "the bytes of the whole name. Default: the manual says 'as in shell file-name expansion'.",
        ),
    ] = "glob-escape"
    pattern_case: Annotated[
        Literal["sensitive", "insensitive"], Q(4, "Whether ASCII letters match in either case. Default: as the shell.")
    ] = "sensitive"
    pattern_slash: Annotated[
        Literal["ordinary", "separator"],
        Q(
            4,
            "'separator': *, ? and sets do not match '/'. Default: names are not paths, so the reading without special "
            "cases.",
        ),
    ] = "ordinary"
    pattern_dot: Annotated[
        Literal["ordinary", "explicit"],
        Q(
            4,
            "'explicit': a '.' at the beginning of the name is matched only by a '.' at the beginning of the pattern. "
            "Default as for the slash.",
        ),
    ] = "ordinary"
    pattern_empty: Annotated[
        Literal["rejected", "matches-empty"], Q(4, "An empty pattern: status 65, or a rule for the empty name.")
    ] = "rejected"

    # Substitution.
    subst_anchor: Annotated[
        Literal["anywhere", "start", "whole"],
        Q(5, "Where the first field is looked for. Default: 7.0 speaks of a string inside the name."),
    ] = "anywhere"
    subst_occurrences: Annotated[
        Literal["first", "all"], Q(6, "Which occurrences are replaced, from the left, without overlap.")
    ] = "first"
    subst_unmatched: Annotated[
        Literal["unchanged", "prefixed", "refused"],
        Q(
            7,
            "A name in which the first field is not found: kept, prefixed all the same, or the request is refused as "
            "by a rule. Default: 7.0 says that the string is replaced if it is found.",
        ),
    ] = "unchanged"
    rules_see: Annotated[
        Literal["guest-name", "host-name"],
        Q(8, "The name that rules are matched against. Default: rules are described by the name that the guest uses."),
    ] = "guest-name"
    subst_several: Annotated[
        Literal["first-found", "last", "chain", "rejected"],
        Q(
            9,
            "Several subst in one vdev: the first whose first field is found (none found: as for one), only the last "
            "one, each on the result of the one before, or status 65. Default: repeated options of this vdev form "
            "lists.",
        ),
    ] = "first-found"
    subst_on_create: Annotated[
        Literal["positional", "global", "ignored"],
        Q(
            9,
            "Which subst translate a create: those before it, all of the vdev, or none. Default: the example writes "
            "subst first, and 8.0 documents that the order of options matters for gid and umask.",
        ),
    ] = "positional"
    name_readback: Annotated[
        Literal["guest-name", "host-name"], Q(9, "What the name register reads after a successful request.")
    ] = "guest-name"
    overlong_host_name: Annotated[
        Literal["illegal", "truncated"],
        Q(
            9,
            "A host-side name that is longer than a guest may write (name_unterminated): the request is refused as "
            "illegal, or the name is cut. In every other respect the host-side name must be as legal as a guest's.",
        ),
    ] = "illegal"

    # Creation at start.
    create_vs_rules: Annotated[
        Literal["bypass", "obey", "implies-allow"],
        Q(
            10,
            "'obey': a create of a name that would be refused to the guest itself keeps the guest from starting. "
            "'implies-allow': the guest may use the name whatever the rules say. Default: rules limit the guest, "
            "create is the integrator's.",
        ),
    ] = "bypass"
    create_slot: Annotated[
        Literal["free", "held"],
        Q(
            11,
            "Whether qvm holds a client index in the regions that it creates. In public, one project saw the host"
            " at 0 and a guest's first attach at 2 each time, another one the guest at 1; whether their "
            "configurations have a create is not known.",
        ),
    ] = "free"
    create_rounding: Annotated[
        Literal["up", "rejected"], Q(12, "A create whose size is not a multiple of a page: rounded up, or status 65.")
    ] = "up"
    create_existing: Annotated[
        Literal["keep", "rejected"],
        Q(12, "A create of a region that exists with another size: it stays as it is, or the guest does not start."),
    ] = "keep"
    umask_on_mode: Annotated[
        Literal["default-only", "always"],
        Q(0, "SHM-PERM-03: whether umask takes bits from an explicit MODE of a create, too."),
    ] = "default-only"

    # Requests.
    size_mismatch: Annotated[
        Literal["attach", "refused", "separate"],
        Q(
            12,
            "A request for an existing name with another size: attached with the real size, failed with "
            "UNKNOWN_FAILURE, or a region of its own. Default: the vendor's sample: the first creator decides.",
        ),
    ] = "attach"
    size_zero: Annotated[
        Literal["refused", "attach-only", "one-page"],
        Q(
            12,
            "A request for 0 pages: UNKNOWN_FAILURE; attached when the region exists, else UNKNOWN_FAILURE; taken "
            "for 1.",
        ),
    ] = "refused"
    name_empty: Annotated[Literal["illegal", "legal"], Q(16, "The empty name.")] = "illegal"
    name_unterminated: Annotated[
        Literal["illegal", "legal", "truncated"], Q(16, "A name that fills all 32 bytes, without a NUL.")
    ] = "illegal"
    name_slash: Annotated[
        Literal["illegal", "legal"], Q(16, "A name with '/'. Default: regions are host shared-memory objects.")
    ] = "illegal"
    name_control: Annotated[Literal["illegal", "legal"], Q(16, "A name with a byte below 0x20, or 0x7f.")] = "illegal"
    name_non_ascii: Annotated[Literal["illegal", "legal"], Q(16, "A name with a byte of 0x80 or above.")] = "legal"
    name_leading_dot: Annotated[Literal["illegal", "legal"], Q(16, "A name that begins with '.'.")] = "legal"
    double_attach: Annotated[
        Literal["second-connection", "same-connection", "refused"],
        Q(
            24,
            "A second request for a region that this vdev holds, and SHM-OPEN-33: writing size again. 'refused' is "
            "UNKNOWN_FAILURE. Default: the one field report on it.",
        ),
    ] = "second-connection"
    double_attach_other_vdev: Annotated[
        Literal["second-connection", "same-connection", "refused"],
        Q(
            24,
            "The same from another vdev shmem of the same guest. 'same-connection': shmem is the page that the other "
            "one shows.",
        ),
    ] = "second-connection"

    # Registers.
    initial_status: Annotated[
        Literal["OK", "UNKNOWN_FAILURE"], Q(19, "Status before the first request; the other registers read zero.")
    ] = "OK"
    failed_size: Annotated[
        Literal["requested", "zero", "previous"],
        Q(19, "What size reads after a failed request: what was asked, 0, or what it read before that."),
    ] = "requested"
    failed_shmem: Annotated[Literal["previous", "zero"], Q(19, "What shmem reads after a failed request.")] = "previous"
    access_widths: Annotated[
        Literal["any", "power-of-two", "natural"],
        Q(
            17,
            "Accesses that reach a register: any; 1, 2, 4 or 8 bytes that are aligned to their width; only the "
            "register's own width (name: single bytes and aligned words; 64-bit registers: also two words). Default: "
            "clients use byte, word and doubleword accesses and library string functions. A bus error that was seen in "
            "public came from a block copy to memory without caching, which shows nothing about widths.",
        ),
    ] = "any"
    bad_access: Annotated[
        Literal["ignored", "guest-abort", "qvm-exit"],
        Q(17, "Any other access: reads ones and stores nothing, faults in the guest, or ends qvm with status 6."),
    ] = "ignored"
    find: Annotated[
        Literal["absent", "own-connections", "host-regions", "by-name"],
        Q(
            27,
            "What a number written to find selects: nothing, as there is no such register; the connections that the "
            "device has open, each with the lowest number that was free; the host's regions, in order; the region that "
            "the name register names. Default: the manuals say that it looks up an existing connection.",
        ),
    ] = "own-connections"
    find_attaches: Annotated[
        Literal["loads-registers", "attaches"], Q(27, "Whether a find that finds a region also attaches to it.")
    ] = "loads-registers"
    find_rules: Annotated[
        Literal["applied", "bypassed"], Q(27, "Whether a region that the rules refuse can be found.")
    ] = "applied"
    flags: Annotated[
        Literal["absent", "creation", "creation-and-attach"],
        Q(
            15,
            "The flags register: none (before 8.0), permissions of what is created, also checked at attach. One "
            "revision of the register page of 8.0 ends before it.",
        ),
    ] = "absent"
    flags_access: Annotated[Literal["read-write", "write-only"], Q(15, "What flags reads: the last value, or 0.")] = (
        "read-write"
    )
    flags_unknown_bits: Annotated[
        Literal["ignored", "refused"], Q(15, "Bits outside 0666: dropped, or the request is UNKNOWN_FAILURE.")
    ] = "ignored"
    flags_zero: Annotated[
        Literal["default-mode", "no-permissions"],
        Q(15, "A flags value of 0, which is also its reset value: 0666 less the umask, or no permission at all."),
    ] = "default-mode"

    # Connections.
    index_reuse: Annotated[
        Literal["lowest-free", "round-robin", "never-until-full"],
        Q(
            20,
            "Index of a new client: the lowest free one; the next free one after the last given, cyclically; the next "
            "never used one while there is one, then the lowest free one. All give 0, 1, ... to the first clients.",
        ),
    ] = "lowest-free"
    notify_own_bit: Annotated[
        Literal["signals", "ignored"],
        Q(21, "The sender's own bit in notify. Default: the host header has a mask for everyone including the sender."),
    ] = "signals"
    notify_high_bits: Annotated[
        Literal["ignored", "drops-all"],
        Q(21, "Bits 31:16 of a notify word other than all ones: without effect, or the whole word is without effect."),
    ] = "ignored"
    notify_idle: Annotated[
        Literal["dropped", "kept"],
        Q(21, "A signal to an index that no client holds: lost, or seen by the next client with that index."),
    ] = "dropped"
    interrupt_on: Annotated[
        Literal["status-change", "every-event", "members-only"],
        Q(
            22,
            "When a client is interrupted: its status word changes; also on a signal whose bit is already set; only "
            "when the member set changes. Default: the vendor's sample driver states the first.",
        ),
    ] = "status-change"
    interrupt_shape: Annotated[
        Literal["level", "edge"],
        Q(
            14,
            "The line: asserted until status is read, or one edge per interrupt. Default: clients request a "
            "level. A public handler, perhaps of another vdev, looks at flags of its own and does not read status"
            " each time: an edge per change would leave it waiting.",
        ),
    ] = "level"
    detached_window: Annotated[
        Literal["scratch", "ones", "guest-abort", "qvm-exit"],
        Q(
            23,
            "An access to the window of a region that was left: private memory that shows nothing of any region, all "
            "ones and stores nothing, a fault in the guest, or the end of qvm with status 6. Nothing is documented.",
        ),
    ] = "scratch"
    window_reuse: Annotated[
        Literal["lowest-free", "round-robin"],
        Q(23, "Whether the next attach may be given the address of one that left."),
    ] = "lowest-free"
    region_lifetime: Annotated[
        Literal["last-client", "creating-qvm", "host-reboot"],
        Q(
            25,
            "When a region that a request made is gone: its last client leaves; also the qvm that made it has ended; "
            "the host restarts. In public, indices of guests that crashed stayed taken until the host restarted (one "
            "project of 8.0).",
        ),
    ] = "last-client"
    create_lifetime: Annotated[
        Literal["last-client", "creating-qvm", "host-reboot"],
        Q(25, "The same for a region that create made; with 'last-client' it lasts at least until the first one left."),
    ] = "creating-qvm"
    new_content: Annotated[
        Literal["zeroed", "stale"],
        Q(
            26,
            "Content of a region that is made under a name that was in use before. In public, one project of 8.0 "
            "saw content survive a stop and start of the guest while the host held nothing, after it had said the"
            " opposite.",
        ),
    ] = "zeroed"

    # Placement.
    pci_msi: Annotated[
        Literal["present", "absent"], Q(13, "Whether the PCI function has an MSI capability beside its interrupt pin.")
    ] = "present"
    pci_pin_off: Annotated[
        Literal["bit-10", "bit-10-unless-all-ones"],
        Q(
            13,
            "What a guest writes to the PCI command register to switch the interrupt pin off: bit 10, or bit 10 in a "
            "word that is not all ones. Default: the vendor's sample guest program writes all ones and then waits for "
            "the interrupt; drivers that mean the bit write it into what they have read.",
        ),
    ] = "bit-10-unless-all-ones"
    pci_interrupt_status: Annotated[
        Literal["shown", "zero"],
        Q(
            13,
            "Whether bit 3 of the PCI status register says that a change is unread, or is always zero, as before PCI "
            "2.3. Default: drivers that share the line of a pin without knowing the device ask for it.",
        ),
    ] = "shown"
    pci_vector: Annotated[
        Literal["pin-line", "zero"],
        Q(
            13,
            "What vector reads at a device on PCI: the line on which its pin arrives, or 0. Default: a public client "
            "for PCs takes it for the input of the IO-APIC.",
        ),
    ] = "pin-line"
    arm_pci: Annotated[
        Literal["present", "absent"],
        Q(
            32,
            "Whether an ARM guest has a PCI bus, so that a vdev without loc works. A comment in a public ARM "
            "configuration says to leave out loc and intr where the guest has PCI.",
        ),
    ] = "present"
    dev_node: Annotated[
        Literal["present", "absent"],
        Q(
            31,
            "Whether a named shmem vdev appears below /dev/qvm/SYSTEM/. Default: the manual of 7.0 says so of the "
            "named vdevs of its example, a shmem among them.",
        ),
    ] = "present"

    # Configurations that qvm may refuse.
    loc_without_intr: Annotated[
        Literal["rejected", "accepted"], Q(30, "An address without an interrupt. Default: the manual demands both.")
    ] = "rejected"
    intr_without_loc: Annotated[
        Literal["rejected", "accepted"],
        Q(
            30,
            "An interrupt without an address, so for a PCI device. Default: the manual has the two options together; "
            "the bus decides the interrupt of a PCI device.",
        ),
    ] = "rejected"
    loc_collision: Annotated[
        Literal["rejected", "accepted"], Q(30, "An address that lies in RAM, ROM or another device.")
    ] = "rejected"
    intr_collision: Annotated[Literal["rejected", "accepted"], Q(30, "An interrupt line that another device uses.")] = (
        "rejected"
    )
    gid_without_mode: Annotated[
        Literal["rejected", "accepted"], Q(30, "A create with GID and no MODE. Default: 8.0 says that GID needs MODE.")
    ] = "rejected"

    # Documented differences between releases.
    permission_options: Annotated[
        Literal["rejected", "accepted"], Q(0, "gid, umask, and MODE and GID of create: later 8.0 only.")
    ] = "rejected"
    bare_loc: Annotated[
        Literal["rejected", "accepted"], Q(0, "loc without an address, which asks for a PCI device: 8.0 only.")
    ] = "rejected"

    @classmethod
    def load(cls, name: str, overrides: Mapping[str, object] | None = None) -> Self:
        """The preset ``name`` with ``overrides`` (field name to reading). Raises UsageError for an unknown one."""
        preset = PROFILES.get(name)
        if preset is None:
            raise UsageError(f"no profile '{name}'", remedy=f"choose one of {', '.join(PROFILES)}")
        changes = dict(overrides or {})
        for field, value in changes.items():
            _check(field, value)
        return cls(**{**dataclasses.asdict(preset), **changes})

    @property
    def lets_look_where_left(self) -> bool:
        """Whether a guest can look where it has left a region: that harms nobody, and shows nothing of any region."""
        return self.detached_window in ("scratch", "ones")

    @property
    def takes_any_access(self) -> bool:
        """Whether qvm goes on whatever a guest loads and stores in a window: in vain, or with a fault at most."""
        return self.detached_window != "qvm-exit" and (self.access_widths == "any" or self.bad_access != "qvm-exit")

    @property
    def keeps_created(self) -> bool:
        """Whether a create leaves a region as it is that is there already, and takes none of its places for clients."""
        return (self.create_existing, self.create_slot) == ("keep", "free")

    def held_clients(self, creators: int) -> int:
        """How many clients a region has by the qvms of ``creators`` guests which name it in a ``create``."""
        return creators if self.create_slot == "held" else 0

    def differences(self, other: Profile) -> dict[str, tuple[str, str]]:
        """The fields in which two profiles differ, with the reading of each."""
        return {
            name: (getattr(self, name), getattr(other, name))
            for name in FIELDS
            if getattr(self, name) != getattr(other, name)
        }


class FieldInfo(NamedTuple):
    """A field of a profile: the question that it answers, its readings, and the reading of the 7.0 preset."""

    question: Question
    readings: tuple[str, ...]
    default: str


def _field_info() -> dict[str, FieldInfo]:
    hints = get_type_hints(Profile, include_extras=True)
    result = {}
    for field in dataclasses.fields(Profile):
        readings, question = get_args(hints[field.name])
        result[field.name] = FieldInfo(question, get_args(readings), str(field.default))
    return result


FIELDS: Final[Mapping[str, FieldInfo]] = MappingProxyType(_field_info())


def _check(field: str, value: object) -> None:
    """Raise UsageError unless ``value`` is a reading of ``field``."""
    if field not in FIELDS:
        close = difflib.get_close_matches(field, FIELDS, n=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"the fields are {', '.join(FIELDS)}"
        raise UsageError(f"a profile has no field '{field}'", remedy=remedy)
    readings = FIELDS[field].readings
    if value not in readings:
        raise UsageError(
            f"'{value}' is not a reading of the profile field '{field}'", remedy=f"choose one of {', '.join(readings)}"
        )


_V7_0: Final = Profile()
# 7.1's manual repeats the rules with stricter advice; whether the code changed is open (SHM-OPEN-03). Nothing differs.
_V7_1: Final = Profile()
_V8_0: Final = Profile(flags="creation", permission_options="accepted", bare_loc="accepted")

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType({"7.0": _V7_0, "7.1": _V7_1, "8.0": _V8_0})
"""The presets, by release."""
