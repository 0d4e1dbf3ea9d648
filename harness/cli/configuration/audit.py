# SPDX-License-Identifier: Apache-2.0
"""``harness audit``: who can meet whom in which region, proved for every possible name."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from harness.audit import propose
from harness.audit.analysis import Analysis
from harness.audit.audit import Audit, analyse, as_json, audit, strictly
from harness.audit.compare import compare, under_other_readings
from harness.audit.findings import Finding
from harness.audit.names.dfa import Entangled
from harness.audit.policy import proposed
from harness.audit.policy_file import Policy, read_policy, schema
from harness.audit.sarif import as_sarif
from harness.audit.system import System, read_system
from harness.audit.text import as_text, findings, verdict
from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.process.command import must_exist
from harness.shmem.config import ConfigError
from harness.shmem.profile import PROFILES

_TAKEN: Final = {
    "--propose-policy": (),
    "--propose-rules": ("--policy", "--json"),
    "a comparison": ("--json", "--sarif"),
}
"""Which options make sense with a question that is not the audit itself."""

_TOO_ENTANGLED: Final = UsageError("the rules overlap in too many ways to look at all names")

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
        "3 wrong usage. Of a comparison, 0 is: no access appears or disappears; of --propose-policy: all meetings are "
        "listed. Neither says that the system is closed."
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
        # Of another question, no answer is the answer to a script.
        return EXIT_REQUIREMENT_FAILED if _asked(args) else _unread(args, error)


def _unread(args: argparse.Namespace, error: ConfigError) -> int:
    """Print for tools, too, that nothing is known about the system; people have read why on standard error."""
    release = (args.release or ["7.0"])[0]
    finding = Finding("error", "cannot-read", error.description, error.position)
    found = Audit(System((), ()), release, PROFILES[release], None, None, (finding,))
    _write(args, found, lambda: [verdict(found)])
    return EXIT_REQUIREMENT_FAILED


def _run(args: argparse.Namespace) -> int:
    releases = args.release or ["7.0"]
    _check_options(args, releases)
    system = read_system(args.files, args.vm)
    if args.html:
        _must_not_be_read(args.html, [*(file for vm in system.vms for file in vm.config.files), args.policy])
    if args.compare or len(releases) == 2:
        return _compare(args, system, releases)
    if args.propose_policy:
        return _propose_policy(_analysed(system, releases[0]))
    policy = read_policy(args.policy) if args.policy else None
    if args.propose_rules:
        return _propose_rules(args, system, releases[0], policy)
    found = audit(system, releases[0], PROFILES[releases[0]], policy)
    return _print(args, strictly(found) if args.strict else found)


def _check_options(args: argparse.Namespace, releases: list[str]) -> None:
    """Raise UsageError for options of which one would be passed over in silence."""
    if len(releases) > 2 or (len(releases) == 2 and args.compare):
        raise UsageError(
            "the audit compares two systems, and more are given",
            remedy="give two releases, or --compare and one release",
        )
    if len(set(releases)) < len(releases):
        raise UsageError(f"release {releases[0]} is compared with itself", remedy="give two different releases")
    asked = _asked(args)
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are two questions", remedy="ask one at a time")
    given = {
        "--policy": args.policy,
        "--strict": args.strict,
        "--json": args.json,
        "--sarif": args.sarif,
        "--html": args.html,
    }
    for question in asked:
        for option in given:
            if given[option] and option not in _TAKEN[question]:
                raise UsageError(
                    f"{option} has no effect on {question}",
                    remedy=f"leave it out, or audit one system for one release without {question}",
                )


def _asked(args: argparse.Namespace) -> list[str]:
    """The questions that are not the audit itself."""
    questions = {
        "--propose-policy": args.propose_policy,
        "--propose-rules": args.propose_rules,
        "a comparison": args.compare or len(args.release or ()) == 2,
    }
    return [question for question, given in questions.items() if given]


def _must_not_be_read(page: str, files: Iterable[str | None]) -> None:
    """Raise UsageError for a page that would replace a file which the audit reads."""
    if any(Path(page).resolve() == Path(file).resolve() for file in files if file):
        raise UsageError(f"--html would overwrite '{page}', which is audited", remedy="give the page a name of its own")


def _propose_policy(analysis: Analysis) -> int:
    """Print a policy, and what is missing in it: VMs that nothing is known about, and files that may be VMs."""
    missing = analysis.system.possible_vms
    for finding in missing:
        print(f"# {finding}")
    for vm, problems in analysis.undecided.items():
        print(f"# {vm}: nothing is proved about it, so its channels are missing. {problems[0]}")
    print(proposed(analysis), end="")
    return EXIT_REQUIREMENT_FAILED if analysis.undecided or missing else EXIT_PASS


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
        raise _TOO_ENTANGLED from None


def _compare(args: argparse.Namespace, system: System, releases: list[str]) -> int:
    before = read_system([args.compare]) if args.compare else system
    old, new = _analysed(before, releases[0]), _analysed(system, releases[-1])
    beside = dict.fromkeys((*before.passed_over, *system.passed_over))
    try:
        changes = tuple(compare(old, new))
        notes = tuple(under_other_readings(old, new)) if len(releases) == 2 else ()
    except Entangled:
        raise _TOO_ENTANGLED from None
    found = (*beside, *changes, *notes)
    if args.json:
        print(json.dumps([vars_of(finding) for finding in found], indent=2))
    elif args.sarif:
        print(json.dumps(as_sarif(found), indent=2))
    else:
        for line in findings(found):
            print(line)
        if not changes:
            print("no access appears or disappears")
    return int(bool(changes or before.possible_vms or system.possible_vms))


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


def _write(args: argparse.Namespace, found: Audit, text: Callable[[], Iterable[str]]) -> None:
    """Print the audit in the form that is asked for; ``text`` makes the lines for people."""
    if args.json:
        print(json.dumps(as_json(found), indent=2))
    elif args.sarif:
        print(json.dumps(as_sarif(found.findings), indent=2))
    else:
        for line in text():
            print(line)


def _print(args: argparse.Namespace, found: Audit) -> int:
    _write(args, found, lambda: as_text(found))
    if args.html:
        # Here, because an audit without a page does without a library for pages.
        from harness.audit.page.html import write_page

        write_page(args.html, found)
    return EXIT_PASS if found.closed else EXIT_REQUIREMENT_FAILED
