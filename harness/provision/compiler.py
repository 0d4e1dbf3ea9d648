# SPDX-License-Identifier: Apache-2.0
"""Compiling C for guests and for this machine: one compiler for every target, brought by the virtual environment.

The compiler is the package ziglang (clang, lld and C libraries in one wheel), called as ``zig cc``. Nothing of the
machine's own tool chain takes part, so the same sources give the same image everywhere.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError
from harness.paths import plain_way
from harness.provision.cache import Entry, cache_dir, cached, find
from harness.provision.notice import notice
from harness.provision.process import ToolError, run

_COMPILE_SECONDS: Final = 600
_REMEDY: Final = "make the virtual environment again: make clean, then make test"


@dataclass(frozen=True)
class Compiler:
    """The C compiler of the virtual environment."""

    program: Path
    version: str

    def run(self, arguments: Sequence[str], *, what: str, folder: Path) -> None:
        """Run one of its tools (the first argument) in a folder. Raises ToolError with what that said.

        Files of the cache among the arguments are absolute paths. The compiler gets them by a plain way: in the name of
        a file that it writes it takes a ``%`` for a place of a random digit.
        """
        cache = cache_dir()
        cache.mkdir(parents=True, exist_ok=True)
        with plain_way(cache) as way:
            zig_cache = str(way / "zig")
            run(
                [str(self.program), *(_by(way, cache, word) for word in arguments)],
                what=what,
                timeout=_COMPILE_SECONDS,
                env={"ZIG_GLOBAL_CACHE_DIR": zig_cache, "ZIG_LOCAL_CACHE_DIR": zig_cache},
                folder=folder,
            )


def _by(way: Path, cache: Path, word: str) -> str:
    """A path below the cache as one below the way to it; any other word as it is."""
    return str(way / Path(word).relative_to(cache)) if Path(word).is_relative_to(cache) else word


@dataclass(frozen=True)
class Recipe:
    """How one file is made from C sources: everything that decides its content.

    Paths in ``sources`` and ``flags`` are relative to ``folder``, where the compiler runs; ``inputs`` are all files
    that it may read there (sources, headers, linker scripts).
    """

    name: str
    folder: Path
    target: str
    sources: tuple[str, ...]
    flags: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str


def compiler() -> Compiler:
    """The compiler. Raises HarnessError when the virtual environment has none."""
    spec = importlib.util.find_spec("ziglang")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not (folder / "zig").is_file():
        raise HarnessError("this Python environment has no C compiler (package ziglang)", remedy=_REMEDY)
    return Compiler(folder / "zig", metadata.version("ziglang"))


def compile_c(recipe: Recipe) -> Entry:
    """The cache entry with the file ``recipe.output``, there already or built now.

    Raises HarnessError with the compiler's own message when the sources do not compile.
    """
    tool = compiler()

    def build(folder: Path) -> Mapping[str, Any]:
        notice(f"compiling {recipe.name}")
        _compile(tool, recipe, folder / recipe.output)
        return {"compiler": tool.version}

    return cached(_kind(recipe), _inputs(tool, recipe), build, what=recipe.name)


def find_compiled(recipe: Recipe) -> Entry | None:
    """As `compile_c`, but builds nothing: None when the cache does not have it."""
    return find(_kind(recipe), _inputs(compiler(), recipe))


def load_recipe(file: Path, variant: str) -> Recipe:
    """Read one variant of a recipe file (TOML, see docs/provisioning.md).

    The keys ``sources`` (globs) and ``flags`` of the variant's table come after those of the file's top level.
    Raises HarnessError when the file does not say what is needed, or a glob matches nothing.
    """
    folder = file.parent
    try:
        table = tomllib.loads(file.read_text())
        own = table["variant"][variant]
        sources = [*table.get("sources", []), *own.get("sources", [])]
        flags = [*table.get("flags", []), *own.get("flags", [])]
        name, target, output = f"{table['name']} {variant}", own["target"], table["output"]
    except OSError as error:
        raise HarnessError(f"no recipe for {variant}: {file}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise HarnessError(f"{file}: {error}") from error
    except KeyError as error:
        raise HarnessError(f"{file}: the recipe for {variant} has no {error}") from error
    return Recipe(
        name=name,
        folder=folder,
        target=target,
        sources=tuple(_expanded(folder, sources, file)),
        flags=tuple(flags),
        inputs=tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())),
        output=output,
    )


def _kind(recipe: Recipe) -> str:
    return recipe.name.replace(" ", "-")


def _inputs(tool: Compiler, recipe: Recipe) -> dict[str, str]:
    return {
        "compiler": tool.version,
        "target": recipe.target,
        "command": "\0".join((*recipe.sources, "", *recipe.flags, "", recipe.output)),
        "files": _digest(recipe.folder, recipe.inputs),
    }


def _compile(tool: Compiler, recipe: Recipe, output: Path) -> None:
    try:
        tool.run(
            ["cc", "-target", recipe.target, *recipe.flags, *recipe.sources, "-o", str(output)],
            what=f"compiling {recipe.name}",
            folder=recipe.folder,
        )
    except ToolError as error:
        error.remedy = f"correct the sources in {recipe.folder}"
        raise


def _expanded(folder: Path, globs: Sequence[str], file: Path) -> Iterable[str]:
    for glob in globs:
        found = sorted(str(path.relative_to(folder)) for path in folder.glob(glob))
        if not found:
            raise HarnessError(f"{file}: the sources {glob!r} match no file")
        yield from found


def _digest(folder: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
