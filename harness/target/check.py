# SPDX-License-Identifier: Apache-2.0
"""Everything about a target file that can be known without touching a board."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from labgrid.config import Config
from labgrid.protocol import ConsoleProtocol
from labgrid.resource import NetworkService
from labgrid.strategy import Strategy

from harness.errors import UsageError
from harness.host.board import ShmemBoardStrategy
from harness.host.protocol import ShmemHostProtocol
from harness.host.qnx import ShmemQnxHostDriver
from harness.target import templates
from harness.target.document import Item, Problem, TargetFileError, read
from harness.target.options import read_benches
from harness.target.parts import Part, Parts

_TOP: Final = ("imports", "targets", "options", "features", "images", "paths", "tools")
_TARGET: Final = ("resources", "drivers", "features", "options")
_CABLE: Final = ("hostdev", "resource", "txdelay", "txchunk")
_PATTERNS: Final = ("login_prompt", "password_prompt", "refused", "shell_prompt", "address_pattern")
_VARIABLE: Final = re.compile(r"\$\{?(LG_\w+)")
_OPTION: Final = re.compile(r"option (\w+)")


def check(path: Path) -> list[Problem]:
    """Problems of a target file, in the order of their lines; empty for a good one."""
    try:
        document = read(path)
        problems = list(_document(path, document))
    except TargetFileError as error:
        return [error.problem]
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file != str(path), problem.file, problem.line))


def _document(path: Path, document: Item) -> Iterator[Problem]:
    file = str(path)
    if not document.is_mapping:
        raise TargetFileError(Problem(file, document.line, "the file is not a mapping of keys"))
    yield from _unknown_keys(file, document, _TOP)
    _import(path, document)
    targets = document.get("targets")
    if targets is None or not targets.is_mapping or not targets.keys:
        yield Problem(file, targets.line if targets else 1, "there are no targets")
        return
    for name, target in targets.keys.items():
        if not target.is_mapping:
            yield Problem(file, target.line, f"target {name} is not a mapping")
            continue
        yield from _unknown_keys(file, target, _TARGET)
        yield from _target(path, name, target)


def _unknown_keys(file: str, item: Item, known: tuple[str, ...]) -> Iterator[Problem]:
    for key, entry in item.keys.items():
        if key not in known:
            yield Problem(file, entry.line, f"unknown key {key}; there are: {', '.join(known)}")


def _import(path: Path, document: Item) -> None:
    """Import what the file wants, so that its classes are known. Raises TargetFileError."""
    imports = document.get("imports")
    for item in imports or ():
        name = str(item.value)
        try:
            if name.endswith(".py"):
                raise ModuleNotFoundError("harness check-target reads modules by name, not files")
            importlib.import_module(name)
        except ImportError as error:
            raise TargetFileError(Problem(str(path), item.line, f"import of {name}: {error}")) from error


def _target(path: Path, name: str, target: Item) -> Iterator[Problem]:
    parts = Parts(str(path), target)
    yield from parts.problems
    yield from _roles(str(path), name, target, parts)
    for part in parts.of(ShmemQnxHostDriver):
        yield from _host(str(path), part, parts)
        yield from _files(path, part)
    for part in parts.of(ShmemBoardStrategy):
        yield from _strategy(str(path), part, parts)
    yield from _options(path, name, target)


def _roles(file: str, name: str, target: Item, parts: Parts) -> Iterator[Problem]:
    """A bench has one host and one strategy."""
    drivers = target.get("drivers")
    line = drivers.line if drivers else target.line
    for base, what in ((ShmemHostProtocol, "host driver"), (Strategy, "strategy")):
        found = parts.of(base)
        # A class that is not known was told already.
        if not found and not parts.problems:
            yield Problem(file, line, f"target {name} has no {what}")
        for part in found[1:]:
            yield Problem(file, part.line, f"target {name} has a second {what}, {part.cls.__name__}")


def _host(file: str, host: Part, parts: Parts) -> Iterator[Problem]:
    way = host.argument("host_key")
    if way == "unchecked":
        text = "the host key is not checked: anybody on the network can be this host"
        yield Problem(file, host.line_of("host_key"), text, warning=True)
    if way == "console" and not parts.of(ConsoleProtocol):
        yield Problem(file, host.line_of("host_key"), "host_key: console needs a console, and the target has none")
    names = {part.name for part in parts.resources} | {name for _, name in parts.provided}
    for entry in host.arguments.get("consoles") or ():
        yield from _unknown_keys(file, entry, _CABLE)
        yield from _pace(file, entry)
        missing = {"hostdev", "resource"} - entry.keys.keys()
        if missing:
            yield Problem(file, entry.line, f"an entry of consoles has hostdev and resource; missing: {min(missing)}")
        elif entry.keys["resource"].value not in names and not parts.remote:
            yield Problem(file, entry.line, f"consoles: no resource is named {entry.keys['resource'].value!r}")


def _pace(file: str, cable: Item) -> Iterator[Problem]:
    """How fast a guest behind a cable takes what it is sent."""
    for key, kind in (("txdelay", int | float), ("txchunk", int)):
        item = cable.get(key)
        if item is not None and not (isinstance(item.value, kind) and item.value > 0):
            yield Problem(file, item.line, f"consoles: {key} is {item.value!r}; expected a number above 0")


def _files(path: Path, host: Part) -> Iterator[Problem]:
    """Files that it names. They may well be on the machine alone that the board is used from."""
    for name in ("keyfile", "known_hosts"):
        item = host.arguments.get(name)
        # A variable of labgrid's is known to whoever runs it.
        if item is None or not item.value or _VARIABLE.search(str(item.value)):
            continue
        place = path.absolute().parent / os.path.expandvars(os.path.expanduser(str(item.value)))  # noqa: PTH111
        if not place.is_file():
            yield Problem(str(path), item.line, f"{name}: there is no file {place}", warning=True)


def _strategy(file: str, strategy: Part, parts: Parts) -> Iterator[Problem]:
    patterns = [(name, strategy.arguments.get(name)) for name in _PATTERNS]
    boot = strategy.arguments.get("boot")
    patterns += [("boot", element) for element in (boot or ())]
    for name, item in patterns:
        try:
            re.compile(str(item.value) if item else "")
        except re.error as error:
            yield Problem(file, item.line if item else strategy.line, f"{name}: no regular expression: {error}")
    if boot and not parts.of(ConsoleProtocol):
        yield Problem(file, boot.line, "boot messages need a console, and the target has none")
    if strategy.argument("address_command"):
        return
    for network in parts.of(NetworkService):
        address = network.arguments.get("address")
        if address is not None and not address.value:
            text = "the address is empty, and the strategy has no address_command that would find it"
            yield Problem(file, address.line, text)


def _options(path: Path, name: str, target: Item) -> Iterator[Problem]:
    """What the suites need to know."""
    options = target.get("options")
    try:
        with _variables(path):
            config = Config(str(path))
        config.data["targets"] = {name: config.data["targets"][name]}
        bench = read_benches(config)[name]
    except UsageError as error:
        yield _placed(str(path), target, options, error)
        return
    places = [""] if "pci" in bench.placements else []
    places += [place.options for place in bench.mmio[:1]] if "mmio" in bench.placements else []
    yield from templates.problems(bench.templates, bench.guest_images, places, bench.profile)


@contextmanager
def _variables(path: Path) -> Iterator[None]:
    """Variables that the file wants to be filled in by whoever runs it (a place's name) have some value meanwhile."""
    missing = {name for name in _VARIABLE.findall(path.read_text()) if name not in os.environ}
    os.environ.update(dict.fromkeys(missing, "filled-in-later"))
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]


def _placed(file: str, target: Item, options: Item | None, error: UsageError) -> Problem:
    """On which line is the option that the message is about?"""
    match = _OPTION.search(error.message)
    item = options.get(match[1]) if options and match else None
    line = item.line if item else (options.line if options else target.line)
    return Problem(file, line, error.message.partition(": ")[2].partition(": ")[2] or error.message)
