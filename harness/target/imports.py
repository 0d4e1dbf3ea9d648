# SPDX-License-Identifier: Apache-2.0
"""What a target file imports: modules whose classes labgrid then knows by name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from labgrid.factory import target_factory

from harness.errors import told
from harness.narrow import present
from harness.target.paths import resolved
from harness.target.problem import Fault, TargetFileError
from harness.target.reading.document import Document


@contextmanager
def imported(document: Document) -> Iterator[None]:
    """Let labgrid know the classes that the file imports, for the block. Raises TargetFileError.

    A file with classes is run again by labgrid itself, which refuses a class that it knows; so it forgets them here,
    and Python forgets the modules that have them.
    """
    names = document.data.get("imports", [])
    modules = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    files = [name for name in modules if name.endswith(".py")]
    _load(document, [name for name in modules if not name.endswith(".py")])
    if not files:
        yield
        return
    registries = (target_factory.resources, target_factory.drivers, target_factory.all_classes)
    known = [dict(registry) for registry in registries]
    try:
        _load(document, files)
        yield
    finally:
        for registry, before in zip(registries, known, strict=True):
            for name in registry.keys() - before.keys():
                sys.modules.pop(registry[name].__module__, None)
            registry.clear()
            registry.update(before)


def _load(document: Document, names: list[str]) -> None:
    for name in names:
        try:
            if name.endswith(".py"):
                _run(resolved(document.path.absolute().parent, name))
            else:
                importlib.import_module(name)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                # Somebody does not want to wait for this file.
                raise
            # A module of anybody's may raise anything.
            where = ("imports", document.data["imports"].index(name))
            words = told(error)
            problem = document.problem(Fault(where, f"import of {name}: {' '.join(words.split())}"))
            raise TargetFileError(*document.problems, problem) from error


def _run(file: Path) -> None:
    """Run a file as labgrid does: the next file may import it by name."""
    loader = SourceFileLoader(file.stem, str(file))
    module = module_from_spec(present(spec_from_loader(loader.name, loader)))
    loader.exec_module(module)
    sys.modules[loader.name] = module
