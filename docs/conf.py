# SPDX-License-Identifier: Apache-2.0
"""The documentation site: ``make docs`` lets Sphinx make it from the pages below the root of the checkout.

The root is the source folder, so that README.md and its neighbours are pages and all links between them are checked.
Nothing is fetched, neither when the site is made nor when it is read.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

_LOG = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

project = "shmem-harness"
project_copyright = "its authors; licence Apache-2.0"
release = version = version_of("shmem-harness")

# napoleon: labgrid's drivers describe their arguments in a section "Args:".
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "docs/decisions/*.md", "docs/api/*.rst", "examples/*.md"]
# Other folders are not even walked through.
exclude_patterns = ["docs/_build"]
exclude_patterns += [path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("docs", "examples")]

# The glossary.
myst_enable_extensions = ["deflist"]
# Headings are anchors, as on the forges that show these pages.
myst_heading_anchors = 4
toc_object_entries = False
autodoc_member_order = "bysource"
# There are none, and looking for them takes a tenth of the time.
autodoc_use_type_comments = False
# Types are read in the signatures; those of libraries are no links.
nitpicky = False

# Quotation marks stay as they are written, and the search finds what a printed index would list: both save time.
smartquotes = False
html_use_index = False
html_domain_indices = False

html_theme = "furo"
html_title = "shmem-harness"
html_copy_source = False
html_show_sourcelink = False
# The first page has its address below docs/, as the page's source has; this leads to it.
html_extra_path = ["start"]


def public_parts() -> set[str]:
    """The names that the pages in docs/api must have: ``fixtures``, and all packages and modules of ``harness``."""
    harness = import_module("harness")
    return {"fixtures", *(f"harness.{found.name}" for found in pkgutil.iter_modules(harness.__path__))} - {
        "harness.__main__"
    }


class Modules(SphinxDirective):
    """``.. modules:: NAME ...``: what the docstrings say of these and of all modules below them, a section for each."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The sections, in the order of the names."""
        text = "\n\n".join(section(name) for name in found(self.arguments[0].split()))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def section(name: str) -> str:
    """The source of one module's section."""
    return f"{name}\n{'-' * len(name)}\n\n.. automodule:: {name}\n   :members:\n   :ignore-module-all:"


def found(names: list[str]) -> list[str]:
    """The names, each followed by the modules below it that may be imported."""
    modules = []
    for name in names:
        below = pkgutil.walk_packages(getattr(import_module(name), "__path__", []), f"{name}.")
        modules += [name, *(module.name for module in below if not module.name.endswith(".__main__"))]
    return modules


def check_parts(_app: Sphinx) -> None:
    """Warn of a package that no page shows; such a warning is an error of the build."""
    shown = {name for page in Path(__file__).parent.glob("api/*.rst") for name in page.read_text().split()}
    for name in sorted(public_parts() - shown):
        _LOG.warning("%s is on no page of docs/api: name it in the directive 'modules' of one of them", name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the check."""
    app.add_directive("modules", Modules)
    app.connect("builder-inited", check_parts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
