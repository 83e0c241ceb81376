"""HTML bodies as text: tags become line breaks, quoted parts become `>` lines.

A tokenizer, not a tree builder: mail is written by strangers, and both the standard library's
parser (before its fixes of 2025) and the fast tree builders take seconds to minutes for 200 kB of
crafted markup. Every token here is consumed once, so the time is linear in the length
(docs/detection.md has the figures).
"""

import html
import re

_TOKEN = re.compile(
    r"<!--(?s:.*?)(?:-->|\Z)"  # a comment that never ends takes the rest, as in the standard
    r"|<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?P<rest>[^<>]*)>?"
    r"|<[!?/][^<>]*>?"
)
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_LOOKS_LIKE_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|div|p|span|table|br|font)\b", re.I)
_HAS_TAG = re.compile(r"<[a-zA-Z/!]")

_UNSEEN = frozenset({"style", "script", "title", "template"})
"""Elements whose content no reader sees."""
_END_OF_UNSEEN = {name: re.compile(f"</{name}", re.I) for name in _UNSEEN}

_PARAGRAPHS = frozenset(
    {"p", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol"}
)
_LINES = frozenset(
    [
        "address",
        "article",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "footer",
        "form",
        "head",
        "header",
        "html",
        "li",
        "main",
        "pre",
        "section",
        "tr",
    ]
)
_CELLS = frozenset({"td", "th"})

RULE_LINE = "_" * 32
"""What `<hr>` becomes: Outlook puts one above the message it quotes."""

_QUOTE_DEPTH = 8
"""Deeper quotes are written as this deep: one `>` already says whose line it is not."""


def looks_like_html(text: str) -> bool:
    """Tell whether a text declared plain is HTML all the same, as several chat systems send it."""
    return _LOOKS_LIKE_HTML.match(text) is not None


def html_to_text(markup: str) -> str:
    """Return what a reader would see, one block a line, quotes as `> ` lines. Never raises."""
    if not _HAS_TAG.search(markup):
        return html.unescape(markup)
    page = _Page()
    position = 0
    while (token := _TOKEN.search(markup, position)) is not None:
        page.write(markup[position : token.start()])
        position = token.end()
        name = (token["name"] or "").lower()
        if not name:
            continue
        is_end = token["end"] == "/"
        if name in _UNSEEN and not is_end:
            close = _END_OF_UNSEEN[name].search(markup, position)
            position = len(markup) if close is None else close.start()
            continue
        page.tag(name, is_end)
    page.write(markup[position:])
    page.break_line()
    return "\n".join(page.lines)


class _Page:
    """The text so far: finished lines, the line being written, and how deep in quotes it is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._words: list[str] = []
        self._quote_depth = 0
        self._pre_depth = 0

    def write(self, text: str) -> None:
        if not text:
            return
        if "&" in text:
            text = html.unescape(text)
        if self._pre_depth and "\n" in text:
            first, *others = text.split("\n")
            self._words.append(first)
            for line in others:
                self._end_line()
                self._words.append(line)
        else:
            self._words.append(text)

    def tag(self, name: str, is_end: bool) -> None:
        if name == "br":
            self._end_line()
        elif name == "hr":
            self.break_line()
            self.lines.append(RULE_LINE)
        elif name in _PARAGRAPHS:
            self.break_line()
            if self.lines and self.lines[-1]:
                self._end_line()
            if name == "blockquote":
                self._quote_depth = max(0, self._quote_depth + (-1 if is_end else 1))
        elif name in _LINES:
            self.break_line()
            if name == "pre":
                self._pre_depth = max(0, self._pre_depth + (-1 if is_end else 1))
        elif name in _CELLS:
            self._words.append(" ")

    def break_line(self) -> None:
        """End the line unless it is empty."""
        if self._words:
            if any(not word.isspace() for word in self._words):
                self._end_line()
            else:
                self._words.clear()

    def _end_line(self) -> None:
        line = _SPACES.sub(" ", "".join(self._words)).strip()
        self._words.clear()
        if self._quote_depth:
            line = ("> " * min(self._quote_depth, _QUOTE_DEPTH) + line).rstrip()
        self.lines.append(line)
