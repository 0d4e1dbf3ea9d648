# SPDX-License-Identifier: Apache-2.0
"""Checks across the components of a target: the roles of a bench, our host driver and our strategy."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from labgrid.driver import QEMUDriver
from labgrid.protocol import ConsoleProtocol
from labgrid.resource import NetworkService
from labgrid.resource.base import SerialPort
from labgrid.strategy import Strategy
from serial import Serial

from harness.host.board.strategy import ShmemBoardStrategy
from harness.host.protocol import ShmemHostProtocol
from harness.host.qnx.driver import ShmemQnxHostDriver
from harness.host.upload import folder_problem
from harness.loopback.resource import board_variable
from harness.target import values
from harness.target.components import Component, Components
from harness.target.paths import is_file, is_folder, resolved
from harness.target.problem import Fault, Where, hint
from harness.target.reading.document import Document
from harness.target.schema import shown

_CABLE: Final = ("hostdev", "resource", "txdelay", "txchunk")
_FEATURES: Final = ("access", "device-tree", "performance")
_IMAGES: Final = {"kernel": "images", "disk": "images", "dtb": "images", "flash": "images", "bios": "images"}
_PUBLIC_KEY: Final = (b"ssh-", b"ecdsa-", b"sk-", b"---- BEGIN SSH2 PUBLIC KEY", b"-----BEGIN PUBLIC KEY")
_HEAD_BYTES: Final = 64
_LABGRIDS: Final = re.compile(r"\$\{?(LG_\w+)")
_LONGEST: Final = 3600
"""Seconds; no step of a board or a guest takes longer."""
_PSEUDO: Final = re.compile(r"/dev/[pt]typ[0-9a-z]+")
_VARIABLE: Final = re.compile(r"\$\w+|\$\{\w+\}")
_UNDOCUMENTED: Final = '"\\$'
"""Characters that a word of a configuration can have here, in quotes, and perhaps on a real host."""


def faults(name: str, components: Components, document: Document) -> Iterator[Fault]:
    """Faults of one target beyond its single components."""
    yield from _roles(name, components)
    yield from _unregistered(components, document)
    yield from _serial_ports(components)
    yield from _passwords(components)
    for host in components.of(ShmemQnxHostDriver):
        yield from _host_key(host, components)
        yield from _cables(host, components)
        yield from _folder(host)
        for argument in ("keyfile", "known_hosts"):
            yield from _file(host, argument, document.path)
    for strategy in components.of(ShmemBoardStrategy):
        yield from _strategy(strategy, components)
    for emulator in components.of(QEMUDriver):
        yield from _images(emulator, document)
    yield from _features(name, document)
    yield from _times(("targets", name), document.data["targets"][name])
    yield from _linux(name, components, document)


def _roles(name: str, components: Components) -> Iterator[Fault]:
    """A bench has one host and one strategy."""
    for base, what in ((ShmemHostProtocol, "host driver"), (Strategy, "strategy")):
        found = components.of(base)
        # An unknown class is reported already.
        if not found and not components.unknown:
            yield Fault(("targets", name, "drivers"), f"target {name} has no {what}")
        for component in found[1:]:
            yield Fault(component.where, f"target {name} has a second {what}, {component.cls.__name__}")


def _unregistered(components: Components, document: Document) -> Iterator[Fault]:
    """This program knows the harness's classes by itself. Others, such as labgrid-client, do not."""
    imports = document.data.get("imports", [])
    if isinstance(imports, list) and any(str(name).startswith("harness.") for name in imports):
        return
    for component in (*components.resources, *components.drivers):
        if component.cls.__module__.startswith("harness."):
            yield Fault(
                component.where,
                f"{component.cls.__name__} is of the harness: add imports: [harness.labgrid] to this file",
            )


def _host_key(host: Component, components: Components) -> Iterator[Fault]:
    way = host.argument("host_key")
    if way == "unchecked":
        text = "the host key is not checked: any machine on the network could pretend to be this host"
        yield Fault(host.where_of("host_key"), text, warning=True)
    if way == "console" and not components.of(ConsoleProtocol):
        yield Fault(host.where_of("host_key"), "host_key: console needs a console, and the target has none")


def _serial_ports(components: Components) -> Iterator[Fault]:
    """Each is a cable of its own, at a speed that somebody has meant."""
    seen: dict[object, str | None] = {}
    for serial in components.resources:
        port, speed = serial.arguments.get("port"), serial.arguments.get("speed")
        if not issubclass(serial.cls, SerialPort):
            continue
        if isinstance(port, str) and port:
            if port in seen:
                other = seen[port] or "another resource"
                yield Fault(serial.where_of("port"), f"the port {port} is that of {other} already")
            seen[port] = serial.name
        if type(speed) is int and speed > 0 and speed not in Serial.BAUDRATES:
            near = min(Serial.BAUDRATES, key=lambda usual: abs(usual - speed))
            text = f"speed {speed} is none of the usual ones; the nearest of them is {near}"
            yield Fault(serial.where_of("speed"), text, warning=True)


