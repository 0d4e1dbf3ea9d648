# SPDX-License-Identifier: Apache-2.0
"""What texts mean: comments, quotes, numbers, contexts, and the entries of a configuration."""

from __future__ import annotations

import pytest

from harness.shmem.config import Create, Intr, Load, Ram, Rom, Rule, Subst, Vdev, VmConfig, parse, render, shmems_of

EXAMPLE = """\
# An x86 guest in the vendor's shape.
system qnx7-x86_64-guest   # its name
ram 0xa0000
rom 0xc0000,0x40000
ram 1024M

cpu sched 10 runmask 0,1
cpu
initrd load /vm/images/initrd
load 0x80000000,/vm/images/guest.ifs
cmdline "console=ttyS0 \\
    debug # not a comment"
logger fatal,error stderr
vdev ioapic
    loc 0xf8000000 intr apic name myioapic
vdev ser8250 intr myioapic:4
    hostdev >-
vdev shmem subst foo,guest0 create foomem,0xf0000
    name shm0
pass loc mem:0xff110000,0x1000,rw intr myioapic:9
"""


@pytest.fixture(name="config")
def _config() -> VmConfig:
    return parse(EXAMPLE, "x86.qvmconf")


def test_memory_keeps_its_order(config: VmConfig) -> None:
    assert config.rams == (Ram(None, 0xA0000), Ram(None, 1 << 30))
    assert config.roms == (Rom(0xC0000, 0x40000, rams_before=1),)


def test_entries(config: VmConfig) -> None:
    assert config.system == "qnx7-x86_64-guest"
    assert config.loads == (Load("initrd", None, "/vm/images/initrd"), Load("", 0x80000000, "/vm/images/guest.ifs"))
    assert config.cmdline == "console=ttyS0     debug # not a comment"
    assert [cpu.argument("sched") for cpu in config.cpus] == ["10", None]
    assert [vdev.kind for vdev in config.vdevs] == ["ioapic", "ser8250", "shmem"]
    assert config.vdevs[1].argument("hostdev") == ">-"
    assert config.others[0].words == ("fatal,error", "stderr")
    assert config.contexts[0].argument("intr") == "myioapic:9"


def test_every_entry_knows_where_it_stands(config: VmConfig) -> None:
    (shmem,) = shmems_of(config)
    assert str(shmem.position) == "x86.qvmconf:18:1"
    assert str(shmem.substs[0].position) == "x86.qvmconf:18:12"
    assert str(shmem.creates[0].position) == "x86.qvmconf:18:29"
    assert str(config.rams[1].position) == "x86.qvmconf:5:1"
    assert str(config.roms[0].position) == "x86.qvmconf:4:1"
    assert str(config.system_position) == "x86.qvmconf:2:1"
    assert str(config.cmdline_position) == "x86.qvmconf:11:1"
    assert str(config.cpus[1].position) == "x86.qvmconf:8:1"
    assert str(config.loads[0].position) == "x86.qvmconf:9:1"
    assert str(config.contexts[0].position) == "x86.qvmconf:20:1"
    assert str(config.vdevs[1].options[0].argument_position) == "x86.qvmconf:16:19"


def test_shmem_options_are_taken_apart() -> None:
    (shmem,) = shmems_of(
        parse(
            "vdev shmem loc mem:0x1c050000 intr gic:43 sched 21 name s umask 022 gid 7\n"
            'create a,4k,640,users allow x deny "y z" subst ,p'
        )
    )
    assert (shmem.loc, shmem.intr, shmem.sched, shmem.name) == (0x1C050000, Intr("gic", 43), 21, "s")
    assert shmem.creates == (Create("a", 4096, 0o640, "users"),)
    assert shmem.rules == (Rule("allow", "x"), Rule("deny", "y z"))
    assert shmem.substs == (Subst("", "p"),)


