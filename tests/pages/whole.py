# SPDX-License-Identifier: Apache-2.0
"""A report as large and as awkward as a whole run's: many settings, long names, something in every chapter."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Final

from harness import shipped
from harness.measure.baseline import ChangePoint
from harness.report.comparing import pages as comparing
from harness.report.comparing.comparison import compare
from harness.report.evidence.catalogue import load
from harness.report.evidence.folder import safe_name
from harness.report.evidence.model import (
    Access,
    Component,
    ItemCoverage,
    Narrowing,
    Planned,
    Report,
    Result,
    Shortfall,
    Unjudged,
    Waiver,
)
from harness.report.evidence.system import (
    NotTried,
    SystemAccess,
    SystemDevice,
    SystemFile,
    SystemFinding,
    SystemMeeting,
    SystemOrder,
    SystemTried,
)
from harness.report.figures.records import FigureHistory, Threshold
from harness.report.figures.thresholds import judged
from harness.report.pages import html
from harness.site import Site
from tests.report.test_pages import sample, write

CAUSE: Final = "AssertionError: guest0 (allow cam_*): expected ILLEGAL_NAME, got OK"
HIDDEN: Final = "only one connection is left on this board"
LONG: Final = (
    "suites/matrix/test_access_matrix.py::test_verdicts"
    "[qemu-x86_64-8.0-mmio-probe-serial-start3-SHM-PROF-04-allow-telemetry_of_the_front_axle*]"
)
RULES: Final = (
    "allow telemetry_of_the_front_axle* subst front_axle,vm0-of-the-instrument-cluster-, deny secret*,"
    " allow cam_??_left create cam_??_left,0x10000, allow s0ar* subst ,vm0-, deny *"
)
SITES: Final = [
    Site(f"qemu-{arch}{release}", arch, placement, image, via)
    for arch, release in (("x86_64", ""), ("aarch64", "-8.0"))
    for placement, image, via in (
        ("pci", "probe", "serial"),
        ("mmio", "probe", "serial"),
        ("pci", "linux", "serial"),
        ("pci", "linux", "ssh"),
    )
]


def report() -> Report:
    """The whole report."""
    small = sample()
    catalogue = list(load(Path(shipped.__file__).parent / "shmem/requirements.sdoc").values())
    cases = list(small.cases)
    failed = next(case for case in cases if case.verdict == "fail" and case.known_failure is None)
    results = list(small.results)
    for site in SITES:
        for requirement in catalogue:
            if requirement.id.endswith(("1", "3")) and site.placement == "mmio":
                continue
            test = f"{LONG[:-1]}-{requirement.id}-{site.id}]"
            evidence = [f"evidence/{safe_name(test)}/guest0.qvmconf"]
            cases.append(
                dataclasses.replace(
                    failed, test=test, requirements=[requirement.id], site=site, verdict="pass", reason="",
                    evidence=evidence,
                )
            )  # fmt: skip
            results.append(Result(requirement.id, test, site, "pass", 1.25, evidence))
    broken = dataclasses.replace(
        failed, test=LONG, site=SITES[3], requirements=[catalogue[0].id], reason=CAUSE,
        evidence=["evidence/broken/failure.txt"],
    )  # fmt: skip
    accesses = [
        Access(RULES, "cluster-of-the-instruments", name, "refused", "refused", "qemu-x86_64", "x86_64", "pci", LONG,
               "create", "ILLEGAL_NAME")
        for name in ("telemetry_of_the_front_axle_0001", "secret", "s" * 63)
    ]  # fmt: skip
    return dataclasses.replace(
        small,
        run=dataclasses.replace(
            small.run,
            shortfalls=[Shortfall("source", f"the harness has a changed file {LONG.partition('::')[0]}")],
            narrowed=[Narrowing(12, "test", "deselected", "-k 'not slow' (in PYTEST_ADDOPTS)")],
            surroundings={"PYTEST_ADDOPTS": "-k 'not slow' --strict-markers"},
            parts=[
                *small.run.parts,
                Component("libfdt1-of-a-long-name", "1:7.2+dfsg-7+deb12u16", "cd" * 32,
                          "http://deb.example.org/pool/main/d/device-tree-compiler/libfdt1_1.7.2-2_amd64.deb"),
            ],
        ),
        cases=[broken, *cases],
        results=results,
        requirements=[*small.requirements, *catalogue],
        access=[*small.access, *accesses],
        not_run=[Planned(f"{LONG}-late", ["R-1"], "qemu-x86_64")],
        not_tested=["R-9"],
        scope=[
            ItemCoverage("emulated device, profile 8.0", "8.0", "all of 8.0", [site.bench for site in SITES[::4]],
                         95, 21, 95, 21, [Unjudged("SHM-ALLOW-01", HIDDEN)]),
        ],
        waivers=[Waiver("qemu-x86_64", "the size is rounded down", "https://tracker.example.org/browse/SHM-17",
                        "A. Manager", "2999-01-01", False, requirement="SHM-ALLOW-04", used=1)],
        systems=[
            _system(),
            dataclasses.replace(_system(), guest_image="linux", recipe=SystemFile("own.toml", "23" * 32)),
        ],
        thresholds=judged(
            [
                Threshold("qemu-x86_64", "throughput copy, far, beside ivshmem-plain", 4096, "", 0.95, 1.25),
                *(Threshold(bench, "ri*", None, "us", None, most) for bench in ("left", "right") for most in (5, 900)),
                Threshold("left", "noise", None, "us", None, 5),
            ],
            small.metrics,
        ),
        history=_history(),
    )  # fmt: skip


def _history() -> list[FigureHistory]:
    """Many settings of a figure over twenty nights, of which two became worse."""
    runs = [f"202601{day:02}T020000Z-3f01{day:02}" for day in range(1, 21)]
    fallen = ChangePoint(runs[12], "2026-01-13T02:00:00+00:00", 0.98, 0.61)
    levels = {run: 0.98 if run < fallen.run else 0.61 for run in runs}
    return [
        FigureHistory(
            item="emulated device, profile 8.0", name="throughput copy, far, beside ivshmem-plain",
            unit="of ivshmem-plain", site=site, block_bytes=4096, better="higher",
            nights=levels if site in SITES[2:4] else dict.fromkeys(runs, 0.98), too_noisy=runs[14:16],
            changes=[fallen] if site in SITES[2:4] else [], regressed=fallen if site in SITES[2:4] else None,
        )
        for site in SITES
    ]  # fmt: skip


def _system() -> SystemTried:
    devices = ["adas", "cluster", "ivi", "telematics-gateway"]
    return SystemTried(
        "qemu-x86_64", "x86_64", "7.0",
        files=[SystemFile(f"vehicles/of-the-second-series/vms/{name}.qvmconf", "ef" * 32) for name in devices],
        policy=SystemFile("policy.yaml", "01" * 32),
        devices=[SystemDevice(name, "pci", 4000, 0, "every name up to 63 characters, by the audit's atoms")
                 for name in devices],
        accesses=[SystemAccess(name, region, region, "allowed", seen, f"{name}.qvmconf:5")
                  for name in devices for region, seen in (("cam_front", "allowed"), ("cam_rear", "refused"))],
        meetings=[SystemMeeting(["adas", "ivi"], "cam_rear", "meet", "meet", "not in the policy")],
        orders=[SystemOrder(devices, 12, ["cam_front has 0x20000 bytes instead of 0x10000"])],
        which_orders="all",
        findings=[SystemFinding("error", "wildcard-too-wide", "the list of adas lets it meet ivi", "adas.qvmconf:5")],
        not_tried=[NotTried("names beyond 63 characters", "the control page has no room for them")],
        placements=["adas: device 2 is at 0x90001000 and not where its file says"],
    )  # fmt: skip


def written(folder: Path) -> Path:
    """The pages in a folder, with the evidence that they link."""
    made = report()
    write(folder, made)
    for case in made.cases:
        for name in case.evidence:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(case.reason or "system guest0\n")
    html.write(folder, made)
    earlier = [replace_verdict(result) for result in made.results]
    comparing.write(folder, compare(dataclasses.replace(made, results=earlier, metrics=[]), made))
    return folder


def replace_verdict(result: Result) -> Result:
    """A result as it may have been in another run."""
    return dataclasses.replace(result, verdict="pass" if result.verdict in ("fail", "error") else "error")
