# SPDX-License-Identifier: Apache-2.0
"""SVG pictures without styles: attributes only, so that they show under a content policy that forbids inline styles."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_STYLE_ELEMENT: Final = re.compile(r"<defs>\s*<style[^>]*>(.*?)</style>\s*</defs>", re.DOTALL)
_STYLE_ATTRIBUTE: Final = re.compile(r' style="([^"]*)"')


def element(name: str, content: str = "", **attributes: str | float) -> str:
    """One element; ``content`` is markup already. Underscores in attribute names stand for hyphens."""
    written = "".join(f" {key.replace('_', '-')}={quoteattr(_number(value))}" for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(words: str, x: float, y: float, **attributes: str | float) -> str:
    """A line of text at its baseline."""
    return element("text", escape(words), x=x, y=y, **attributes)


def picture(width: float, height: float, title: str, parts: list[str]) -> str:
    """A whole SVG document, in pixels."""
    head = element("title", escape(title)) + element("rect", width=width, height=height, fill="#ffffff")
    body = head + "\n" + "\n".join(parts) + "\n"
    return element(
        "svg",
        body,
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {_number(width)} {_number(height)}",
        font_family="DejaVu Sans Mono, Menlo, Consolas, monospace",
        font_size=12,
    )


def without_styles(document: str) -> str:
    """The same picture with every style turned into attributes.

    The one style element that matplotlib writes sets properties of all elements; as attributes of the root they are
    inherited by all.
    """
    found = _STYLE_ELEMENT.search(document)
    if found:
        rules = found.group(1).partition("{")[2].partition("}")[0]
        document = _STYLE_ELEMENT.sub("", document, count=1).replace("<svg ", f"<svg{_as_attributes(rules)} ", 1)
    return _STYLE_ATTRIBUTE.sub(lambda match: _as_attributes(match.group(1)), document)


def _as_attributes(rules: str) -> str:
    pairs = (rule.partition(":") for rule in rules.split(";") if rule.strip())
    return "".join(f' {name.strip()}="{value.strip()}"' for name, _, value in pairs)


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"
