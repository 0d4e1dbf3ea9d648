# SPDX-License-Identifier: Apache-2.0
"""The report as a document for print and archive (PDF/A): ``document`` has the content, ``report.typ`` the layout."""

from harness.report.pdf.document import write

__all__ = ["write"]
