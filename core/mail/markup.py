"""HTML of a mail to plain text: nothing is fetched, nothing runs, what was hidden is shown. Pure."""

import html
import re
from typing import Final

import nh3
from inscriptis import get_text  # type: ignore[import-untyped]

from core.mail.charsets import tidy

LONGEST: Final = 2_000_000
"""Characters of a page that are read; the bytes are kept whole."""

_DEEPEST: Final = 200
"""Elements in each other; beyond it no tree is built: that takes time by the square."""

_KEPT: Final = frozenset(
    [
        "p",
        "div",
        "br",
        "hr",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "tr",
        "td",
        "th",
        "caption",
        "blockquote",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "address",
        "article",
        "section",
        "header",
        "footer",
        "main",
        "aside",
        "center",
    ]
)
"""What makes lines and cells. No element has an attribute left, so that no style can hide a text."""

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)[^<>]*>")
_NEVER_CLOSED: Final = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "td",
        "tr",
        "th",
        "dd",
        "dt",
        "option",
        "o",
        "v",
        "w",
    ]
)
_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]{1,40})", re.I)
_UNSEEN: Final = re.compile(
    r"<(script|style|title|template|noscript)\b[^>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)


def declared_charset(page: bytes) -> str | None:
    """The charset that a page names in its head."""
    found = _CHARSET.search(page[:4096])
    return found[1].decode("ascii", "replace") if found else None


def to_plain(page: str) -> str:
    """The text of a page, with its lines, lists and cells."""
    page = page[:LONGEST]
    if _depth(page) > _DEEPEST or page.count("<") > len(page) // 3:
        return _without_tags(page)
    try:
        safe = nh3.clean(
            page,
            tags=set(_KEPT),
            attributes={},
            clean_content_tags={"script", "style", "title", "template", "noscript"},
        )
        text = _lines(get_text(safe))
    except Exception:  # noqa: BLE001  # whatever a page does to a parser: its words are still there
        text = ""
    # A quotation mark or a comment that is never closed swallows a page whole.
    return text or _without_tags(page)


def _depth(page: str) -> int:
    depth = deepest = 0
    for found in _TAG.finditer(page):
        if found[2].lower() not in _NEVER_CLOSED:
            depth = max(0, depth - 1) if found[1] else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _without_tags(page: str) -> str:
    page = _UNSEEN.sub(" ", page)
    page = re.sub(r"<(?:br|/?p|/?div|/?tr|/?li|hr)\b[^<>]*>", "\n", page, flags=re.IGNORECASE)
    return _lines(html.unescape(re.sub(r"<[^<>]*>", "", page)))


def _lines(text: str) -> str:
    lines = (" ".join(line.split()) for line in tidy(text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
