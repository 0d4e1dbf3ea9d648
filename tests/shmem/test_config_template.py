# SPDX-License-Identifier: Apache-2.0
"""A value of a template is read back from the configuration as the value that was put in, wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.shmem.config import ConfigError, parse, shmems_of
from harness.shmem.config.template import Text, fill

TEMPLATE = r"""# made for {{ value }} "
system guest0
load /{{ value }}
initrd load "/{{ value }}"
cmdline "a \"quoted\" \\{{ value }} b"   # {{ value }}
vdev pl011
    hostdev \{{ value }}.x
{{ shmem }}
"""
PATHS = [
    "My Job@tmp #1/image.elf",
    'a"b',
    "back\\slash\\",
    'all "of\\ it" # @x $HOME {{ y }}, z:',
    "tab\there",
    "",
]


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "probe.qvmconf.j2").write_text(TEMPLATE)
    (folder / "word.qvmconf.j2").write_text("load {{ value }}\n")
    return folder


def _holds(templates: Path, value: str) -> None:
    text = fill(templates, "probe", {"value": value, "shmem": Text("vdev shmem\n    allow a* # all\n")})
    config = parse(text)
    assert [load.file for load in config.loads] == [f"/{value}", f"/{value}"]
    assert config.cmdline == f'a "quoted" \\{value} b'
    assert config.vdevs[0].argument("hostdev") == f"\\{value}.x"
    assert [rule.pattern for rule in shmems_of(config)[0].rules] == ["a*"]


@pytest.mark.parametrize("value", PATHS)
def test_a_path_is_read_back_as_it_is(templates: Path, value: str) -> None:
    _holds(templates, value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\x7f"])))
def test_any_text_without_control_characters_is_read_back(templates: Path, value: str) -> None:
    _holds(templates, value)


def test_a_value_that_would_name_a_file_to_read_is_a_word(templates: Path) -> None:
    assert parse(fill(templates, "word", {"value": "@x"})).loads[0].file == "@x"


@pytest.mark.parametrize("value", ["a\nb", "/tmp/x\x7f", "nul\0", "two\r\nlines"])
def test_a_value_that_no_configuration_can_hold_is_shown(templates: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="this value cannot be written in a configuration") as error:
        fill(templates, "word", {"value": value})
    assert repr(value)[1:-1] in error.value.found


def test_text_of_a_configuration_stays_what_it_is(templates: Path) -> None:
    broken = Text('vdev shmem "never closed \0 7 \0')
    assert fill(templates, "probe", {"value": "x", "shmem": broken}).endswith(f"{broken}\n")
