# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a configuration that can be read: everything that qvm is taken to refuse under a profile.

What only may be wrong, because a host may know more than the harness, is a doubt and no error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.shmem.config import grammar, memory_map
from harness.shmem.config.errors import ConfigError, Position, Remark
from harness.shmem.config.memory_map import Range
from harness.shmem.config.model import Context, Option, Ram, Rom, Vdev, VmConfig
from harness.shmem.config.numbers import is_number
from harness.shmem.config.references import Intr, parse_intr
from harness.shmem.config.shmem import Create, Gid, ShmemVdev, Umask, shmems_of
from harness.shmem.config.variables import is_open, references
from harness.shmem.config.words import show
from harness.shmem.profile import Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE, PAGE_SIZE


def validate(config: VmConfig, profile: Profile) -> list[ConfigError]:
    """All problems of ``config`` under ``profile``, in the order of the text. Looks at no file."""
    problems = [
        *_system(config),
        *_memory(config),
        *_names(config),
        *_interrupts(config, profile),
        *_collisions(config, profile),
    ]
    for vdev in shmems_of(config):
        problems += [
            *_placement(vdev, profile),
            *list_problems(vdev, profile),
            *_permissions(vdev, profile),
            *_creates(vdev, profile),
        ]
    return sorted(problems, key=lambda problem: (problem.position.file, problem.position.line, problem.position.column))


