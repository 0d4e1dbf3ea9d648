# SPDX-License-Identifier: Apache-2.0
"""Lines about cases on the terminal, whatever tests are called and say."""

from __future__ import annotations

import pytest

from harness.events import CaseStarted
from harness.report.evidence.model import Case
from harness.report.pages import html
from harness.report.recording.progress import label
from harness.site import Site


@pytest.mark.parametrize("parameter", ["", "[one]", "[a/b]", "[</td>]", "[a[b]/c]"])
def test_a_label_has_the_whole_test(parameter: str) -> None:
    assert label(CaseStarted(case=f"suites/access/test_it.py::test_it{parameter}")) == f"test_it.py::test_it{parameter}"


def test_a_reason_sends_no_controls_to_the_terminal() -> None:
    (line,) = html.failures(
        [
            Case(
                test="test_it.py::test_it",
                requirements=["SHM-ALLOW-02"],
                site=Site("desk", "aarch64", "pci"),
                verdict="fail",
                duration_s=0.0,
                setup_s=0.0,
                call_s=0.0,
                teardown_s=0.0,
                started="",
                reason="\0 \x1b[31mred",
            )
        ]
    )
    assert line.isprintable()
    assert line.startswith("fail: SHM-ALLOW-02 test_it.py::test_it: ")
