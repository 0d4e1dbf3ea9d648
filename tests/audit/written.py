# SPDX-License-Identifier: Apache-2.0
"""Systems written as files at random, with names of full length and of any bytes, and the names that may matter there.

Beside systems.py, whose names are short enough to try every one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from harness.audit.names.substitution import as_bytes
from harness.audit.system import System
from harness.shmem.config.words import quote
from harness.shmem.profile import FIELDS, PROFILES, Profile
from harness.shmem.registers import MAX_NAME_LENGTH, NAME_SIZE

_NAMES: Final = (
    "cam_front", "cam", "Cam", "video.in", "g1-", "abc", "aba", "aaaa", "a", "café", "€ÿ", "n" * 31, "n" * 30, "m" * 15,
    ".hid", "dir/sub", "w[0]", "st*r", "q?", "b\\k", "z!", "-", "[", "]", "^", "two words", "tab#",
)  # fmt: skip
_PIECES: Final = (
    "*", "**", "?", "?*", "[a-c]", "[!a-c]", "[^x]", "[]a]", "[!]a]", "[a-]", "[\\]]", "[[:digit:]]", "[![:alpha:]_]",
    "[é]", "[!-/]", "[c-a]", "[*]", "[.]", "[", "[a", "]", "\\*", "\\?", "\\[", "\\\\", "\\a", "\\", "a", "b", ".", "0",
    "þ",
)  # fmt: skip
_PARTS: Final = ("g1-", "g1", "p", "", "a", "aa", "cam", "é", "n" * 20, ".", "vm/", "x" * 31)
_FILLING: Final = b"k" * NAME_SIZE
_MATTERING: Final = ("mixed", "pattern", "subst", "rules_see", "overlong", "create_vs", "name_")
_MOST: Final = 300


def write(random: Random, folder: Path) -> None:
    """Two to five VMs as files of ``folder``."""
    for number in range(random.randint(2, 5)):
        devices = "".join(_device(random) for _ in range(random.choice((1, 1, 2))))
        (folder / f"vm{number}.qvmconf").write_text(f"system vm{number}\nram 128M\n{devices}", encoding="utf-8")


def _device(random: Random) -> str:
    kinds = random.choice((("allow",), ("allow",), ("deny",), ("allow", "deny"), ("allow", "deny"), ()))
    options = [f"{random.choice(kinds)} {quote(_pattern(random))}" for _ in range(random.randint(1, 6) if kinds else 0)]
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        original, prefix = random.choice(("", random.choice(_PARTS))), random.choice(_PARTS)
        options.append(f"subst {quote(f'{original},{prefix}' if original or prefix else ',g1-')}")
    for _ in range(random.choice((0, 0, 1, 2))):
        options.append(f"create {quote(random.choice(_NAMES) + random.choice((',4096', ',0x2000', ',5000')))}")
    random.shuffle(options)
    return "vdev shmem\n" + "".join(f"  {option}\n" for option in options)


def _pattern(random: Random) -> str:
    match random.randrange(4):
        case 0:
            return random.choice(_NAMES)
        case 1:
            return random.choice(_NAMES) + random.choice(_PIECES)
        case 2:
            return random.choice(_PIECES) + random.choice(_NAMES)
        case _:
            return "".join(random.choice((*_PIECES, *_NAMES[:6])) for _ in range(random.randint(1, 5)))


def profile(random: Random) -> Profile:
    """That of a release, or one with some other readings about names, none of which refuses a configuration."""
    if random.random() < 0.4:
        return PROFILES[random.choice(list(PROFILES))]
    fields = [name for name in FIELDS if name.startswith(_MATTERING) and name != "name_readback"]
    readings = {
        name: random.choice([reading for reading in FIELDS[name].readings if reading != "rejected"])
        for name in fields
        if random.random() < 0.4
    }
    return Profile.load("7.0", readings)


def names(random: Random, system: System) -> list[bytes]:
    """Names that the patterns of all VMs match, their neighbours, and what substitutions make of them either way."""
    devices = [device for vm in system.vms for device in vm.devices]
    found = {b"", b"a", b".", b"z"}
    found |= {as_bytes(create.name) for device in devices for create in device.creates}
    for rule in (rule for device in devices for rule in device.rules):
        found.update(_matching(random, as_bytes(rule.pattern)) for _ in range(6))
    found = {near for name in found for near in _near(random, name)}
    for subst in (subst for device in devices for subst in device.substs):
        original, prefix = as_bytes(subst.original), as_bytes(subst.prefix)
        for name in random.sample(sorted(found), min(len(found), _MOST // 3)):
            found |= {original + name, prefix + name}
            for old, new in ((original, prefix), (prefix, original)):
                if old and old in name:
                    found |= {name.replace(old, new, 1), name.replace(old, new), name.removeprefix(old)}
    legal = sorted(name for name in found if len(name) <= NAME_SIZE and b"\0" not in name)
    return random.sample(legal, min(len(legal), _MOST))


def _matching(random: Random, pattern: bytes) -> bytes:
    """A name that the pattern may match, by one of its readings."""
    name, at = b"", 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        end = pattern.find(b"]", at + 2) + 1
        if char == b"\\" and at + 1 < len(pattern):
            name += random.choice((pattern[at + 1 : at + 2], pattern[at : at + 2]))
            at += 2
        elif char == b"[" and end:
            name += random.choice((bytes([random.choice(pattern[at + 1 : end])]), random.choice((b"a", b"0", b"\xe9"))))
            at = end
        elif char in b"*?":
            some = (b"", b"a", b".", b"/x", _FILLING[: max(0, MAX_NAME_LENGTH + 1 - len(pattern))])
            name += bytes([random.choice(b"ab.0/\xe9*")]) if char == b"?" else random.choice(some)
            at += 1
        else:
            name += char
            at += 1
    return name


def _near(random: Random, name: bytes) -> Iterator[bytes]:
    yield from (name, name + b"a", b"." + name, name[:-1], name[1:], name.swapcase())
    yield from (
        (name + _FILLING)[:MAX_NAME_LENGTH],
        (name + _FILLING)[:NAME_SIZE],
        (_FILLING + name)[-MAX_NAME_LENGTH:],
    )
    if name:
        at = random.randrange(len(name))
        yield name[:at] + bytes([random.choice(b"abz.1\xe9")]) + name[at + 1 :]
