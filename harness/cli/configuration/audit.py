# SPDX-License-Identifier: Apache-2.0
"""``harness audit``: who can meet whom in which region, proved for every possible name."""

from __future__ import annotations

import argparse
import json
import sys

from harness.audit import propose
from harness.audit.analysis import Analysis
from harness.audit.audit import Audit, analyse, as_json, audit, strictly
from harness.audit.compare import compare
from harness.audit.findings import Finding
from harness.audit.names.dfa import Entangled
from harness.audit.policy import Policy, proposed, read_policy, schema
from harness.audit.sarif import as_sarif
from harness.audit.system import System, read_system
from harness.audit.text import as_text, findings
from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.process.command import must_exist
from harness.shmem.config import ConfigError
from harness.shmem.profile import PROFILES

HELP = "audit all qvm configurations of a host: which guests can meet in which regions, for every possible name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the configurations, the policy, and what to print."""
    parser.add_argument("files", metavar="FILE|FOLDER", nargs="*", help="the qvm configuration of each VM of the host")
    parser.add_argument(
        "--vm", action="append", default=[], metavar="WORDS", help="a VM that is started as 'qvm WORDS', in one text"
    )
    parser.add_argument("--policy", metavar="FILE", help="the channels that are wanted; all others are findings")
    parser.add_argument(
        "--release",
        action="append",
        choices=list(PROFILES),
        help="the release to read the rules for (default: 7.0); given twice: what changes from the first to the second",
    )
    parser.add_argument("--compare", metavar="OLD", help="the folder or file with the earlier version of the system")
    parser.add_argument("--propose-policy", action="store_true", help="print a policy that lists every meeting")
    parser.add_argument(
        "--propose-rules", action="store_true", help="print the lists that make the files do what the policy says"
    )
    parser.add_argument("--policy-schema", action="store_true", help="print the JSON Schema of a policy file")
    parser.add_argument(
        "--strict", action="store_true", help="also fail when a part of a configuration is not understood"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code review tools")
    parser.add_argument("--html", metavar="FILE", help="also write a page with a picture of the system into FILE")
    parser.epilog = (
        "exit status: 0 closed, and as the policy says; 1 errors or warnings, or something that could not be decided; "
        "3 wrong usage"
    )


def run(args: argparse.Namespace) -> int:
    """Audit, compare, or propose a policy."""
    if args.policy_schema:
        print(schema())
        return EXIT_PASS
    must_exist([*args.files, *filter(None, (args.policy, args.compare))])
    try:
        return _run(args)
    except ConfigError as error:
        print(f"{error.position}: error: {error.description}", file=sys.stderr)
        return EXIT_REQUIREMENT_FAILED


def _run(args: argparse.Namespace) -> int:
    releases = args.release or ["7.0"]
    if len(releases) > 2 or (len(releases) == 2 and args.compare):
        raise UsageError(
            "the audit compares two systems, and more are given",
            remedy="give two releases, or --compare and one release",
        )
    if args.html and (args.compare or len(releases) == 2 or args.propose_policy or args.propose_rules):
        raise UsageError(
            "--html shows the audit of one system", remedy="leave it out, or audit one system for one release"
        )
    system = read_system(args.files, args.vm)
    if args.compare or len(releases) == 2:
        return _compare(args, system, releases)
    if args.propose_policy:
        print(proposed(_analysed(system, releases[0])), end="")
        return EXIT_PASS
    policy = read_policy(args.policy) if args.policy else None
    if args.propose_rules:
        return _propose_rules(args, system, releases[0], policy)
    found = audit(system, releases[0], PROFILES[releases[0]], policy)
    return _print(args, strictly(found) if args.strict else found)


def _propose_rules(args: argparse.Namespace, system: System, release: str, policy: Policy | None) -> int:
    if policy is None:
        raise UsageError("--propose-rules needs a policy, which says what is wanted", remedy="add --policy FILE")
    found = propose.propose_rules(system, release, PROFILES[release], policy)
    if args.json:
        print(json.dumps(propose.as_json(found), indent=2))
    else:
        for line in propose.as_text(found):
            print(line)
    return EXIT_PASS if found.outcome.closed else EXIT_REQUIREMENT_FAILED


def _analysed(system: System, release: str) -> Analysis:
    try:
        return analyse(system, PROFILES[release])
    except Entangled:
        raise UsageError("the rules overlap in too many ways to look at all names") from None


def _compare(args: argparse.Namespace, system: System, releases: list[str]) -> int:
    before = read_system([args.compare]) if args.compare else system
    found = tuple(compare(_analysed(before, releases[0]), _analysed(system, releases[-1])))
    if args.json:
        print(json.dumps([vars_of(finding) for finding in found], indent=2))
    elif args.sarif:
        print(json.dumps(as_sarif(found), indent=2))
    else:
        for line in findings(found) if found else ["no access appears or disappears"]:
            print(line)
    return int(bool(found))


def vars_of(finding: Finding) -> dict[str, object]:
    """A finding in plain values."""
    return {
        "severity": finding.severity,
        "code": finding.code,
        "text": finding.text,
        "at": str(finding.position),
        "vms": list(finding.vms),
        "witness": finding.witness,
    }


def _print(args: argparse.Namespace, found: Audit) -> int:
    if args.json:
        print(json.dumps(as_json(found), indent=2))
    elif args.sarif:
        print(json.dumps(as_sarif(found.findings), indent=2))
    else:
        for line in as_text(found):
            print(line)
    if args.html:
        # Here, because an audit without a page does without a library for pages.
        from harness.audit.page.html import write_page

        write_page(args.html, found)
    return EXIT_PASS if found.closed else EXIT_REQUIREMENT_FAILED
