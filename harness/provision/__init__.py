# SPDX-License-Identifier: Apache-2.0
"""What a bench needs: found or fetched, verified, cached. See docs/provisioning.md."""

from harness.provision.apt import fetch_packages
from harness.provision.cache import cache_dir, cached
from harness.provision.compiler import Recipe, compile_c, load_recipe
from harness.provision.images import probe_image, qvm_program, register_server, window_library
from harness.provision.inventory import ManifestItem, manifest
from harness.provision.qemu_program import Qemu, qemu

__all__ = [
    "ManifestItem",
    "Qemu",
    "Recipe",
    "cache_dir",
    "cached",
    "compile_c",
    "fetch_packages",
    "load_recipe",
    "manifest",
    "probe_image",
    "qemu",
    "qvm_program",
    "register_server",
    "window_library",
]
