# SPDX-License-Identifier: Apache-2.0
"""Templates become configurations, and what is wrong with one is said with its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.configuration import configuration_text, shmem
from harness.arch import ARCHES
from harness.errors import BenchError, UsageError
from harness.shmem.config import parse, shmems_of

TARGETS = Path(__file__).parents[2] / "targets"


def _text(templates: Path, options: str = "") -> str:
    return configuration_text(
        templates, "probe", system="guest7", image="/images/probe.elf", console="/dev/ptyp3", shmem=shmem(options).text
    )


@pytest.mark.parametrize("arch", ARCHES)
def test_the_embedded_templates_make_whole_configurations(arch: str) -> None:
    config = parse(_text(TARGETS / f"qemu-{arch}", "allow a* deny b subst ,c create d,0x1000"))
    assert config.system == "guest7"
    assert [load.file for load in config.loads] == ["/images/probe.elf"]
    assert "/dev/ptyp3" in [vdev.argument("hostdev") for vdev in config.vdevs]
    (vdev,) = shmems_of(config)
    assert [(rule.kind, rule.pattern) for rule in vdev.rules] == [("allow", "a*"), ("deny", "b")]
    assert [create.size_bytes for create in vdev.creates] == [4096]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("system {{ system }}\nram coffee\n", "probe.qvmconf.j2"),
        ("system {{ sytem }}\n", "'sytem' is undefined"),
        ("system {% if %}\n", "probe.qvmconf.j2"),
        ("system {{ system }}\n", "leaves out the vdev shmem that the tests want"),
        ("system {{ system }}\nvdev shmem allow telemetry\n", "leaves out the vdev shmem"),
        ("system {{ system }}\n# {{ shmem }}\n", "leaves out the vdev shmem"),
        ("system {{ system }}\n{{ shmem }}\tdeny b\n", "leaves out the vdev shmem that the tests want, or changes it"),
        ("system {{ system }}\n{{ shmem }}\nvdev shmem allow telemetry\n", "has a vdev shmem of its own"),
        (None, "there is no template"),
    ],
)
def test_a_broken_template_is_named(tmp_path: Path, template: str | None, message: str) -> None:
    if template is not None:
        (tmp_path / "probe.qvmconf.j2").write_text(template)
    with pytest.raises(BenchError) as error:
        _text(tmp_path, "allow a*")
    assert message in str(error.value)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("options", ["allow", "vdev shmem", "allow a vdev pl011 loc 0x9000000", "allow a cpu", "brew"])
def test_text_that_is_not_options_of_one_vdev_is_refused(options: str) -> None:
    with pytest.raises(UsageError, match="options of one vdev shmem"):
        shmem(options)
