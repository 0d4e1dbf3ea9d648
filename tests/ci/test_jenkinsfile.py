# SPDX-License-Identifier: Apache-2.0
"""The Jenkinsfile: its language, and what it promises."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.provision.apt import Request, packages
from harness.provision.qemu_program import own_architecture
from tests import programs
from tests.ci import pipelines
from tests.ci.pipelines import JENKINS, ROOT

PIPELINE = (ROOT / JENKINS).read_text()
# Groovy's own compiler without the Java that the package asks for: the machine's does.
GROOVY = ("groovy", "antlr", "libasm-java", "libcommons-cli-java")
# Compiles, and does not run: what the pipeline's words mean is known to Jenkins alone.
COMPILE = "org.codehaus.groovy.tools.FileSystemCompiler"


def test_every_call_of_a_shell_is_seen_here() -> None:
    code = re.sub(r"//.*", "", PIPELINE)
    assert len(pipelines.commands(JENKINS)) == len(set(re.findall(r"\bsh\b[^\n]*", code)))


@pytest.fixture(scope="module")
def groovy(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The start of a command line that compiles Groovy."""
    if found := shutil.which("groovyc"):
        return [found]
    java = shutil.which("java")
    if java is None:
        pytest.skip("neither groovyc nor java is installed")
    try:
        fetched = packages(Request(GROOVY, own_architecture(), alone=True))
    except HarnessError as error:
        pytest.skip(f"no groovyc is installed, and Groovy cannot be fetched: {error}")
    root = tmp_path_factory.mktemp("groovy")
    for package in fetched:
        programs.run(["dpkg-deb", "--extract", str(package.file), str(root)], check=True)
    jars = ":".join(str(path) for path in root.glob("usr/share/**/*.jar"))
    return [java, "-cp", jars, COMPILE]


@pytest.mark.long
@pytest.mark.parametrize("broken", ["", "judge(sh(", "}"])
def test_it_is_groovy(groovy: list[str], tmp_path: Path, broken: str) -> None:
    source = tmp_path / "Jenkinsfile.groovy"
    text = PIPELINE
    if broken:
        assert broken in text
        text = text[: text.rindex(broken)] + text[text.rindex(broken) + len(broken) :]
    source.write_text(text)
    done = programs.run([*groovy, "-d", str(tmp_path / "classes"), str(source)], capture_output=True, text=True)
    assert (done.returncode != 0) == bool(broken), done.stdout + done.stderr


def test_every_exit_status_of_a_qualification_is_judged() -> None:
    body = PIPELINE.partition("def judge(")[2].partition("\n}\n")[0]
    assert set(re.findall(r"status [!=]= (\d)", body)) == {"0", "1", "2", "4"}


@pytest.mark.parametrize(
    "word",
    [
        "disableConcurrentBuilds()",
        "buildDiscarder(",
        "cron('H 2 * * *')",
        "keepProperties: true",
        "allowEmptyResults: false",
        "fingerprint: true",
        "keepAll: true",
        "alwaysLinkToLastBuild: true",
        "cleanup {",
    ],
)
def test_pipeline_keeps_its_promises(word: str) -> None:
    assert word in PIPELINE


def test_every_stage_that_works_has_a_time_limit() -> None:
    stages = re.split(r"\bstage\('", PIPELINE)[1:]
    working = [stage for stage in stages if re.search(r"\bsh\b", stage.partition("post {")[0])]
    assert len(working) == 6
    assert all("timeout(time:" in stage for stage in working)
