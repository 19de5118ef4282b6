"""Text of a Markdown page that nothing takes for an instruction."""

from __future__ import annotations

from wattproof.terminal import printable

_MARKED = frozenset("\\`*_[]<>&|#~@")


def markdown(text: str) -> str:
    """As text of a Markdown paragraph or table cell; nothing in it is markup or becomes a link."""
    escaped = "".join("\\" + c if c in _MARKED else c for c in printable(text))
    return escaped.replace("://", "\\://").replace("www.", "www\\.").replace("WWW.", "WWW\\.")
