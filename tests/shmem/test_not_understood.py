# SPDX-License-Identifier: Apache-2.0
"""What a real host accepts is not an error: forms of public configurations, in words and names of our own.

What the harness does not know is kept, written again and reported once; ``--strict`` makes it an error.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import main
from harness.shmem.config import ConfigError, Rule, VmConfig, parse, parse_arguments, parse_file, render, shmems_of
from harness.shmem.lint import lint
from harness.shmem.profile import PROFILES

ACCEPTED = [
    # text, and how many things in it are not understood
    ('cmdline "console=ttyAMA0\n    root=/dev/vda1\n\trw"\ncpu', 0),
    ('cmdline "a \\\n  b\n  c"  # a comment behind a quote', 0),
    ('vdev ser8250 hostdev ">|logger\n-t guest"', 0),
    ("vdev 8259 loc 0x20 intr cpu:irq name first\nvdev 8259 loc 0xa0 intr first:2 name second", 1),
    ("vdev gic name g intr cpu:fiq", 1),
    ("vdev pl011 loc 0x9000000 intr its:spi4", 1),
    ("fdt generate", 1),
    ("fdt generate compact\nfdt load my.dtb", 1),
    ("dtb load board.dtb", 1),
    ("kernel load 0x80080000,Image", 1),
    ("firmware pass loc mem:0x1000,0x1000,r", 1),
    ("reserve loc io 0x60,5", 0),
    ("reserve loc mem 0xa0000,0x20000\nreserve loc 0xc0000,0x1000", 0),
    ("pass loc io 0x3f8,8 intr gic:45=gic:78", 0),
    ("pass loc pci:0:2.0=pci:0:2.0\npass loc pci:0x8086/0x5aa8", 0),
    ("pass loc 0x0a600000,0x050,rwn=0x0a600000 intr gic:77,t=72", 0),
    ("pass loc 0x0a600000,0x18446744073709551616050,rwn=0x0a600000 intr gic:77,t=72", 1),
    ("pass loc 0x0a600000,010,rwn=0x0a600000 intr gic:77,t=72", 0),
    ("pass 0xfe000000,0x3f000000,0x800000", 1),
    ("pass interrupt=42", 1),
    ("pass intr 42", 1),
    ("vdev gic version 3 msi 0x2f000000 gicd 0x2c010000", 1),
    ("vdev gic\n  gicr 0x2f100000\n  gicc 0x2c020000,0x2000\n  gicv 0x2c060000", 3),
    ("vdev hpet loc 0xf8008000 frequency 10000000 intr myioapic:0,myioapic:8\nvdev ioapic name myioapic intr apic", 0),
    ("vdev mc146818 reg 0x0b,0x02", 0),
    ("vdev ser8250 loc 0x2f8,8", 0),
    ("vdev pl011 fifo deep 3 loc 0x9000000", 1),
    ("vdev virtio-blk loc 0x1c0d0000 intr gic:41 cache writeback readonly", 1),
    ("vdev virtio-net name /dev/qvm/g/vp0 peer /dev/vdevpeers/vp0", 0),
    ("vdev virtio-snd\n  loc 0x20020000\n  stream playback # to hear\n    nid 2\n  groupcaps volume:mute", 1),
    ("vdev acme-test.so loc 0x1c270000 intr gic:61 verbose 3 data adc", 1),
    ("vdev pci-dummy clone pci:0:31.0", 1),
    ("vdev touch.so options +0x80 size 1500,1640", 1),
    ("cpu cluster _cpu-1\ncpu sched 10r runmask 0,2-3\ncpu\n  affinity 0x3", 1),
    ("user nobody:daemon", 1),
    ("watchdog\n  timeout 5\n  action reset\ncpu", 1),
    ("vdev pl011\n    hostdev >-\nuuid 1234\nram 0x80000000,1M", 1),
    ("qvm ram 0,16M \\\n    vdev shmem \\\n    load image.ifs", 1),
    ("unsupported register ignore\ndump |store\nlogger error,fatal stderr", 0),
    ("ram 0d1048576\nram 0X1000000,1g\nram 0x80000000,512m", 0),
    ("vdev pl011 loc 0x1000\f\vintr gic:40", 0),
    ("ram 1M\rcpu\r\ncpu", 0),
    ("ram 007\nram 0x10,01", 0),
    ("ram 0512M", 1),
    ("vdev shmem create a,010000", 1),
    ("vdev pl011 intr gic:040", 1),
    ("vdev pl011 loc vmbus:7", 1),
    ("cmdline 'console=ttyS0 quiet'", 1),
    ('"system" g0', 1),
    ("# nothing but a comment\\\n", 0),
    ("", 0),
]


@pytest.mark.parametrize(("text", "count"), ACCEPTED)
def test_it_is_accepted_reported_once_and_written_again(text: str, count: int, tmp_path: Path) -> None:
    config = parse(text, "t")
    assert len(config.not_understood) == count, config.not_understood
    findings = lint(config, PROFILES["8.0"])
    assert [item for item in findings if item.severity == "error"] == []
    assert sum("not understood" in item.text for item in findings) == count
    assert parse(render(config)) == config
    path = tmp_path / "guest.qvmconf"
    path.write_bytes(text.encode())
    assert main(["lint", "--profile", "8.0", str(path)]) == 0


@pytest.mark.parametrize("text", [text for text, count in ACCEPTED if count])
def test_strictly_it_is_an_error(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "guest.qvmconf"
    path.write_bytes(text.encode())
    assert main(["lint", "--strict", "--profile", "8.0", str(path)]) == 1
    out = capsys.readouterr().out
    assert any(": error: " in line and line.endswith("[not-understood]") for line in out.splitlines()), out


def test_a_typing_mistake_gets_a_hint() -> None:
    (remark,) = parse("vdev shmem alow x allow y", "t").not_understood
    assert str(remark.position) == "t:1:12"
    assert remark.text.endswith("is 'allow' meant?")


def test_what_is_understood_next_to_it_still_counts() -> None:
    config = parse("vdev shmem\n    frobnicate 3 4\n    allow a*\nstrange thing\n    allow b\nvdev shmem\n    deny c\n")
    first, second = shmems_of(config)
    assert (first.rules, second.rules) == ((Rule("allow", "a*"),), (Rule("deny", "c"),))
    (context,) = config.contexts
    assert (context.kind, context.arguments, context.understood) == ("strange", ("thing",), False)
    assert parse(render(config)) == config


def test_the_same_thing_in_many_places_is_reported_once() -> None:
    config = parse("\n".join("vdev virtio-blk turbo on" for _ in range(5)), "t")
    (remark,) = config.not_understood
    assert str(remark.position) == "t:1:17"
    assert "also in 4 more places" in remark.text
    assert render(config).count("turbo on") == 5


LIBRARIES = [
    "vdev-shmem-safety.so",
    "vdev-shmem-safety",
    "shmem-safety",
    "shmem-safety.so",
    "vdev-shmem.so",
    "./lib/vdev-shmem-safety.so",
    "/proc/boot/vdev-shmem.so",
    "vdev-shmem.so.1",
]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_safety_variant_is_the_same_vdev(library: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "guest.qvmconf"
    path.write_text(f"system g\nvdev {library}\n  allow a*\n  allow ab\n")
    assert main(["lint", str(path)]) == 0
    assert f"{path}:4:3: warning: 'allow ab' never decides" in capsys.readouterr().out
    assert main(["explain", str(path), "--name", "abc"]) == 0
    assert "permitted: rule 1, 'allow a*'" in capsys.readouterr().out
    config = parse_file(path)
    assert f"vdev {library}\n" in render(config)
    assert f"vdev {library}\n" in render(VmConfig(vdevs=(shmems_of(config)[0].vdev(),)))


@pytest.mark.parametrize("library", ["vdev-pl011-safety.so", "virtio-blk-safety", "/lib/vdev-virtio-console-safety.so"])
def test_every_known_vdev_has_a_safety_variant(library: str) -> None:
    config = parse(f"vdev {library} hostdev /dev/x delayed 5 loc 0x1000 intr gic:40")
    assert config.not_understood == ()
    assert parse(render(config)) == config


@pytest.mark.parametrize("library", ["acme-safety", "vdev-acme-safety.so", "shmem-unsafe"])
def test_another_vdev_is_not_taken_for_a_known_one(library: str) -> None:
    assert parse(f"vdev {library} frob 1").vdevs[0].kind == library


VARIABLES = [
    ("set BASE 0x80000000\nram $BASE,128M", "ram 0x80000000,128M"),
    ("set BASE 0x80000000\nset SIZE 1M\nram ${BASE},${SIZE}", "ram 0x80000000,1M"),
    ("ram ${BASE},1M\nset BASE 0x1000", "ram 0x1000,1M"),
    ("set DIR /vm\nload ${DIR}/image", "load /vm/image"),
    ("set D dom\nvdev shmem allow $D-* create ${D}0,4k", "    allow dom-*\n    create dom0,4k"),
    ("set A 0x1c050000\nset L 43\nvdev shmem loc $A intr gic:$L", "    loc 0x1c050000\n    intr gic:43"),
    ('set R /dev/vda\ncmdline "root=$R quiet"', 'cmdline "root=/dev/vda quiet"'),
    ("set A 1\nset B ${A}M\nram $B", "ram 1M"),
]


@pytest.mark.parametrize(("text", "line"), VARIABLES)
def test_a_variable_that_is_set_has_its_value(text: str, line: str) -> None:
    config = parse(text)
    assert config.not_understood == ()
    assert f"{line}\n" in render(config)
    assert parse(render(config)) == config


OPEN = [
    "ram $BASE,128M",
    "ram 0,1M\nram ${MORE}",
    "rom $R,4k",
    "load $DIR/image",
    "load $WHERE,image",
    "vdev shmem loc $ADDR intr gic:43",
    "vdev shmem loc 0x1c050000 intr gic:$LINE",
    "vdev shmem create a,$SIZE",
    "vdev shmem create $NAME,4k allow b",
    "vdev shmem allow $DOMAIN* allow a",
    "vdev shmem umask $BITS",
    "vdev shmem sched $PRIO",
    "vdev shmem subst $FROM,x",
    "vdev $KIND loc 0x1000",
    "vdev pl011 hostdev $TTY",
    "pass loc mem:$start{ram},0x1000,rw",
    "pass intr gic:$N=$HOST",
    "cpu runmask $MASK",
    "system $NAME",
    "set a $b",
    "reserve loc io $P,2",
]


@pytest.mark.parametrize("text", OPEN)
def test_a_variable_without_a_value_is_kept(text: str) -> None:
    config = parse(text)
    assert config.not_understood, text
    findings = lint(config, PROFILES["8.0"])
    assert [item for item in findings if item.severity == "error"] == []
    assert "never decides" not in "".join(item.text for item in findings)
    assert "$" in render(config)
    assert parse(render(config)) == config


def test_variables_of_each_other_end() -> None:
    for text in ("set a $a\nram $a", "set a $b\nset b $a\nram $b", "set a x$a\ncmdline $a"):
        config = parse(text)
        assert config.not_understood
        assert parse(render(config)) == config


def test_a_byte_order_mark_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "guest.qvmconf"
    path.write_bytes(b"\xef\xbb\xbfsystem g\nvdev shmem\n")
    assert main(["lint", str(path)]) == 0
    assert f"{path}:1:1: warning: the file begins with a byte-order mark" in capsys.readouterr().out
    assert parse_file(path).system == "g"
    for encoding in ("utf-16", "utf-16-be"):
        path.write_bytes("system g\n".encode(encoding))
        assert main(["lint", str(path)]) == 1
        assert "UTF-16" in capsys.readouterr().out


def test_the_command_line_may_have_its_options_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "guest.qvmconf"
    path.write_text("system g\nvdev shmem\n  allow a\n")
    config = parse_arguments(["set", "x", "1", "ram", "0,1M", "cpu", "frob", "3", f"@{path}", "system-like", "y"])
    assert (config.system, len(shmems_of(config)), len(config.not_understood)) == ("g", 1, 2)
    assert not any(item.severity == "error" for item in lint(config, PROFILES["8.0"]))


def test_files_that_include_each_other_too_often_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        (tmp_path / f"f{number}").write_text(f"@f{number + 1} @f{number + 1}")
    (tmp_path / "f30").write_text("cpu")
    for number in range(60):
        (tmp_path / f"g{number}").write_text(f"@g{number + 1}")
    for name in ("f0", "g0"):
        with pytest.raises(ConfigError, match="include each other too often"):
            parse_file(name)


COLLISIONS = [
    # text, severity of the collision, the base that is named
    ("ram 512M\nvdev shmem loc 0x1c050000 intr gic:43", "warning", "0x0"),
    ("ram 0,512M\nvdev shmem loc 0x1c050000 intr gic:43", "error", ""),
    ("ram 640K\nrom 0xc0000,0x40000\nram 1024M\nvdev shmem loc 0x10000000 intr gic:43", "warning", "0x100000"),
    ("ram 0x10000000,64M\nram 64M\nvdev pl011 loc 0x15000000", "warning", "0x14000000"),
    ("ram 0x10000000,64M\nvdev pl011 loc 0x12000000", "error", ""),
    ("ram 1M\nram 0x80000,1M", "warning", "0x0"),
    ("ram 1G\npass loc 0x3f000000,0x1000,rw", "warning", "0x0"),
]


@pytest.mark.parametrize(("text", "severity", "base"), COLLISIONS)
def test_a_collision_by_an_assumed_base_is_a_warning(text: str, severity: str, base: str) -> None:
    (found,) = [item for item in lint(parse(f"system g\n{text}")) if item.code == "address-collision"]
    assert found.severity == severity
    assert ("was assumed" in found.text) == (severity == "warning")
    assert f"the base {base} was assumed" in found.text or not base


@pytest.mark.parametrize("name", ["plic", "gicd", "master"])
def test_a_controller_that_nothing_declares_may_be_the_host_s(name: str) -> None:
    (found,) = lint(parse(f"system g\nvdev pl011 intr {name}:3 hostdev /dev/x\nvdev pl011 intr {name}:4"))
    assert (found.severity, found.code) == ("warning", "unknown-controller")
    assert f"'{name}' is not declared" in found.text
