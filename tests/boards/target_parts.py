# SPDX-License-Identifier: Apache-2.0
"""The parts of a target file that the cases of wrong values replace."""

from __future__ import annotations

ADDRESS = '        address: "192.0.2.10"\n'
HOST = "        host_key: known_hosts\n"
BOOT = '        boot: ["Starting|startup", "login:"]\n'
FEATURES = "    features:\n      - access\n      - performance\n"
SECONDS = "      boot_seconds: 60\n"
TARGET = "  qnx-aarch64-generic:\n"
IMPORTS = "imports:\n  - harness.labgrid\n"
SSH = "        ssh_seconds: 60\n"
FIRST = '        - {loc: 0x1c050000, intr: "gic:43"}\n'
SECOND = '        - {loc: 0x1c051000, intr: "gic:44"}\n'

Case = tuple[str, str, str, str]
"""What is replaced, by what, words of the wrong line, words of the message."""
