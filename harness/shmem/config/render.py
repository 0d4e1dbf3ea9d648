# SPDX-License-Identifier: Apache-2.0
"""A configuration as canonical text: one option per line, the options of a context indented below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from harness.shmem.config.errors import ConfigError, Position
from harness.shmem.config.grammar import MEMORY_WORDS, WORDS
from harness.shmem.config.model import Cpu, Load, Option, Ram, Rom, Vdev, VmConfig
from harness.shmem.config.numbers import is_number, show_size
from harness.shmem.config.references import looks_like_location
from harness.shmem.config.shmem import SHMEM
from harness.shmem.config.words import quote, show

_INDENT = "    "


def _line(*words: str) -> str:
    return " ".join(words)


def _kept(word: str) -> str:
    """A word of something that is not understood, quoted where it would be taken for an option or a file to read."""
    return quote(word, always=word in WORDS or word.startswith("@"))


def _option(option: Option) -> str:
    if option.understood:
        return _line(option.name, *(quote(word) for word in option.words))
    # 'ram' and 'rom' of a size that nothing here knows are options all the same.
    name = option.name if option.name in MEMORY_WORDS and option.argument else _kept(option.name)
    return _line(name, *(_kept(word) for word in option.words))


def _context(head: str, options: Iterable[Option]) -> Iterator[str]:
    yield head
    for option in options:
        yield _INDENT + _option(option)


def _check_locations(vdev: Vdev) -> None:
    """Raise ConfigError for a location of a shmem device that only a variable can give, or that is none."""
    if vdev.kind != SHMEM:
        return
    for option in vdev.options:
        if option.name == "loc" and option.words and not looks_like_location(option.words[0]):
            raise ConfigError(
                "value of a variable does not read like a location",
                option.argument_position,
                found=show(option.words[0]),
                expected="an address, or mem:, io: or pci:",
            )


def _check_what_follows_locations(config: VmConfig) -> None:
    """Raise ConfigError if a ``loc`` without an address of a shmem device would take the word that is written next."""
    for option, word, position in _followed(config):
        if option.name == "loc" and not option.words and looks_like_location(word):
            raise ConfigError(
                "word would be the argument of the 'loc' before it",
                position,
                found=show(word),
                expected="an option of the vdev",
            )


def _followed(config: VmConfig) -> Iterator[tuple[Option, str, Position]]:
    """Options of shmem devices, with the word of the text that follows them, if it is none of the language's own."""
    for vdev in config.vdevs:
        if vdev.kind == SHMEM:
            for option, following in pairwise(vdev.options):
                yield option, following.name, following.position
    last = config.vdevs[-1] if config.vdevs else None
    if last and last.kind == SHMEM and last.options and config.contexts:
        context = config.contexts[0]
        yield last.options[-1], context.data or context.kind, context.position


def _memory(word: str, item: Ram | Rom) -> str:
    size = show_size(item.length)
    return _line(word, size if item.address is None else f"{item.address:#x},{size}")


def _memories(config: VmConfig) -> Iterator[str]:
    for index in range(len(config.rams) + 1):
        yield from (_memory("rom", rom) for rom in config.roms if rom.rams_before == index)
        if index < len(config.rams):
            yield _memory("ram", config.rams[index])


def _load(load: Load) -> str:
    first, comma, _ = load.file.partition(",")
    if load.address is None and comma and is_number(first):
        raise ConfigError(
            "file name reads like an address", load.position, found=show(load.file), expected="a path, such as ./NAME"
        )
    argument = load.file if load.address is None else f"{load.address:#x},{load.file}"
    return _line(*([load.kind] if load.kind else []), "load", quote(argument))


def _cpu(cpu: Cpu) -> Iterator[str]:
    return _context("cpu", cpu.options)


def _lines(config: VmConfig) -> Iterator[str]:
    if config.system is not None:
        yield _line("system", quote(config.system))
    yield from (_option(option) for option in config.others)
    yield from _memories(config)
    for cpu in config.cpus:
        yield from _cpu(cpu)
    _check_what_follows_locations(config)
    for vdev in config.vdevs:
        _check_locations(vdev)
        yield from _context(_line("vdev", quote(vdev.library or vdev.kind)), vdev.options)
    for context in config.contexts:
        head = (context.data, _kept(context.kind) if not context.understood else context.kind)
        yield from _context(_line(*filter(None, head), *map(_kept, context.arguments)), context.options)
    # Last, because an image may be loaded into memory that a 'pass' or a vdev provides.
    yield from (_load(load) for load in config.loads)
    if config.cmdline is not None:
        yield _line("cmdline", quote(config.cmdline))


def render(config: VmConfig) -> str:
    """The text of ``config``, which reads back as an equal configuration.

    Raises ConfigError for what no text can express: a control character, a file name that reads like an address.
    """
    return "".join(line + "\n" for line in _lines(config))
