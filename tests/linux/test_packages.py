# SPDX-License-Identifier: Apache-2.0
"""Packages are made by dpkg-deb, as those of the distribution are."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.provision.apt import Package
from harness.provision.compiler import compiler
from harness.provision.linux.cpio import Cpio
from harness.provision.linux.packages import PackageFiles
from harness.provision.linux.root import add_packages
from tests import programs

_CONTROL = "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: test\n"


def _package(folder: Path, name: str, files: dict[str, bytes | str]) -> Package:
    """A package with these files; text is the target of a link."""
    root = folder / name
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(_CONTROL.format(name=name))
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            (root / path).symlink_to(content)
        else:
            (root / path).write_bytes(content)
            (root / path).chmod(0o755)
    file = folder / f"{name}.deb"
    programs.run(["dpkg-deb", "--build", root, file], check=True, capture_output=True)
    return Package(file, name, "1", "", "")


def test_links_lead_to_files_wherever_the_root_is_merged(tmp_path: Path) -> None:
    files = PackageFiles.of(
        [
            _package(tmp_path, "old", {"bin/sh": "/usr/bin/real", "lib/x/libz.so.1": "libz.so.1.3"}),
            _package(tmp_path, "new", {"usr/bin/real": b"shell", "usr/lib/x/libz.so.1.3": b"library"}),
        ]
    )
    assert files.resolved("/bin/sh").content == b"shell"
    assert files.resolved("/lib/x/libz.so.1").content == b"library"
    assert files.packages_of(["usr/bin/sh", "usr/bin/real", "etc/own"]) == {"old", "new"}
    with pytest.raises(HarnessError, match="none of the packages has the file /usr/bin/gone"):
        files.resolved("/bin/gone")


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    files = PackageFiles.of([_package(tmp_path, "circle", {"usr/a": "b", "usr/b": "a"})])
    with pytest.raises(HarnessError, match="none of the packages"):
        files.resolved("usr/a")


def test_a_package_brings_its_files_but_no_documentation(tmp_path: Path) -> None:
    package = _package(
        tmp_path, "tool", {"usr/bin/tool": b"#!/bin/sh", "usr/share/doc/tool/README": b"read me", "etc/tool": b"set"}
    )
    root = Cpio()
    files = PackageFiles.of([package])
    add_packages(root, files, files)
    assert list(root) == ["etc", "etc/tool", "usr", "usr/bin", "usr/bin/tool"]


def test_a_damaged_package_is_named(tmp_path: Path) -> None:
    package = _package(tmp_path, "tool", {"usr/bin/tool": bytes(100_000)})
    package.file.write_bytes(package.file.read_bytes()[:-60])
    with pytest.raises(HarnessError, match=r"tool\.deb cannot be unpacked"):
        PackageFiles.of([package])


def _compile(folder: Path, source: str, output: str, *flags: str) -> bytes:
    (folder / "source.c").write_text(source)
    command = [str(compiler().program), "cc", "-target", "x86_64-linux-gnu.2.28", "-nostdlib", "source.c", *flags]
    programs.run([*command, "-o", output], cwd=folder, check=True)
    return (folder / output).read_bytes()


def test_a_program_brings_its_loader_and_the_libraries_of_its_libraries(tmp_path: Path) -> None:
    library = ("-shared", "-fPIC", "-L.")
    far = _compile(tmp_path, "int far(void) { return 1; }", "libfar.so.1", *library, "-Wl,-soname,libfar.so.1")
    near = _compile(
        tmp_path, "int far(void); int near(void) { return far(); }", "libnear.so.2", *library, "-l:libfar.so.1"
    )
    main = _compile(
        tmp_path, "int near(void); void _start(void) { near(); }", "main", "-fPIE", "-pie", "-L.", "-l:libnear.so.2"
    )
    libraries = {"usr/lib/x86_64-linux-gnu/libnear.so.2": near, "lib/x86_64-linux-gnu/libfar.so.1": far}
    loader: dict[str, bytes | str] = {"usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": b"loader"}
    packages = [
        _package(tmp_path, "tool", {"usr/bin/tool": main}),
        _package(tmp_path, "libs", {**libraries}),
        _package(tmp_path, "libc", loader),
    ]
    files = PackageFiles.of(packages)
    assert sorted(files.closure(["/bin/tool"])) == [
        "usr/bin/tool",
        "usr/lib/x86_64-linux-gnu/libfar.so.1",
        "usr/lib/x86_64-linux-gnu/libnear.so.2",
        "usr/lib64/ld-linux-x86-64.so.2",
    ]
    assert files.resolved("/lib64/ld-linux-x86-64.so.2").content == b"loader"
    with pytest.raises(HarnessError, match=r"/usr/bin/tool needs libnear\.so\.2, which none of the packages has"):
        PackageFiles.of([packages[0], packages[2]]).closure(["usr/bin/tool"])
