# SPDX-License-Identifier: Apache-2.0
"""What a refusal of qvm, or of the host, is taken for: an answer of the device, or a bench error."""

from __future__ import annotations

from typing import Any

import pytest

from harness import provision
from tests.bench.mini_suite import CHECKOUT, MiniSuite, emulated, fake

TEMPLATES = f"templates: {CHECKOUT}/targets/qemu-x86_64"

BODY = """
def test_1(attempt):
    tried = attempt("vdev shmem {location}\\n    deny a allow a*")
    assert tried.status in (65, 64, 6)
    assert tried.messages

def test_2(deploy):
    deploy("deny a allow a*", "")

def test_3(deploy):
    deploy("create b,4096 deny a allow a*", "")
"""

BENCH_ERRORS = {
    "console": (65, "LINE:hostdev: this pseudo-terminal is in use", "hostdev /dev/ptyp0"),
    "image": (65, "LINE:load: no such file", "which is not part of the tested text: load"),
    "crash": (139, "LINE:deny a: the device broke", "exit status 139"),
    "every device": (6, "the device broke", "a plain vdev shmem is rejected as well"),
    "tool": (127, "sh: qvm: not found", "qvm: not found"),
    "permissions": (126, "sh: /usr/bin/qvm: Permission denied", "Permission denied"),
    "everything": (65, "no licence", "a plain vdev shmem is rejected as well"),
    "at once": (0, "", "exit status 0"),
}
ANSWERS = {
    "line": (65, "LINE:deny a: rules of both kinds"),
    "first line": (65, "warning: x\\nLINE:vdev shmem: rules of both kinds"),
    "memory": (64, "LINE:deny a: cannot be set up: out of memory"),
    "device": (6, "the device broke"),
    "option": (6, "LINE:deny a: broke beside the regions"),
    "late": (65, "LINE:deny a: rules of both kinds"),
}


def _host(status: int, said: str, *, plain: bool = False, late: bool = False) -> str:
    flags = {"plain": plain, "only_regions": "regions" in said, "late": late}
    host = f'{{status: {status}, said: "{said}", {", ".join(f"{k}: {str(v).lower()}" for k, v in flags.items())}}}'
    return (
        fake(host=host)
        .replace("ShmemFakeHostDriver", "ShmemRefusingHostDriver")
        .replace("templates: templates", TEMPLATES)
    )


@pytest.fixture
def refusing(mini: MiniSuite) -> MiniSuite:
    """A suite with a bench for each refusal, after it ran."""
    provision.probe_image("x86_64")
    targets = {
        f"broken {name}": _host(status, said, plain="deny a" in said)
        for name, (status, said, _) in BENCH_ERRORS.items()
    }
    targets |= {f"answer {name}": _host(*one, plain=True, late=name == "late") for name, one in ANSWERS.items()}
    targets["answer without a line"] = _host(65, "rules of both kinds", plain=True)
    path = mini.benches(**{name.replace(" ", "-"): text for name, text in targets.items()})
    text = path.read_text().replace("fake_bench.py", "refusing_host.py")
    path.write_text(text)
    mini.test(BODY)
    mini.environment["PYTHONPATH"] = f"{CHECKOUT}:{CHECKOUT}/tests/bench"
    run = mini.run()
    assert (mini.folder / "reports/latest").exists(), run.stdout + run.stderr
    return mini


def test_a_refusal_is_an_answer_only_when_it_is_about_the_text(refusing: MiniSuite) -> None:
    cases = _cases(refusing, "test_1")
    assert len(cases) == len(BENCH_ERRORS) + len(ANSWERS) + 1
    for bench, case in cases.items():
        kind, _, name = bench.replace("-", " ").partition(" ")
        assert case["verdict"] == {"broken": "error", "answer": "pass"}[kind], f"{bench}: {case['reason']}"
        if kind == "broken":
            assert BENCH_ERRORS[name][2] in case["reason"]
            assert "says nothing about the tested configuration" in case["reason"]


@pytest.mark.parametrize(
    ("test", "findings"),
    [
        ("test_2", {"answer-" + name.replace(" ", "-") for name in (*ANSWERS, "without a line")} | {"broken-crash"}),
        ("test_3", {f"answer-{name}" for name in ("line", "first-line", "option", "late", "without-a-line")}),
    ],
)
def test_guests_that_end_for_their_options_are_a_finding(refusing: MiniSuite, test: str, findings: set[str]) -> None:
    """Whatever the test is about; a bench on which plain devices do not start, too, says nothing.

    Options with a ``create`` need memory of the host, so that not every end is theirs, unless the host can make the
    same regions.
    """
    for bench, case in _cases(refusing, test).items():
        refused = bench in findings
        assert case["verdict"] == ("fail" if refused else "error"), f"{bench}: {case['reason']}"
        assert ("qvm runs with the devices without options" in case["reason"]) == refused


def _cases(suite: MiniSuite, test: str) -> dict[str, dict[str, Any]]:
    return {case["bench"]: case for case in suite.results()["cases"] if test in case["test"]}


def test_an_attempt_has_the_console_after_those_of_the_guests(mini: MiniSuite) -> None:
    """Three guests and the attempt: four consoles, the first four of the host. A small host has eight."""
    mini.test(
        """
def test_1(deploy, attempt, bench):
    deploy("", "", "")
    tried = attempt("vdev shmem")
    assert tried.status is None
    assert "hostdev /dev/ptyp3" in tried.text
"""
    )
    mini.benches(bench=emulated())
    run = mini.run()
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("hostdev {{ console }}", "hostdev /dev/ptyp9z/none", "hostdev /dev/ptyp9z/none"),
        ("load {{ image }}", "load /nowhere/probe.elf", "load /nowhere/probe.elf"),
        ("ram ", "ram 0x1,", "ram 0x1,"),
    ],
    ids=["console", "image", "memory"],
)
def test_a_host_that_fails_elsewhere_is_a_bench_error(mini: MiniSuite, before: str, after: str, named: str) -> None:
    template = (CHECKOUT / "targets/qemu-aarch64/probe.qvmconf.j2").read_text()
    assert before in template
    mini.write("templates/probe.qvmconf.j2", template.replace(before, after))
    mini.test('def test_1(attempt): assert attempt("vdev shmem deny a allow a*").status is not None\n')
    mini.benches(bench=emulated(templates=mini.folder / "templates"))
    assert mini.run().returncode == 2
    assert named in mini.reasons()


def test_a_region_that_the_host_refuses_a_program_is_a_finding(mini: MiniSuite) -> None:
    """Where it has no memory for the region, the host says nothing about the device."""
    mini.test(
        """
def test_1(host_program): host_program.create("a-name-of-more-bytes-than-the-register-has", 1)
def test_2(host_program): host_program.create("large", 0x7fff_ffff)
"""
    )
    mini.benches(bench=emulated())
    mini.run()
    cases = {case["test"].rpartition("::")[2].partition("[")[0]: case for case in mini.results()["cases"]}
    assert {name: case["verdict"] for name, case in cases.items()} == {"test_1": "fail", "test_2": "error"}
    assert "ILLEGAL_NAME" in cases["test_1"]["reason"]
