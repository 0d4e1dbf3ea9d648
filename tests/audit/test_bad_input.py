# SPDX-License-Identifier: Apache-2.0
"""Input that is wrong or hard: a clear message, and never a wrong 'closed'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import EXIT_USAGE

VM = "system {name}\nram 0x80000000,128M\ncpu\nvdev shmem\n"


@pytest.fixture
def vm(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a configuration with these options of one vdev shmem."""

    def write(name: str, *options: str, system: str = "") -> str:
        path = tmp_path / f"{name}.qvmconf"
        path.write_text(VM.format(name=system or name) + "".join(f"  {option}\n" for option in options))
        return str(path)

    return write


def _codes(capsys: pytest.CaptureFixture[str], *arguments: str) -> set[str]:
    assert main(["audit", *arguments, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["closed"]
    return {one["code"] for one in found["findings"] if one["severity"] != "note"}


def test_two_vms_of_one_name(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    files = vm("a", "allow x", system="same"), vm("b", "allow x", system="same")
    assert "same-vm-name" in _codes(capsys, *files)


def test_a_variable_without_a_value_proves_nothing(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    assert "undecided" in _codes(capsys, vm("a", "allow ${REGION}"), vm("b", "allow x"))


@pytest.mark.parametrize("count", [6, pytest.param(40, marks=pytest.mark.long)])
def test_a_list_that_blows_up_is_never_called_closed(count: int, vm, capsys) -> None:  # type: ignore[no-untyped-def]
    letters = "abcdefghijklmnopqrstuvwxyz" * 3
    rules = [f"allow *{letters[at]}*{letters[at + 3]}*{letters[at + 8]}*" for at in range(count)]
    codes = _codes(capsys, vm("a", *rules), vm("b", "allow *a*"))
    assert codes & {"meeting-by-wildcard", "undecided"}


def test_a_mixed_list_where_qvm_refuses_it(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    files = vm("a", "allow x", "deny y"), vm("b", "allow x")
    assert main(["audit", *files, "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert any(one["code"] == "depends-on-reading" and "mixed_rules" in one["text"] for one in found["findings"])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("channels: 3\n", 1),
        ("channels:\n  - region: x\n", 2),
        ("channels:\n  - region: x\n    members: [a]\n    colour: red\n", 4),
        ("channels:\n  - region: 7\n    members: [a]\n", 2),
        ("channels:\n  - region: x\n    members: a\n", 3),
        ("channels:\n  - region: x\n    members: [a]\n    size: many\n", 4),
        ("channels:\n  - region: x\n    members: [nobody]\n", 2),
        ("channels:\n  - region: x\n    members: [a]\n    size: 0\n", 4),
        ("channels:\n  - region: x\n    members: [a]\n    size: -4096\n", 4),
        ("channels:\n  - region: x\n    members: [a]\n    size: 0x10000000000000000\n", 4),
        ("channels: [\n", 2),
        ("[" * 500 + "]" * 500, 1),
        ("rules: []\nchannels: []\n", 1),
    ],
)
def test_a_wrong_policy_is_named_with_its_line(text: str, line: int, vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    assert main(["audit", vm("a", "allow x"), "--policy", str(policy)]) == 1
    assert f"{policy}:{line}:" in capsys.readouterr().err


def test_a_policy_that_is_no_text(vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_bytes(b"channels:\n  - {region: caf\xe9, members: [a]}\n")
    file = vm("a", "allow x")
    assert main(["audit", file, "--policy", str(policy)]) == 1
    assert f"{policy}:2:1: error: the policy is not UTF-8" in capsys.readouterr().err
    # It has no end.
    assert main(["audit", file, "--policy", "/dev/zero"]) == 1
    assert "not a regular file" in capsys.readouterr().err


def test_a_policy_about_one_of_two_vms_of_a_name(vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text("channels:\n  - {region: x, members: [same]}\n")
    files = vm("a", "allow x", system="same"), vm("b", "allow x", system="same")
    assert main(["audit", *files, "--policy", str(policy)]) == 1
    assert "several configurations have that name" in capsys.readouterr().err


def test_a_channel_of_all_names_has_no_name_that_is_not_legal(vm, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text("channels:\n  - {region: '*', members: [a, b]}\n")
    assert main(["audit", vm("a", "allow *"), vm("b", "allow *"), "--policy", str(policy)]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--release", "7.0", "--release", "8.0", "--policy", "{policy}"],
        ["--compare", "{file}", "--strict"],
        ["--compare", "{file}", "--propose-policy"],
        ["--release", "7.0", "--release", "7.0"],
        ["--propose-policy", "--propose-rules"],
        ["--propose-policy", "--policy", "{policy}"],
        ["--propose-policy", "--json"],
        ["--propose-rules", "--policy", "{policy}", "--sarif"],
        ["--vm", ""],
    ],
)
def test_no_option_is_passed_over_in_silence(arguments: list[str], vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "policy.yaml").write_text("channels: []\n")
    file = vm("a", "allow x")
    given = [one.format(policy=tmp_path / "policy.yaml", file=file) for one in arguments]
    assert main(["audit", file, *given]) == 3
    assert "remedy: " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "\n\n", "# a copy that failed\n\n# nothing else\n"])
@pytest.mark.parametrize("as_words", [False, True])
def test_a_configuration_without_any_option_is_no_vm(as_words: bool, text: str, vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    file, policy = vm("a", "allow x"), tmp_path / "policy.yaml"
    policy.write_text("channels: []\n")
    (tmp_path / "ivi.qvmconf").write_text(text)
    given = ["--vm", f"@{tmp_path / 'ivi.qvmconf'}"] if as_words else [str(tmp_path / "ivi.qvmconf")]
    for question in ([], ["--policy", str(policy)], ["--propose-policy"], ["--compare", file]):
        assert main(["audit", file, *given, *question]) == 1
        assert f"{tmp_path / 'ivi.qvmconf'}:1:1: error: there is no option in it" in capsys.readouterr().err
    assert _codes(capsys, file, *given) == {"cannot-read"}


def test_a_system_without_a_device_is_not_called_closed(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    for name in ("a", "b"):
        (tmp_path / f"{name}.qvmconf").write_text(f"system {name}\nram 128M\n")
    assert _codes(capsys, str(tmp_path)) == {"no-device"}


def test_a_file_that_is_given_twice(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    file = vm("a", "allow x")
    assert main(["audit", file, file]) == 1
    assert "which is one file" in capsys.readouterr().out


def test_a_configuration_of_a_folder_that_is_not_there(vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    vm("a", "allow x")
    (tmp_path / "b.qvmconf").symlink_to("nowhere")
    assert main(["audit", str(tmp_path)]) == 1
    assert f"cannot read '{tmp_path / 'b.qvmconf'}'" in capsys.readouterr().err


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path / "nothing.qvmconf")]) == 3
    assert "nothing.qvmconf" in capsys.readouterr().err
    assert main(["audit", str(tmp_path)]) == 3
    assert main(["audit"]) == 3


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("{region: x, members: [a, b], size: 8K}", "wrong-size"),
        ("{region: y, members: [a, b]}", "missing-access"),
        ("{region: x, members: [a]}", "surplus-access"),
        ("{region: x*, members: [a, b]}", "missing-access"),
    ],
)
def test_a_policy_that_is_not_met(channel: str, code: str, vm, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"channels:\n  - {channel}\n")
    files = vm("a", "allow x", "create x,0x1000"), vm("b", "allow x")
    assert code in _codes(capsys, *files, "--policy", str(policy))


def test_a_policy_that_is_met(vm, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    policy = tmp_path / "policy.yaml"
    policy.write_text("channels:\n  - {region: x, members: [a, b], size: 4K}\n")
    assert main(["audit", vm("a", "allow x", "create x,0x1000"), vm("b", "allow x"), "--policy", str(policy)]) == 0


def test_rules_that_overlap_in_too_many_ways_come_to_an_end(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    """Sixty rules with two stars on each side: few edges for each state, but many places."""
    files = (
        vm("a", *(f"allow *a{number}*b*" for number in range(60))),
        vm("b", *(f"deny *b{number}*" for number in range(60))),
    )
    assert "undecided" in _codes(capsys, *files)


@pytest.mark.long
def test_ten_thousand_options_come_to_an_end(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    """Of either kind: rules that mix, and names that are put in place of others anywhere."""
    rules = (
        f"{('allow', 'deny')[number % 3 == 0]} {('a_{0}', 'b{0}*', '*{0}_c')[number % 4 - 1]}"
        for number in range(10_000)
    )
    files = (
        vm("a", *(rule.format(number) for number, rule in enumerate(rules))),
        vm("b", *(f"subst video{number},v-{number}" for number in range(10_000))),
    )
    assert "undecided" in _codes(capsys, *files)


def test_the_page_takes_the_place_of_nothing_that_is_read(vm, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    configuration, policy, link = Path(vm("a", "allow x")), tmp_path / "policy.yaml", tmp_path / "page.html"
    policy.write_text("channels: []\n")
    link.symlink_to(configuration)
    for page in (configuration, link, policy):
        before = page.read_text()
        assert main(["audit", str(configuration), "--policy", str(policy), "--html", str(page)]) == EXIT_USAGE
        assert page.read_text() == before


@pytest.mark.parametrize("form", ["--json", "--sarif"])
def test_what_cannot_be_read_is_told_in_every_form(form: str, vm, capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(["audit", vm("a", "@nowhere.inc"), form]) == 1
    assert "cannot-read" in json.dumps(json.loads(capsys.readouterr().out))


def test_a_policy_that_cannot_be_proposed_is_no_text(vm, capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(["audit", vm("a", "@nowhere.inc"), "--propose-policy"]) == 1
    assert capsys.readouterr().out == ""
