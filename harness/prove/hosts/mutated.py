# SPDX-License-Identifier: Apache-2.0
"""An emulated host one of whose modules is a mutant: ``python -m harness.prove.hosts.mutated``.

The variable ``VARIABLE`` has the name of the module and, behind a colon, the file with the mutant's source. The options
are those of the host.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

VARIABLE: Final = "SHMEM_HARNESS_MUTANT"


class _Finder(MetaPathFinder):
    """Finds one module, and gives it another source. What it says of its file is not changed."""

    def __init__(self, module: str, source: Path) -> None:
        self.module = module
        self.source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self.source)
        return spec


class _Loader(SourceFileLoader):
    """Compiles the other source. Nothing is taken from the cache of compiled modules, or put there."""

    def __init__(self, fullname: str, path: str, source: Path) -> None:
        super().__init__(fullname, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        return compile(self.source.read_bytes(), self.path, "exec", dont_inherit=True)


def main() -> int:
    """Put the mutant in, then be a host."""
    module, _, source = os.environ[VARIABLE].partition(":")
    sys.meta_path.insert(0, _Finder(module, Path(source)))
    from harness.emulator import daemon

    if module not in sys.modules:
        raise ImportError(f"no module {module} in an emulated host")
    return daemon.main()


if __name__ == "__main__":
    sys.exit(main())
