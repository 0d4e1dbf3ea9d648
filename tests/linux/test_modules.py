# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable

import pytest

from harness.errors import HarnessError
from harness.provision.linux.cpio import Cpio
from harness.provision.linux.modules import ModuleTree, read_module
from harness.provision.linux.root import Kernel, add_modules
from tests.linux.conftest import MakeModule

RELEASE = "6.1-test"


def _names(tree: ModuleTree, *wanted: str) -> list[str]:
    return [module.name for module in tree.closure(wanted)]


def test_a_module_comes_after_all_that_it_needs(make_module: MakeModule) -> None:
    tree = ModuleTree(
        {
            "net/virtio_net.ko": make_module("net_failover"),
            "net/net-failover.ko.xz": lzma.compress(make_module("failover")),
            "net/failover.ko.gz": gzip.compress(make_module()),
            "uio/uio_pci_generic.ko": make_module("uio,failover"),
            "uio/uio.ko": make_module(),
            "other.ko": make_module(),
        }
    )
    assert _names(tree, "virtio-net", "uio_pci_generic") == [
        "failover",
        "net_failover",
        "virtio_net",
        "uio",
        "uio_pci_generic",
    ]


def test_what_is_built_in_is_not_loaded(make_module: MakeModule) -> None:
    tree = ModuleTree({"a.ko": make_module("b")}, builtin=["kernel/drivers/b.ko"])
    assert _names(tree, "a", "b") == ["a"]


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ({"a": "b"}, "module 'a' needs 'b', which this kernel does not have"),
        ({"a": "b", "b": "a"}, "a needs b needs a"),
        ({}, "this kernel has no module 'a'"),
    ],
)
def test_what_cannot_be_loaded_is_named(needs: dict[str, str], said: str, make_module: MakeModule) -> None:
    tree = ModuleTree({f"{name}.ko": make_module(depends) for name, depends in needs.items()})
    with pytest.raises(HarnessError, match=said):
        tree.closure(["a"])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: lzma.compress(whole)[:-20], "a.ko is damaged"),
        (lambda whole: whole[:100], "a.ko is no kernel module"),
        (lambda _: b"text", "a.ko is no kernel module"),
    ],
)
def test_a_damaged_module_is_named(damage: Callable[[bytes], bytes], said: str, make_module: MakeModule) -> None:
    with pytest.raises(HarnessError, match=said):
        read_module("a.ko", damage(make_module()))


def test_an_image_has_lists_for_insmod_and_modprobe(make_module: MakeModule) -> None:
    files = {"x/a.ko.xz": lzma.compress(make_module("b")), "x/b.ko": make_module(), "c.ko": make_module("a")}
    root = Cpio()
    add_modules(root, Kernel(RELEASE, ModuleTree(files)), ["a"], ["c"], "x86_64")
    folder = f"/usr/lib/modules/{RELEASE}"
    assert root.content("/etc/modules.load").decode().split() == [f"{folder}/x/b.ko", f"{folder}/x/a.ko"]
    assert root.content(f"{folder}/modules.dep").decode().splitlines() == [
        "c.ko: x/a.ko x/b.ko",
        "x/a.ko: x/b.ko",
        "x/b.ko:",
    ]
    assert root.content(f"{folder}/x/a.ko") == make_module("b")


def test_a_users_own_module_hides_that_of_the_kernel(
    make_module: MakeModule, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = tmp_path_factory.mktemp("own") / "a.ko"
    own.write_bytes(make_module("b"))
    kernel = Kernel(RELEASE, ModuleTree({"x/a.ko": make_module(), "b.ko": make_module()}))
    root = Cpio()
    add_modules(root, kernel, [str(own)], [], "x86_64")
    assert root.content("/etc/modules.load").decode().split() == [
        f"/usr/lib/modules/{RELEASE}/b.ko",
        f"/usr/lib/modules/{RELEASE}/extra/a.ko",
    ]


@pytest.mark.parametrize(
    ("release", "arch", "said"),
    [
        ("5.4-other", "x86_64", "was built for Linux 5.4-other; the image has 6.1-test"),
        (RELEASE, "aarch64", "is a module for aarch64; the image is for x86_64"),
    ],
)
def test_a_module_of_another_kernel_is_refused(
    release: str, arch: str, said: str, make_module: MakeModule, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = tmp_path_factory.mktemp("own") / "mine.ko"
    own.write_bytes(make_module(release=release, arch=arch))  # type: ignore[arg-type]
    with pytest.raises(HarnessError, match=said):
        add_modules(Cpio(), Kernel(RELEASE, ModuleTree({})), [str(own)], [], "x86_64")