def _passwords(components: Components) -> Iterator[Fault]:
    """labgrid replaces variables in a text that has its tag, and in no other."""
    for component in (*components.resources, *components.drivers):
        password = component.arguments.get("password")
        if isinstance(password, str) and _VARIABLE.fullmatch(password):
            text = 'password: this is the password itself; a variable of the environment is !template "$LG_NAME"'
            yield Fault(component.where_of("password"), text, warning=True)


def _own_ports(components: Components) -> set[str | None]:
    """The serial ports that the host's console may use, by name."""
    ports = [serial.name for serial in components.resources if issubclass(serial.cls, SerialPort)]
    only = ports[0] if len(ports) == 1 else None
    return {console.bindings.get("port", only) for console in components.of(ConsoleProtocol)} - {None}


def _cables(host: Component, components: Components) -> Iterator[Fault]:
    """Guests whose consoles are UARTs of the board."""
    cables = host.argument("consoles")
    own = _own_ports(components)
    # A board that is a program has no other devices.
    is_board = host.argument("root") == "/"
    names = {component.name for component in components.resources} | {name for _, name in components.provided}
    seen: set[tuple[str, str]] = set()
    for number, cable in enumerate(cables if isinstance(cables, list) else ()):
        where: Where = (*host.where, "consoles", number)
        if not isinstance(cable, dict):
            yield Fault(where, f"an entry of consoles is {shown(cable)}; expected {{hostdev: DEVICE, resource: NAME}}")
            continue
        yield from _pace(where, cable)
        for key in cable.keys() - set(_CABLE):
            text = f"consoles: unknown key {key}{hint(key, _CABLE)}; there are: {', '.join(_CABLE)}"
            yield Fault((*where, key), text)
        for key in _CABLE[:2]:
            value = cable.get(key)
            if key not in cable:
                yield Fault(where, f"an entry of consoles has hostdev and resource; missing: {key}")
            elif not isinstance(value, str) or not value:
                yield Fault((*where, key), f"consoles: {key} is {shown(value)}; expected a text")
            elif key == "hostdev" and not value.startswith("/"):
                text = f"consoles: hostdev is {shown(value)}; expected the path of a device of the host, as /dev/ser2"
                yield Fault((*where, key), text)
            elif key == "hostdev" and is_board and _PSEUDO.fullmatch(value):
                text = f"consoles: {value} is a pseudo-terminal, which needs no cable: leave this entry out"
                yield Fault((*where, key), text)
            elif key == "resource" and value in own:
                yield Fault((*where, key), f"consoles: {value} is the host's own console; a guest needs another cable")
            elif (key, value) in seen:
                yield Fault((*where, key), f"consoles: {key} {value} is there twice")
            elif key == "resource" and value not in names and not components.remote:
                yield Fault(
                    (*where, key), f"consoles: no resource is named {value!r}{hint(value, filter(None, names))}"
                )
            else:
                seen.add((key, value))


def _folder(host: Component) -> Iterator[Fault]:
    """The folder on the host, whose files configurations name."""
    folder, where = host.argument("folder"), host.where_of("folder")
    if not isinstance(folder, str):
        return
    if problem := folder_problem(folder):
        yield Fault(where, problem)
    elif undocumented := sorted(set(folder) & set(_UNDOCUMENTED)):
        text = f"folder: it is not documented how a configuration writes {' and '.join(undocumented)} in a path"
        yield Fault(where, text, warning=True)
    elif folder and not set(posixpath.normpath(folder).split("/")) - {"", ".", ".."}:
        text = f"folder: {folder} is the account's home or above it, where files of others are: name one of its own"
        yield Fault(where, text)
    elif folder.startswith("~"):
        text = "folder: ~ has no meaning here; a path that is not absolute is below the account's home"
        yield Fault(where, text, warning=True)


def _pace(where: Where, cable: dict[str, Any]) -> Iterator[Fault]:
    """How fast a guest behind a cable takes what it is sent."""
    for key, kind in (("txdelay", int | float), ("txchunk", int)):
        value = cable.get(key, 1)
        if isinstance(value, bool) or not (isinstance(value, kind) and 0 < value < float("inf")):
            yield Fault((*where, key), f"consoles: {key} is {shown(value)}; expected a number above 0")


