# SPDX-License-Identifier: Apache-2.0
"""``harness lint``: say what is wrong with qvm configurations and what in them is hardly meant."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from harness import sarif
from harness.process.command import must_exist, path
from harness.shmem.config import ConfigError, errors_of_file, missing_files, parse_file
from harness.shmem.lint import Warning_, lint, of_error, strictly
from harness.shmem.profile import PROFILES, Profile

HELP = "check qvm configuration files: errors, rules that can never match, differences between releases"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the files, the release, and what to print."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a qvm configuration")
    parser.add_argument(
        "--profile", choices=list(PROFILES), default="7.0", help="the release to check against (default: 7.0)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with status 1 also for warnings and for text that is not understood"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the findings as a JSON list")
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code review tools")
    parser.add_argument(
        "--base", metavar="DIR", type=path, help="also check that the files named by 'load' exist, relative to DIR"
    )
    parser.epilog = "exit status: 0 no errors, 1 errors (with --strict also warnings), 3 wrong usage"


def _findings(file: str, profile: Profile, base: Path | None) -> list[Warning_]:
    try:
        config = parse_file(file)
        missing = [] if base is None else [of_error(problem) for problem in missing_files(config, base)]
        return lint(config, profile) + missing
    except ConfigError as first:
        return [of_error(error) for error in errors_of_file(file) or [first]]


def _as_json(finding: Warning_) -> dict[str, object]:
    position = finding.position
    return {
        "file": position.file,
        "line": position.line,
        "column": position.column,
        "severity": finding.severity,
        "text": finding.text,
        "code": finding.code,
    }


def _as_result(finding: Warning_) -> sarif.Result:
    at = finding.position
    return sarif.Result(finding.code, finding.severity, finding.text, at.file, at.line, at.column)


def run(args: argparse.Namespace) -> int:
    """Check the files; 1 when one has errors, or with --strict warnings."""
    must_exist(args.files)
    findings = [finding for file in args.files for finding in _findings(file, PROFILES[args.profile], args.base)]
    if args.strict:
        findings = [strictly(finding) for finding in findings]
    if args.json:
        print(json.dumps([_as_json(finding) for finding in findings], indent=2))
    elif args.sarif:
        print(json.dumps(sarif.log("shmem-harness lint", [_as_result(finding) for finding in findings], {}), indent=2))
    else:
        for finding in findings:
            print(finding)
    failing = {"error", "warning"} if args.strict else {"error"}
    return int(any(finding.severity in failing for finding in findings))
