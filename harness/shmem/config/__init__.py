# SPDX-License-Identifier: Apache-2.0
"""The configuration language of qvm: parse, validate, render."""

from harness.shmem.config.errors import NOWHERE, ConfigError, Position, Remark
from harness.shmem.config.model import Context, Cpu, Load, Option, Ram, Rom, Vdev, VmConfig
from harness.shmem.config.parse import errors_of_file, parse, parse_arguments, parse_file, text_of
from harness.shmem.config.references import Intr, Location, parse_intr, parse_location
from harness.shmem.config.render import render
from harness.shmem.config.shmem import Create, Gid, Rule, RuleKind, ShmemOption, ShmemVdev, Subst, Umask, shmems_of
from harness.shmem.config.validate import doubts, missing_files, validate

__all__ = [
    "NOWHERE",
    "ConfigError",
    "Context",
    "Cpu",
    "Create",
    "Gid",
    "Intr",
    "Load",
    "Location",
    "Option",
    "Position",
    "Ram",
    "Remark",
    "Rom",
    "Rule",
    "RuleKind",
    "ShmemOption",
    "ShmemVdev",
    "Subst",
    "Umask",
    "Vdev",
    "VmConfig",
    "doubts",
    "errors_of_file",
    "missing_files",
    "parse",
    "parse_arguments",
    "parse_file",
    "parse_intr",
    "parse_location",
    "render",
    "shmems_of",
    "text_of",
    "validate",
]
