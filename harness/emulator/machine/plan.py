# SPDX-License-Identifier: Apache-2.0
"""From a VM's configuration to QEMU's command line.

The emulated host builds what stock QEMU can be: the ``virt`` board on AArch64 and a PC on x86-64. Devices have the
addresses and interrupt lines that those machines give them; a configuration that asks for others is refused with the
line that asks. Nothing is ignored in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.arch import Arch
from harness.emulator.machine.board import Board, BuiltinDevice, ChipSet, board_of
from harness.emulator.machine.kernel import architecture, firmware
from harness.emulator.machine.network import network_arguments
from harness.emulator.machine.placement import FIRST_SLOT, Placement, place
from harness.shmem.config import (
    ConfigError,
    Load,
    Option,
    Position,
    Ram,
    Vdev,
    VmConfig,
    parse_intr,
    parse_location,
    shmems_of,
)
from harness.shmem.config.grammar import CONTROLLER_KINDS, IMPLICIT_CONTROLLERS
from harness.shmem.config.validate import is_file
from harness.shmem.config.variables import references
from harness.shmem.profile import Profile

_IGNORABLE: Final = {
    "logger": "messages go to qvm's standard error on every setting",
    "safety": "no device of the emulated host is certified",
    "dump": "the emulated host writes no guest dumps",
    "sched": "the emulated host does not prioritise pulses",
}
"""Options that change nothing a guest could see, and why; ``sched`` is one of ``vdev shmem``."""


_SHMEM_OPTIONS: Final = frozenset({"allow", "create", "deny", "gid", "intr", "loc", "name", "sched", "subst", "umask"})


@dataclass(frozen=True)
class Console:
    """A serial port of the guest and what its ``hostdev`` says."""

    hostdev: str
    position: Position


@dataclass(frozen=True)
class Plan:
    """A virtual machine that is ready to be started; ``arguments`` lack consoles, devices and channels."""

    arch: Arch
    board: Board
    arguments: tuple[str, ...]
    machine: tuple[str, ...]
    """The part of ``arguments`` that decides what QEMU writes into a device tree."""
    consoles: tuple[Console, ...]
    placements: tuple[Placement, ...]
    notes: tuple[str, ...]


def plan(config: VmConfig, directory: Path, profile: Profile, chip_set: ChipSet = "q35") -> Plan:
    """Decide the machine; relative paths start at ``directory``. Raises ConfigError for what cannot be built."""
    _refuse_open_values(config)
    kernel = _one_kernel(config)
    arch = architecture(kernel, directory / kernel.file)
    board = board_of(arch, chip_set)
    consoles: list[Console] = []
    network: list[str] = []
    slots: list[int] = []
    controllers = {name: name for name in IMPLICIT_CONTROLLERS}
    controllers |= {vdev.name: vdev.kind for vdev in config.vdevs if vdev.name}
    seen: set[str] = set()
    for vdev in config.vdevs:
        if vdev.kind in board.builtin_devices:
            if vdev.kind in seen:
                raise ConfigError("this machine has one of these", vdev.position, found=f"a second {vdev.kind}")
            seen.add(vdev.kind)
            consoles += _builtin_device(board.builtin_devices[vdev.kind], vdev, controllers)
        elif vdev.kind == "virtio-net":
            slots.append(_free_slot(board, slots, vdev))
            network += network_arguments(vdev, len(slots), slots[-1])
        elif vdev.kind == "shmem":
            _check_shmem(vdev)
        else:
            raise ConfigError(
                f"the emulated host has no such vdev on {arch}",
                vdev.position,
                found=vdev.kind,
                expected=", ".join(sorted([*board.builtin_devices, "shmem", "virtio-net"])),
            )
    machine = (*board.arguments, *_memory(board, config), *_cpus(config))
    return Plan(
        arch=arch,
        board=board,
        arguments=(*machine, *firmware(arch, directory / kernel.file), *_loads(config, directory), *network),
        machine=machine,
        consoles=tuple(consoles),
        placements=tuple(
            place(
                arch,
                board,
                shmems_of(config),
                controllers,
                profile,
                other_pci=slots,
                ram_end=board.ram_base + config.rams[0].length,
            )
        ),
        notes=tuple(_notes(config)),
    )


def _free_slot(board: Board, taken: list[int], vdev: Vdev) -> int:
    """The next PCI device number for a network device. Raises ConfigError when there is none."""
    slot = board.first_pci + len(taken)
    if slot >= FIRST_SLOT:
        raise ConfigError("too many vdev virtio-net", vdev.position, expected=f"up to {len(taken)}")
    return slot


def _refuse_open_values(config: VmConfig) -> None:
    """Refuse variables that nothing sets, and memory whose size they would be."""
    for option in config.others:
        if option.name in ("ram", "rom"):
            raise ConfigError("the emulated host does not know this value", option.position, found=option.text)
    for vdev in shmems_of(config):
        for option in vdev.vdev().options:
            if any(references(word) for word in option.words):
                raise ConfigError("no variable of that name is set", option.position, found=" ".join(option.words))
        if vdev.open_placement:
            raise ConfigError("the emulated host does not know where this is", vdev.position, found="vdev shmem")
    for load in config.loads:
        if references(load.file):
            raise ConfigError("no variable of that name is set", load.position, found=load.file)


def _one_kernel(config: VmConfig) -> Load:
    kernels = [load for load in config.loads if load.kind in ("", "guest")]
    if not kernels:
        raise ConfigError("the guest has nothing to run", config.system_position, expected="a 'load FILE'")
    if len(kernels) > 1:
        raise ConfigError("the emulated host starts one image", kernels[1].position, found="a second 'load'")
    return kernels[0]


def _loads(config: VmConfig, directory: Path) -> list[str]:
    arguments = []
    for load in config.loads:
        path = directory / load.file
        if not is_file(path):
            raise ConfigError("the file to load does not exist", load.position, found=str(path))
        if load.kind in ("", "guest"):
            if load.address is not None:
                raise ConfigError("the image itself says where it goes", load.position, expected="'load FILE'")
            arguments += ["-kernel", str(path)]
        elif load.kind == "initrd":
            arguments += ["-initrd", str(path)]
        else:
            raise ConfigError(
                "the emulated host cannot load this", load.position, found=load.kind, expected="load or initrd load"
            )
    return arguments + (["-append", config.cmdline] if config.cmdline else [])


def _memory(board: Board, config: VmConfig) -> list[str]:
    if not config.rams:
        raise ConfigError("the guest has no memory", config.system_position, expected="a 'ram' option")
    if len(config.rams) > 1 or config.roms:
        extra = config.roms[0] if config.roms else config.rams[1]
        raise ConfigError("the emulated host has one block of RAM and no ROM", extra.position)
    ram: Ram = config.rams[0]
    if ram.address not in (None, board.ram_base):
        raise ConfigError(
            "RAM of this machine starts elsewhere",
            ram.position,
            found=f"{ram.address:#x}",
            expected=f"{board.ram_base:#x}",
        )
    if ram.length % (1 << 20) or not 0 < ram.length <= board.ram_limit:
        raise ConfigError(
            "RAM of this size does not fit",
            ram.position,
            found=f"{ram.length:#x} bytes",
            expected=f"whole MiB, up to {board.ram_limit >> 20}M",
        )
    return ["-m", str(ram.length >> 20)]


def _cpus(config: VmConfig) -> list[str]:
    for cpu in config.cpus:
        if cpu.options:
            option = cpu.options[0]
            raise ConfigError("the emulated host has plain CPUs", option.position, found=option.name)
    return ["-smp", str(max(1, len(config.cpus)))]


def _builtin_device(builtin: BuiltinDevice, vdev: Vdev, controllers: dict[str, str]) -> list[Console]:
    """Check a device that the machine always has; the console when it is a serial port.

    ``controllers`` maps the names of interrupt controllers to their kinds.
    """
    location, intr = vdev.option("loc"), vdev.option("intr")
    if location is not None and (builtin.address is None or _address(location) != (builtin.space, builtin.address)):
        _refuse(location, builtin.location_text(), vdev)
    if intr is not None and _line(intr, controllers) not in builtin.intr:
        _refuse(intr, " or ".join(builtin.intr or ("no 'intr'",)), vdev)
    for option in vdev.options:
        if option.name not in {"loc", "intr", "name", *builtin.options} or not option.understood:
            raise ConfigError(f"the emulated host cannot do this for {vdev.kind}", option.position, found=option.name)
    if (port := vdev.option("hostdev")) is not None:
        return [Console(_argument(port)[0], port.position)]
    return []


def _check_shmem(vdev: Vdev) -> None:
    """Refuse what the emulated device could only ignore."""
    for option in vdev.options:
        if option.name not in _SHMEM_OPTIONS or not option.understood:
            raise ConfigError("the emulated host cannot do this for shmem", option.position, found=option.name)


def _line(option: Option, controllers: dict[str, str]) -> str:
    """The interrupt as CONTROLLER-KIND:LINE."""
    intr = parse_intr(*_argument(option))
    kind = controllers.get(intr.pic, intr.pic)
    if intr.pic in CONTROLLER_KINDS - controllers.keys():
        raise ConfigError("no such interrupt controller", option.argument_position, found=str(intr))
    line = intr.pin if intr.line is None else str(intr.line)
    return f"{kind}:{line}" if line else kind


def _address(option: Option) -> tuple[str, int | None]:
    location = parse_location(option.text, option.argument_position)
    return location.space or "mem", location.address


def _argument(option: Option) -> tuple[str, Position]:
    return option.argument or "", option.argument_position


def _refuse(option: Option, expected: str, vdev: Vdev) -> None:
    raise ConfigError(
        f"{vdev.kind} of this machine is fixed", option.position, found=" ".join(option.words), expected=expected
    )


def _notes(config: VmConfig) -> list[str]:
    """What is accepted without an effect, and why; any other free-standing option is refused."""
    for option in config.others:
        if option.name not in _IGNORABLE or not option.understood:
            raise ConfigError("the emulated host cannot do this", option.position, found=option.name)
    for context in config.contexts:
        raise ConfigError("the emulated host has no hardware to pass through", context.position, found=context.kind)
    of_devices = [option for vdev in config.vdevs for option in vdev.options if option.name in _IGNORABLE]
    return [
        f"[{option.position.file}:{option.position.line}] {option.name}: {_IGNORABLE[option.name]}"
        for option in (*config.others, *of_devices)
    ]
