# SPDX-License-Identifier: Apache-2.0
"""``harness verify DIR``: does the folder of a run hold what the run wrote, and do its verdicts follow from it?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED
from harness.paths import readable
from harness.process.command import path, source
from harness.report.chain import manifest, signature
from harness.report.chain.verify import Verification, verify
from harness.report.evidence import folder

HELP = "derive all verdicts of a run again, and name what was changed, added or removed in its folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the folder, and who may have signed it."""
    parser.epilog = "exit status: 0 all is as the run wrote it, 1 something is not, 3 wrong usage"
    parser.add_argument("folder", type=path, metavar="DIR", help="folder of one run, such as reports/latest")
    parser.add_argument(
        "--allowed-signers",
        type=source,
        metavar="FILE",
        help="demand a signature by one of these keys (the format of ssh-keygen's allowed signers)",
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(args: argparse.Namespace) -> int:
    """Verify the run; exit status 0 when all is as it was written, 1 when something is not."""
    folder.must_be_there(args.folder)
    run_folder = args.folder.resolve()
    found = verify(run_folder)
    complaints = [readable(str(each)) for each in found.discrepancies]
    signer = ""
    if args.allowed_signers or (run_folder / manifest.SIGNATURE).is_file():
        signer, wrong = signature.verify(run_folder, args.allowed_signers)
        complaints += [f"signature: {wrong}"] if wrong else []
    if args.json:
        print(_as_json(run_folder, found, complaints, signer))
        return EXIT_REQUIREMENT_FAILED if complaints else EXIT_PASS
    for line in complaints:
        print(line)
    if found.report is not None:
        print(f"verdict by the journal: {found.report.run.verdict.upper()}")
    if (run_folder / manifest.MANIFEST).is_file():
        print(f"{manifest.MANIFEST}: SHA-256 {manifest.digest(run_folder / manifest.MANIFEST)}")
    if signer:
        print(f"signed by {signer}")
    print(f"evidence: {'NOT AS IT WAS WRITTEN' if complaints else 'INTACT'}")
    return EXIT_REQUIREMENT_FAILED if complaints else EXIT_PASS


def _as_json(run_folder: Path, found: Verification, complaints: list[str], signer: str) -> str:
    written = run_folder / manifest.MANIFEST
    return json.dumps(
        {
            "intact": not complaints,
            "complaints": complaints,
            "files": sorted({each.path for each in found.discrepancies}),
            "verdict": found.report.run.verdict if found.report else None,
            "manifest": manifest.digest(written) if written.is_file() else None,
            "signer": signer or None,
        },
        indent=1,
    )