def is_file(path: Path) -> bool:
    """Whether there is such a file. A name that is too long, or behind a folder that nobody may read, is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def missing_files(config: VmConfig, base: Path) -> list[ConfigError]:
    """Images that ``load`` names and that are no files; relative names are looked up below ``base``."""
    return [
        ConfigError(
            "no such file", load.position, found=show(load.file), expected=f"a file below {base}", code="missing-file"
        )
        for load in config.loads
        if not references(load.file) and not is_file(base / load.file)
    ]


def _before(one: Position, other: Position) -> bool:
    """Whether ``one`` stands before ``other`` in the same file."""
    return one.file == other.file and (one.line, one.column) < (other.line, other.column)


_LONGEST_FILE_NAME: Final = 254
"""Bytes. File systems have 255; the emulated host puts a dot in front while the VM starts."""


def _path_part(name: str, what: str, position: Position) -> Iterator[ConfigError]:
    """A name that becomes a part of a path below /dev/qvm."""
    size = len(name.encode("utf-8", "surrogateescape"))
    if size > _LONGEST_FILE_NAME:
        yield ConfigError(
            f"{what} is too long for a name below /dev/qvm",
            position,
            found=f"{size} bytes",
            expected=f"at most {_LONGEST_FILE_NAME}",
            code="name-too-long",
        )
    if name in ("", ".", "..") or "/" in name or "\n" in name:
        yield ConfigError(
            f"{what} cannot be a name below /dev/qvm",
            position,
            found=show(name),
            expected="no '/' and one line",
            code="bad-name",
        )


def _system(config: VmConfig) -> Iterator[ConfigError]:
    if config.system is None:
        return
    yield from _path_part(config.system, "name of the system", config.system_position)


def _set_before_system(config: VmConfig) -> Iterator[Remark]:
    for option in config.others:
        if option.name == "set" and config.system is not None and _before(option.position, config.system_position):
            text = "'set' stands before 'system'; some releases reject it"
            yield Remark("warning", option.position, text, "system-first")


def _memory(config: VmConfig) -> Iterator[ConfigError]:
    items: tuple[Ram | Rom, ...] = (*config.rams, *config.roms)
    for item in items:
        if item.length == 0:
            yield ConfigError("memory of size 0", item.position, code="size-zero")
        elif item.address is not None and item.address + item.length > 1 << 64:
            yield ConfigError("memory ends beyond 64 bits", item.position, code="size-too-large")


_NAMED_BY_PATHS: Final = frozenset({"virtio-net"})
"""Vdevs whose name is that of an end of a connection, which public configurations write as a path."""


def _names(config: VmConfig) -> Iterator[ConfigError]:
    seen: dict[str, Position] = {}
    for vdev in config.vdevs:
        option = vdev.option("name")
        if option is None or option.argument is None:
            continue
        name = option.argument
        if vdev.kind not in _NAMED_BY_PATHS and vdev.kind in grammar.VDEVS:
            yield from _path_part(name, "name of the vdev", option.position)
        if name in seen:
            yield ConfigError(
                f"two vdevs are named {show(name)}",
                option.position,
                found=f"the first at {seen[name]}",
                code="duplicate-name",
            )
        seen.setdefault(name, option.position)
        if vdev.kind in grammar.CONTROLLER_KINDS and ":" in name:
            yield ConfigError(
                "name of an interrupt controller holds a colon, so nothing can refer to it",
                option.position,
                found=show(name),
                code="controller-name",
            )


def _interrupt_options(config: VmConfig) -> Iterator[tuple[Vdev | Context, Option, Intr]]:
    """The interrupts that vdevs and contexts name, and who names them, as far as their form is known."""
    owners: tuple[Vdev | Context, ...] = (*config.vdevs, *config.contexts)
    for owner in owners:
        for option in owner.options:
            if option.name not in ("intr", "intrmap") or not option.understood:
                continue
            # 'pass' may add attributes and the host's vector: PIC:LINE[,ATTRIBUTE][=VECTOR].
            parts = option.text.partition("=")[0].split(",")
            for part in parts[:1] if isinstance(owner, Context) else parts:
                if (intr := _interrupt(part, option.argument_position)) is not None:
                    yield owner, option, intr


def _interrupt(text: str, position: Position) -> Intr | None:
    try:
        intr = None if is_open(text) or is_number(text) else parse_intr(text, position)
    except ConfigError:
        return None
    return None if intr is None or intr.pin else intr


def _interrupts(config: VmConfig, profile: Profile) -> Iterator[ConfigError]:
    controllers = _controllers(config)
    own_names = _own_names(config)
    used: dict[Intr, tuple[str, Position]] = {}
    for owner, option, intr in _interrupt_options(config):
        if controllers.get(intr.pic) is False:
            yield ConfigError(
                f"{show(intr.pic)} is the name of a vdev that is not an interrupt controller",
                option.position,
                found=show(str(intr)),
                code="unknown-controller",
            )
        if intr.line is None:
            continue
        line = replace(intr, pic=own_names.get(intr.pic, intr.pic))
        first, where = used.setdefault(line, (owner.kind, option.position))
        if where is not option.position and profile.intr_collision == "rejected":
            if {first, owner.kind} == grammar.SHARED_LINES:
                continue
            yield ConfigError(
                f"interrupt {intr} is used twice", option.position, found=f"the first at {where}", code="interrupt-used"
            )


def _controllers(config: VmConfig) -> dict[str, bool]:
    """For each name that an interrupt may refer to whether it is that of an interrupt controller."""
    controllers = {
        name: vdev.kind in grammar.CONTROLLER_KINDS or vdev.kind not in grammar.VDEVS
        for vdev in config.vdevs
        if (name := vdev.name) is not None
    }
    return controllers | dict.fromkeys(grammar.IMPLICIT_CONTROLLERS, True)


def _own_names(config: VmConfig) -> dict[str, str]:
    """The controllers that are there under another name as well, by the name that their vdev gives them."""
    kinds = [vdev.kind for vdev in config.vdevs]
    return {
        name: vdev.kind
        for vdev in config.vdevs
        if (name := vdev.name) is not None and vdev.kind in grammar.IMPLICIT_CONTROLLERS and kinds.count(vdev.kind) == 1
    }


def doubts(config: VmConfig, profile: Profile) -> list[Remark]:
    """What may be wrong with ``config``, in the order of the text, where the harness cannot know that it is."""
    found = [
        *_set_before_system(config),
        *_undeclared(config),
        *_no_lines(config),
        *_doubtful_collisions(config, profile),
    ]
    return sorted(found, key=lambda doubt: (doubt.position.file, doubt.position.line, doubt.position.column))


def _undeclared(config: VmConfig) -> Iterator[Remark]:
    """Interrupt controllers that nothing declares; a host may have more of them than the documents say."""
    controllers = _controllers(config)
    known = " and ".join(show(name) for name in sorted(grammar.IMPLICIT_CONTROLLERS))
    seen: set[str] = set()
    for _, option, intr in _interrupt_options(config):
        if intr.pic in controllers or intr.pic in seen:
            continue
        seen.add(intr.pic)
        text = (
            f"interrupt controller {show(intr.pic)} is not declared: no vdev has that name, and {known} are the ones "
            "that need none"
        )
        yield Remark("warning", option.position, text, "unknown-controller")


def _no_lines(config: VmConfig) -> Iterator[Remark]:
    """Lines that a controller of that name has not for devices."""
    for _, option, intr in _interrupt_options(config):
        lines = grammar.LINES_OF.get(intr.pic)
        if lines is not None and intr.line is not None and intr.line not in lines:
            text = f"a device has no line {intr}: the lines of '{intr.pic}' are {lines.start} to {lines.stop - 1}"
            if intr.line < lines.start:
                text += "; a device tree writes them without the 32 in front"
            yield Remark("warning", option.position, text, "no-line")


def _collision(one: Range, two: Range) -> str:
    return f"{two.owner} at {two.start:#x} collides with {one.owner} at {one.start:#x}-{one.end - 1:#x}"


def _collisions(config: VmConfig, profile: Profile) -> Iterator[ConfigError]:
    if profile.loc_collision == "accepted":
        return
    for one, two in memory_map.collisions(config):
        if not _is_doubtful(one, two):
            yield ConfigError(
                _collision(one, two),
                two.position,
                found=f"the other at {one.position}" if one.position.file else "",
                code="address-collision",
            )


def _is_doubtful(one: Range, two: Range) -> bool:
    return one.assumed or two.assumed or not (one.understood and two.understood)


def _doubtful_collisions(config: VmConfig, profile: Profile) -> Iterator[Remark]:
    """Collisions that follow from where memory without an address is taken to lie, or from an unknown vdev."""
    if profile.loc_collision == "accepted":
        return
    for one, two in memory_map.collisions(config):
        if not (one.assumed or two.assumed):
            if _is_doubtful(one, two):
                unknown = two if one.understood else one
                text = f"{_collision(one, two)}, if 'loc' of '{unknown.owner}' is the guest's address"
                yield Remark("warning", two.position, text, "address-collision")
        else:
            memory = one if one.assumed else two
            text = (
                f"{_collision(one, two)}; but the '{memory.owner}' at {memory.position} has no address, and the base "
                f"{memory.start:#x} was assumed: write the address"
            )
            yield Remark("warning", two.position, text, "address-collision")


def _placement(vdev: ShmemVdev, profile: Profile) -> Iterator[ConfigError]:
    if vdev.open_placement:
        return
    options = [entry for entry in vdev.options if isinstance(entry, Option) and entry.name == "loc"]
    where = options[-1].position if options else vdev.position
    if profile.bare_loc == "rejected":
        for option in options:
            if option.argument is None:
                expected = "an address, before release 8.0"
                yield ConfigError("'loc' without an address", option.position, expected=expected, code="release")
    if vdev.loc is None:
        if vdev.intr is not None and profile.intr_without_loc == "rejected":
            yield ConfigError("'intr' without 'loc'", vdev.intr.position, code="placement")
        return
    if vdev.loc % PAGE_SIZE:
        yield ConfigError(
            "'loc' of 'vdev shmem' is not a page's address",
            where,
            found=hex(vdev.loc),
            expected=f"a multiple of {PAGE_SIZE:#x}",
            code="placement",
        )
    if vdev.intr is None:
        if profile.loc_without_intr == "rejected":
            yield ConfigError("'loc' without 'intr'", where, expected="an interrupt such as gic:43", code="placement")
    elif vdev.intr.line is None and not vdev.intr.pin:
        yield ConfigError(
            "interrupt has no line",
            vdev.intr.position,
            found=show(vdev.intr.pic),
            expected="PIC:LINE",
            code="placement",
        )


def list_problems(vdev: ShmemVdev, profile: Profile) -> Iterator[ConfigError]:
    """Rules and substitutions that the profile refuses."""
    rules, substs = vdev.rules, vdev.substs
    if profile.pattern_empty == "rejected":
        for rule in rules:
            if not rule.pattern:
                yield ConfigError(f"pattern of '{rule.kind}' is empty", rule.position, code="empty-pattern")
    other = next((rule for rule in rules if rule.kind != rules[0].kind), None)
    if other is not None and profile.mixed_rules == "rejected":
        yield ConfigError(
            "'allow' and 'deny' in one vdev",
            other.position,
            found=f"'{other.kind}' after '{rules[0].kind}'",
            expected="one kind only",
            code="mixed-rules",
        )
    if profile.subst_several == "rejected" and len(substs) > 1:
        yield ConfigError("'subst' is given twice", substs[1].position, code="several-subst")


def _permissions(vdev: ShmemVdev, profile: Profile) -> Iterator[ConfigError]:
    for option in vdev.options:
        later = isinstance(option, Gid | Umask) or (
            isinstance(option, Create) and (option.mode is not None or option.gid is not None)
        )
        if later and profile.permission_options == "rejected":
            word = "MODE of 'create'" if isinstance(option, Create) else f"'{type(option).__name__.lower()}'"
            yield ConfigError(
                f"{word} is not known to this release", option.position, expected="release 8.0", code="release"
            )
        elif (
            isinstance(option, Create)
            and option.gid is not None
            and option.mode is None
            and profile.gid_without_mode == "rejected"
        ):
            yield ConfigError(
                "GID of 'create' without MODE", option.position, expected="NAME,SIZE,MODE,GID", code="gid-without-mode"
            )


def _creates(vdev: ShmemVdev, profile: Profile) -> Iterator[ConfigError]:
    longest = NAME_SIZE if profile.name_unterminated == "legal" else MAX_NAME_LENGTH
    for create in vdev.creates:
        size = len(create.name.encode("utf-8", "surrogateescape"))
        if size > longest:
            yield ConfigError(
                "name of the region is too long",
                create.position,
                found=f"{show(create.name)} of {size} bytes",
                expected=f"at most {longest} bytes",
                code="name-too-long",
            )
        if create.size_bytes == 0:
            yield ConfigError("region of size 0", create.position, code="size-zero")
        elif create.size_bytes % PAGE_SIZE and profile.create_rounding == "rejected":
            yield ConfigError(
                f"size is not a multiple of {PAGE_SIZE}",
                create.position,
                found=hex(create.size_bytes),
                code="size-rounding",
            )
        if not create.name and profile.name_empty == "illegal":
            yield ConfigError("region without a name", create.position, code="bad-name")
