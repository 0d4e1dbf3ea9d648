# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import lzma
import struct
from collections.abc import Callable
from typing import Final

import pytest

from harness.arch import Arch
from harness.errors import HarnessError, UsageError
from harness.provision.linux.kernel import bootable, check_options
from harness.provision.linux.kernels import own_kernel
from harness.provision.linux.recipe import OwnKernel

Elf = Callable[..., bytes]

_PVH: Final = """
__attribute__((section(".note.Xen"), used, aligned(4)))
static const struct { int owner, size, kind; char name[4]; long entry; } note = {4, 8, 18, "Xen", 0x1000000};
"""
_BANNER: Final = 'const char banner[] __attribute__((used)) = "Linux version 6.1-mine (me)";\nvoid _start(void) {}\n'
_EVERYWHERE: Final = ("BLK_DEV_INITRD", "DEVTMPFS", "PROC_FS", "SYSFS", "TMPFS", "UNIX98_PTYS", "TTY", "MODULES", "PCI")
_OPTIONS: Final = (
    *_EVERYWHERE,
    *("INET", "VIRTIO_PCI", "PVH", "SERIAL_8250_CONSOLE", "SERIAL_AMBA_PL011_CONSOLE", "PCI_HOST_GENERIC"),
)
_AS_MODULES: Final = ["VIRTIO_NET", "UIO", "UIO_PCI_GENERIC"]
CONFIG: Final = "# a comment\n" + "".join(f"CONFIG_{name}=y\n" for name in _OPTIONS)
CONFIG_MODULES: Final = CONFIG + "".join(f"CONFIG_{name}=m\n" for name in _AS_MODULES)


@pytest.fixture
def vmlinux(make_elf: Elf) -> bytes:
    return make_elf(_PVH + _BANNER, "x86_64")


def _bzimage(payload: bytes) -> bytes:
    """As in Documentation/arch/x86/boot.rst: one sector of setup code, the payload 100 bytes behind it."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    head[0x248:0x250] = struct.pack("<II", 100, len(payload))
    return bytes(head) + bytes(100) + payload + b"more"


def _zboot(payload: bytes) -> bytes:
    return b"MZ\0\0zimg" + struct.pack("<II", 64, len(payload)) + bytes(48) + payload


def _image(size: int = 1 << 20) -> bytes:
    head = bytearray(0x1000)
    head[0x10:0x18] = size.to_bytes(8, "little")
    head[0x38:0x3C] = b"ARM\x64"
    return bytes(head) + b"Linux version 6.1-mine (me)"


def test_a_kernel_is_taken_out_of_its_wrapping(vmlinux: bytes) -> None:
    for wrapped in (vmlinux, _bzimage(gzip.compress(vmlinux)), _bzimage(lzma.compress(vmlinux)), _bzimage(vmlinux)):
        assert bootable(wrapped, "x86_64", "kernel") == vmlinux
    for wrapped in (_image(), gzip.compress(_image()), _zboot(gzip.compress(_image()))):
        assert bootable(wrapped, "aarch64", "kernel") == _image()


@pytest.mark.parametrize(
    ("change", "arch", "said"),
    [
        (lambda elf: _bzimage(gzip.compress(elf))[:-300], "x86_64", "damaged: it ends before its payload"),
        (lambda elf: _bzimage(gzip.compress(elf)[:-40]), "x86_64", "damaged"),
        (lambda elf: _bzimage(b"\x02!L\x18" + elf), "x86_64", "compressed in a way that is unknown here"),
        (lambda elf: elf, "aarch64", "is a kernel for x86_64, the image is for aarch64"),
        (lambda _: _image(), "x86_64", "is a kernel for aarch64, the image is for x86_64"),
        (lambda elf: elf.replace(b"Xen\0", b"Axe\0"), "x86_64", "CONFIG_PVH=y"),
        (lambda _: b"#!/bin/sh\n", "x86_64", "is not a Linux kernel"),
        (lambda _: b"", "aarch64", "is not a Linux kernel"),
    ],
)
def test_what_is_no_kernel_for_the_guest_is_refused(
    change: Callable[[bytes], bytes], arch: Arch, said: str, vmlinux: bytes
) -> None:
    with pytest.raises(HarnessError) as error:
        bootable(change(vmlinux), arch, "my-kernel")
    assert "my-kernel" in str(error.value)
    assert said in str(error.value)


def test_every_option_that_is_missing_is_named() -> None:
    check_options(CONFIG_MODULES, "x86_64", "kernel")
    lacking = CONFIG_MODULES.replace("CONFIG_PVH=y\n", "").replace("CONFIG_UIO=m", "# CONFIG_UIO is not set")
    with pytest.raises(HarnessError) as error:
        check_options(lacking, "x86_64", "kernel")
    lines = [line.split()[0] for line in error.value.message.splitlines()[1:]]
    assert lines == ["CONFIG_UIO", "CONFIG_PVH"]


def test_without_modules_everything_has_to_be_built_in() -> None:
    with pytest.raises(HarnessError, match="CONFIG_UIO_PCI_GENERIC is m, needed is y"):
        check_options(CONFIG_MODULES, "aarch64", "kernel", with_modules=False)


def test_an_own_kernel(vmlinux: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "bzImage").write_bytes(_bzimage(gzip.compress(vmlinux)))
    (folder / "config").write_text(CONFIG_MODULES)
    modules = folder / "6.1-mine"
    modules.mkdir()
    (modules / "modules.builtin").write_text("kernel/virtio_pci.ko\n")
    files = own_kernel(OwnKernel(folder / "bzImage", folder / "config", modules), "x86_64")
    assert (files.release, files.image, list(files.modules)) == ("6.1-mine", vmlinux, ["modules.builtin"])
    with pytest.raises(HarnessError, match="CONFIG_VIRTIO_NET is m, needed is y"):
        own_kernel(OwnKernel(folder / "bzImage", folder / "config"), "x86_64")
    with pytest.raises(UsageError, match=r"the modules of another kernel than 6\.1-mine"):
        own_kernel(OwnKernel(folder / "bzImage", folder / "config", folder), "x86_64")


def test_options_inside_of_a_kernel_are_found(make_elf: Elf, tmp_path_factory: pytest.TempPathFactory) -> None:
    options = CONFIG_MODULES.replace("CONFIG_INET=y\n", "")
    packed = ",".join(str(byte) for byte in b"IKCFG_ST" + gzip.compress(options.encode(), mtime=0))
    source = f"const unsigned char options[] __attribute__((used)) = {{{packed}}};\n"
    file = tmp_path_factory.mktemp("kernel") / "vmlinux"
    file.write_bytes(make_elf(_PVH + _BANNER + source, "x86_64"))
    with pytest.raises(HarnessError, match="CONFIG_INET is n"):
        own_kernel(OwnKernel(file), "x86_64")
