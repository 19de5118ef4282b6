"""Text that no terminal and no page takes for an instruction."""

from __future__ import annotations

_MARKED = frozenset("\\`*_[]<>&|#~@")


def printable(text: str) -> str:
    """Without control characters, line breaks and direction marks: each stands as its escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def markdown(text: str) -> str:
    """As text of a Markdown paragraph or table cell; nothing in it is markup or becomes a link."""
    escaped = "".join("\\" + c if c in _MARKED else c for c in printable(text))
    return escaped.replace("://", "\\://").replace("www.", "www\\.").replace("WWW.", "WWW\\.")
