# SPDX-License-Identifier: Apache-2.0
"""Build a probe guest by the recipe in build.toml: `python build.py ARCH OUTPUT`.

The recipe is data; this program only turns it into the one compiler call that it describes, for a person without the
harness around. With `--print` it shows the call instead.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def recipe(architecture: str) -> dict[str, Any]:
    """The recipe of one image: target, flags, include, headers, sources, linker_script."""
    with (HERE / "build.toml").open("rb") as file:
        data = tomllib.load(file)
    image = data["image"][architecture]
    return {
        **image,
        **{key: data["common"].get(key, []) + image.get(key, []) for key in ("flags", "include", "headers", "sources")},
    }


def command(architecture: str, output: Path, extra: list[str] | None = None) -> list[str]:
    """The compiler call; its working directory is the folder of this file."""
    image = recipe(architecture)
    return [
        *(sys.executable, "-m", "ziglang", "cc", "-target", image["target"]),
        *image["flags"],
        *(f"-I{folder}" for folder in image["include"]),
        *image["sources"],
        f"-Wl,-T,{image['linker_script']}",
        *(extra or []),
        *("-o", str(output.resolve())),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("architecture", choices=("aarch64", "x86_64"))
    parser.add_argument("output", type=Path)
    parser.add_argument("--ram-base", metavar="ADDRESS", help="where RAM starts (aarch64; QNX guests: 0x80000000)")
    parser.add_argument("--print", action="store_true", help="show the compiler call, do not run it")
    options = parser.parse_args()
    extra = [f"-Wl,--defsym=RAM_BASE={options.ram_base}"] if options.ram_base else []
    call = command(options.architecture, options.output, extra)
    if options.print:
        print(shlex.join(call))
        return 0
    return subprocess.run(call, cwd=HERE, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
