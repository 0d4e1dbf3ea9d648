# SPDX-License-Identifier: Apache-2.0
"""A target file for a new board, from the answers to a few questions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import jinja2
import yaml

from harness import shipped
from harness.arch import Arch
from harness.errors import UsageError

_FOLDER: Final = Path(__file__).parent
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_NETWORK: Final = re.compile(r"(?:(?P<protocol>rfc2217|raw)://)?(?P<host>[^:/]+):(?P<port>\d+)")
_POWER: Final = re.compile(r"network:(?P<model>[^:]+):(?P<host>.+):(?P<index>[^:]+)")

_PLACEMENTS: Final[dict[Arch, list[str]]] = {"aarch64": ["mmio"], "x86_64": ["pci"]}
"""Whether ARM guests of qvm have a PCI bus by default is open (SHM-OPEN-32); on x86, PCI is what qvm generates."""
_MMIO: Final[dict[Arch, list[dict[str, str]]]] = {
    "aarch64": [
        {"loc": "0x1c050000", "intr": "gic:43"},
        {"loc": "0x1c051000", "intr": "gic:44"},
        {"loc": "0x1c052000", "intr": "gic:45"},
    ],
    "x86_64": [],
}
_ADDRESS_COMMAND: Final = "ifconfig"
_NAMES: Final = "use lower-case letters, digits, - and _; the first is a letter or a digit"
_CONSOLES: Final = "write a device (/dev/ttyUSB0), rfc2217://HOST:PORT, raw://HOST:PORT or none"
_PLAIN: Final = re.compile(r"[\w./~-]+")


@dataclass(frozen=True)
class Console:
    """The serial console: a device of this machine, a port on the network, or none."""

    kind: Literal["local", "network", "none"]
    port: str = ""
    host: str = ""
    number: int = 0
    protocol: str = "rfc2217"
    speed: int = 115200

    @classmethod
    def of(cls, text: str) -> Console:
        """From ``/dev/ttyUSB0``, ``rfc2217://lab:4001``, ``raw://lab:4001`` or ``none``. Raises UsageError."""
        if text == "none":
            return cls("none")
        if text.startswith("/"):
            return cls("local", port=text)
        match = _NETWORK.fullmatch(text)
        if match is None:
            raise UsageError(f"not a console: {text!r}", remedy=_CONSOLES)
        return cls("network", host=match["host"], number=int(match["port"]), protocol=match["protocol"] or "rfc2217")


@dataclass(frozen=True)
class Power:
    """The power switch: labgrid's network models, commands, a person, or none."""

    kind: Literal["network", "command", "manual", "none"]
    model: str = ""
    host: str = ""
    index: str = ""
    on: str = ""
    off: str = ""

    @classmethod
    def of(cls, text: str, on: str = "", off: str = "") -> Power:
        """From ``network:MODEL:HOST:INDEX``, ``command`` (with both commands), ``manual`` or ``none``."""
        if text in ("manual", "none"):
            return cls("manual" if text == "manual" else "none")
        if text == "command":
            if not (on and off):
                raise UsageError(
                    "power by command needs both commands", remedy="add --power-on COMMAND and --power-off COMMAND"
                )
            return cls("command", on=on, off=off)
        match = _POWER.fullmatch(text)
        if match is None:
            raise UsageError(
                f"not a power switch: {text!r}", remedy="write network:MODEL:HOST:INDEX, command, manual or none"
            )
        return cls("network", model=match["model"], host=match["host"], index=match["index"])


@dataclass(frozen=True)
class Answers:
    """What is known of a new board. ``templates`` is the folder of guest configurations, relative to the file."""

    name: str
    architecture: Arch
    release: str
    console: Console
    power: Power
    address: str
    user: str = "root"
    key: str = ""
    host_key: str = "known_hosts"
    password: str = ""
    templates: str = ""
    title: str = ""
    notes: Sequence[str] = ()
    boot: Sequence[str] = ()
    boot_seconds: int = 120
    ssh_seconds: int = 60
    qvm: str = "qvm"
    placements: Sequence[str] = ()
    uarts: Sequence[dict[str, str]] = field(default_factory=list)


def text(answers: Answers) -> str:
    """The target file. Raises UsageError for a name that labgrid or a shell would trip over."""
    if not _NAME.fullmatch(answers.name):
        raise UsageError(f"not a name for a target: {answers.name!r}", remedy=_NAMES)
    if answers.host_key == "console" and answers.console.kind == "none":
        raise UsageError("without a console, the host key cannot be read there", remedy="give --host-key known_hosts")
    if not answers.address and answers.console.kind == "none":
        raise UsageError("without a console, the address cannot be found there", remedy="give --address HOST")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters["scalar"] = _scalar
    values: dict[str, Any] = {name: getattr(answers, name) for name in Answers.__dataclass_fields__}
    values |= {
        "title": answers.title or f"A QNX Hypervisor host: {answers.name}.",
        "templates": answers.templates or answers.name,
        "placements": answers.placements or _PLACEMENTS[answers.architecture],
        "mmio": _MMIO[answers.architecture],
        "address_command": _ADDRESS_COMMAND,
    }
    return environment.get_template("target.yaml.j2").render(values)


def _scalar(value: str) -> str:
    """A text as YAML has it, in quotes where it would be read as anything else."""
    if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def write(answers: Answers, folder: Path) -> Path:
    """Write the target file and its templates into ``folder``; returns the file. Nothing is overwritten."""
    content = text(answers)
    file, templates = folder / f"{answers.name}.yaml", folder / answers.name
    for path in (file, templates):
        if path.exists():
            raise UsageError(f"{path} exists already", remedy="choose another name, or remove it")
    try:
        shutil.copytree(shipped.TARGETS / f"qnx-{answers.architecture}", templates)
        file.write_text(content)
    except BaseException:
        # Half of it would stand in the way of the next attempt.
        shutil.rmtree(templates, ignore_errors=True)
        file.unlink(missing_ok=True)
        raise
    return file
