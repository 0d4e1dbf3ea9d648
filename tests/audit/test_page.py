# SPDX-License-Identifier: Apache-2.0
"""The page of an audit: well formed, without scripts, with the whole system in its picture and in words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.audit.audit import audit
from harness.audit.page.html import drawing
from harness.audit.policy_file import read_policy
from harness.audit.system import read_system
from harness.cli import main
from harness.shmem.profile import PROFILES

CHECKOUT = Path(__file__).parents[2]
SYSTEMS = CHECKOUT / "examples" / "systems"
SVG = "{http://www.w3.org/2000/svg}"


def _page(tmp_path: Path, *arguments: str) -> str:
    target = tmp_path / "page.html"
    assert main(["audit", *arguments, "--html", str(target)]) in (0, 1)
    return target.read_text(encoding="utf-8")


def _picture(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(re.search(r"<svg.*?</svg>", page, re.DOTALL)[0])  # type: ignore[index]


@pytest.mark.parametrize("name", sorted(path.name for path in SYSTEMS.iterdir()))
def test_the_system_is_in_the_picture(name: str, tmp_path: Path) -> None:
    folder = SYSTEMS / name
    page = _page(tmp_path, str(folder), "--policy", str(folder / "policy.yaml"))
    assert "<script" not in page
    svg = _picture(page)
    texts = {element.text for element in svg.iter(f"{SVG}title")}
    for vm in read_system([str(folder)]).vms:
        assert vm.name in texts
    _, _, width, height = (float(number) for number in svg.get("viewBox", "").split())
    for shape in svg.iter(f"{SVG}rect"):
        assert float(shape.get("y", "0")) >= 0
        assert float(shape.get("y", "0")) + float(shape.get("height", "0")) <= height
        assert float(shape.get("x", "0")) + float(shape.get("width", "0")) <= width
    assert (svg.get("role"), svg.get("aria-labelledby")) == ("img", "picture-title picture-words")


def test_the_words_say_who_reaches_what(tmp_path: Path) -> None:
    folder = SYSTEMS / "wildcard-too-wide"
    page = _page(tmp_path, str(folder), "--policy", str(folder / "policy.yaml"))
    words = _picture(page).find(f"{SVG}desc")
    assert words is not None
    assert (
        words.text == "cam_front: adas, cluster (creates it). cam_rear: adas (a finding), ivi (creates it, a finding)."
    )
    assert "forbidden-meeting" in page


def test_a_name_is_no_markup(tmp_path: Path) -> None:
    for name in ("a", "b"):
        text = f"system '{name}<b>'\nram 0x80000000,128M\ncpu\nvdev shmem\n  allow '<i>&x*'\n"
        (tmp_path / f"{name}.qvmconf").write_text(text)
    page = _page(tmp_path, str(tmp_path))
    assert "<b>'" not in page
    assert "<i>" not in page
    assert "&lt;i&gt;&amp;x" in page
    _picture(page)


def test_a_large_system_is_cut_short_and_says_so(tmp_path: Path) -> None:
    rules = "".join(f"  allow r{number}\n" for number in range(80))
    for name in ("a", "b"):
        (tmp_path / f"{name}.qvmconf").write_text(f"system {name}\nram 0x80000000,128M\ncpu\nvdev shmem\n{rules}")
    page = _page(tmp_path, str(tmp_path))
    assert "20 more regions are in the tables only" in page
    assert "<code>r79</code>" in page


def test_a_page_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(SYSTEMS / "closed")
    assert main(["audit", folder, "--html", str(tmp_path / "nowhere" / "page.html")]) == 3
    assert "cannot write the page" in capsys.readouterr().err
    assert main(["audit", folder, "--compare", folder, "--html", str(tmp_path / "page.html")]) == 3
    assert not (tmp_path / "page.html").exists()


def test_the_picture_in_the_documents_is_the_one_that_is_drawn() -> None:
    """Write it again with: python -m tests.audit.test_page."""
    assert DOCUMENTED.read_text(encoding="utf-8") == _documented()


DOCUMENTED = CHECKOUT / "docs" / "audit.svg"


def _documented() -> str:
    folder = SYSTEMS / "wildcard-too-wide"
    policy = read_policy(str(folder / "policy.yaml"))
    return drawing(audit(read_system([str(folder)]), "7.0", PROFILES["7.0"], policy))


if __name__ == "__main__":
    DOCUMENTED.write_text(_documented(), encoding="utf-8")