def test_only_the_first_comma_of_a_substitution_divides_it() -> None:
    assert shmems_of(parse("vdev shmem subst a,b,c"))[0].substs == (Subst("a", "b,c"),)


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("0", 0),
        ("4096", 4096),
        ("0x1F", 31),
        ("0X1f", 31),
        ("128M", 128 << 20),
        ("128m", 128 << 20),
        ("1k", 1024),
        ("2K", 2048),
        ("1g", 1 << 30),
        ("1G", 1 << 30),
        ("0x10k", 16384),
        ("0xffffffffffffffff", (1 << 64) - 1),
    ],
)
def test_numbers(spelling: str, value: int) -> None:
    assert parse(f"ram {spelling}").rams == (Ram(None, value),)


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        ("plain", "plain"),
        ('"two words"', "two words"),
        ('"a#b"', "a#b"),
        ("a#b", "a"),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"back\\slash"', "back\\slash"),
        (r'"star\*"', "star\\*"),
        (r"star\*", "star\\*"),
        ('""', ""),
        ('>"|slogger -x"', ">|slogger -x"),
        ('a"b c"d"e"', "ab cde"),
        ('"a\\\n  b"', "a  b"),
        ('"a\\\r\n  b"', "a  b"),
        ("@file", "@file"),
        ("système", "système"),
    ],
)
def test_words(spelling: str, value: str) -> None:
    assert shmems_of(parse(f"vdev shmem allow {spelling}\n"))[0].rules[0].pattern == value


def test_a_word_belongs_to_the_open_context_first() -> None:
    config = parse("cpu sched 9 vdev shmem sched 10 name n vdev 8259 loc 0x20 cpu vdev virtio-net name load peer /p")
    assert config.cpus[0].argument("sched") == "9"
    assert config.vdevs[0].argument("sched") == "10"
    assert config.vdevs[2].argument("name") == "load"
    assert len(config.cpus) == 2


def test_a_context_stays_open_until_the_next_one() -> None:
    config = parse("vdev shmem allow a\nram 1M\ninitrd load x\nallow b\ncpu\nsched 9\nvdev pl011 name u")
    (vdev,) = shmems_of(config)
    assert [rule.pattern for rule in vdev.rules] == ["a", "b"]
    assert (config.rams, config.loads) == ((Ram(None, 1 << 20),), (Load("initrd", None, "x"),))


def test_a_variable_is_kept_where_it_is_set() -> None:
    config = parse("set exit-on-halt off vdev shmem set debug off allow a cpu set x y")
    assert [option.words for option in config.others] == [("exit-on-halt", "off")]
    assert config.vdevs[0].options[0].words == ("debug", "off")
    assert config.cpus[0].options[0].words == ("x", "y")
    assert parse(render(config)) == config


def test_data_may_be_passed_through() -> None:
    config = parse("fdt pass loc 0x1000,0x1000,r=0x2000 loc mem:0x4000,r intr gic:40,t=72\npass loc pci:0x8086/0x1533")
    assert [(entry.data, entry.kind, len(entry.options)) for entry in config.contexts] == [
        ("fdt", "pass", 3),
        ("", "pass", 1),
    ]
    assert parse(render(config)) == config


def test_a_vdev_may_be_called_by_its_library() -> None:
    kinds = [
        vdev.kind for vdev in parse("vdev vdev-pl011 name a vdev vdev-shmem.so allow b\nvdev vdev-acme.so\n").vdevs
    ]
    assert kinds == ["pl011", "shmem", "vdev-acme.so"]


def test_an_argument_may_be_any_word() -> None:
    (vdev,) = shmems_of(parse("vdev shmem allow deny deny allow name vdev"))
    assert [(rule.kind, rule.pattern) for rule in vdev.rules] == [("allow", "deny"), ("deny", "allow")]
    assert vdev.name == "vdev"


def test_location_without_an_address() -> None:
    (vdev,) = shmems_of(parse("vdev shmem loc intr gic:40\nloc\n"))
    assert (vdev.loc, vdev.intr) == (None, Intr("gic", 40))
    assert shmems_of(parse("vdev shmem loc pci:0x1c05/1"))[0].loc is None


def test_options_of_an_unknown_vdev_are_found_by_their_lines() -> None:
    (vdev,) = parse("vdev acme-dma\n  turbo\n  channels 4\n  loc 0x1000\nram 1M").vdevs
    assert [(option.name, option.argument) for option in vdev.options] == [
        ("turbo", None),
        ("channels", "4"),
        ("loc", "0x1000"),
    ]
    assert isinstance(vdev, Vdev)


def test_comments_and_blank_lines_mean_nothing() -> None:
    bare = "\n".join(
        line.split("#")[0] for line in EXAMPLE.split("\n") if "cmdline" not in line and "debug" not in line
    )
    noisy = "#\n\n" + "\n# ram 5\n\n".join(line for line in bare.split("\n")) + "\t # end"
    assert parse(noisy) == parse(bare)


def test_an_empty_text_is_an_empty_configuration() -> None:
    assert parse("") == parse("# nothing\n") == VmConfig()