def _file(host: Component, name: str, path: Path) -> Iterator[Fault]:
    """A file that it names. It may well be on the machine alone that the board is used from."""
    text = host.argument(name)
    if not isinstance(text, str) or not text:
        return
    where = host.where_of(name)
    if variables := _LABGRIDS.findall(text):
        # It may be set when the file is used. Known is what is set already, and what a board that is a program sets.
        known = {board_variable(str(host.where[1])), *(one for one in os.environ if one.startswith("LG_"))}
        for variable in variables:
            if variable not in known and (close := hint(variable, known)):
                yield Fault(where, f"{name}: nothing sets the variable {variable} yet{close}", warning=True)
        return
    file_path = resolved(path.absolute().parent, text)
    if is_folder(file_path):
        yield Fault(where, f"{name}: {file_path} is a folder, not a file")
    elif not is_file(file_path):
        yield Fault(where, f"{name}: there is no file {file_path}", warning=True)
    else:
        yield from _content(where, name, file_path)


def _content(where: Where, name: str, file_path: Path) -> Iterator[Fault]:
    """A file that is there."""
    try:
        mode = file_path.stat().st_mode
        with file_path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        yield Fault(where, f"{name}: {file_path} cannot be read: {error.strerror}")
        return
    if not head.strip():
        yield Fault(where, f"{name}: {file_path} is empty", warning=True)
    elif name == "keyfile" and head.startswith(_PUBLIC_KEY):
        yield Fault(where, f"keyfile: {file_path} is a public key: name the private key (without .pub)")
    elif name == "known_hosts" and b"PRIVATE KEY" in head:
        yield Fault(where, f"known_hosts: {file_path} is a private key: name a file of known hosts")
    elif name == "keyfile" and stat.S_IMODE(mode) & 0o077:
        text = f"keyfile: {file_path} can be read by others: run chmod 600 on it"
        yield Fault(where, text, warning=True)


def _strategy(strategy: Component, components: Components) -> Iterator[Fault]:
    boot = strategy.argument("boot")
    if isinstance(boot, list):
        for number, text in enumerate(boot):
            complaint = values.pattern(text) if isinstance(text, str) else ""
            if complaint:
                yield Fault((*strategy.where, "boot", number), f"boot: {shown(text)}; expected {complaint}")
        if boot and not components.of(ConsoleProtocol):
            text = "boot messages need a console, and the target has none"
            yield Fault(strategy.where_of("boot"), text)
    if strategy.argument("address_command"):
        return
    for network in components.of(NetworkService):
        if network.arguments.get("address") == "":
            text = "the address is empty: write it here, or give the strategy an address_command that finds it"
            yield Fault(network.where_of("address"), text)


def _images(emulator: Component, document: Document) -> Iterator[Fault]:
    """labgrid's QEMUDriver names files by what they are called under ``images`` and ``paths``."""
    for argument, section in (*_IMAGES.items(), ("rootfs", "paths")):
        named = emulator.arguments.get(argument)
        known = document.data.get(section, {})
        if isinstance(named, str) and isinstance(known, dict) and named not in known:
            text = f"{argument}: there is no {named!r} under {section} of this file{hint(named, known)}"
            yield Fault((*emulator.where, argument), text)


def _features(name: str, document: Document) -> Iterator[Fault]:
    """A feature that is misspelt leaves tests out without a word."""
    features = document.data["targets"][name].get("features", [])
    for number, feature in enumerate(features if isinstance(features, list) else ()):
        if isinstance(feature, str) and feature not in _FEATURES:
            close = get_close_matches(feature, _FEATURES, n=1, cutoff=0.8)
            if close:
                where = ("targets", name, "features", number)
                text = f"no test of the suites asks for the feature {feature}; did you mean {close[0]}?"
                yield Fault(where, text, warning=True)


def _times(where: Where, value: object) -> Iterator[Fault]:
    """Times that are too long, because another unit was meant."""
    if isinstance(value, dict | list):
        for step, inside in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _times((*where, step), inside)
    elif str(where[-1]).endswith("_seconds") and isinstance(value, int | float) and _LONGEST < value < float("inf"):
        text = f"{where[-1]} is {value}, which is {value / 3600:.1f} hours: the unit is seconds"
        yield Fault(where, text, warning=True)


def _linux(name: str, components: Components, document: Document) -> Iterator[Fault]:
    """Ports of this machine can be forwarded to the guests of a host that is on it, and of no other."""
    options = document.data["targets"][name].get("options")
    boards = [host for host in components.of(ShmemQnxHostDriver) if host.argument("root") == "/"]
    if not boards or not isinstance(options, dict):
        return
    images, linux = options.get("guest_images"), options.get("linux", {})
    if isinstance(images, list) and "linux" in images and isinstance(linux, dict) and not linux.get("addresses"):
        text = "guest_images has linux: on a board, each Linux guest needs an address under linux: addresses"
        yield Fault(("targets", name, "options", "guest_images"), text)
