"""The document as Markdown, as a page of HTML that needs nothing else, and on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from wattproof.surveillance.document import Document, Section
from wattproof.surveillance.plain_text import markdown
from wattproof.surveillance.tables import Table
from wattproof.terminal import printable

if TYPE_CHECKING:
    from rich.console import Group

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}"
    "table{border-collapse:collapse;font-size:.85rem;margin:.5rem 0 1.5rem}"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}"
    "th,td{border:1px solid #c9c9c9;padding:.25rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}th{background:#f1f1f1}td.n{text-align:right;white-space:nowrap}"
    "pre{background:#f1f1f1;padding:.5rem;white-space:pre-wrap}div{overflow-x:auto}"
    "@media print{body{margin:0;max-width:none}}"
)

_FIGURE = ' class="n"'


def as_markdown(document: Document) -> str:
    """GitHub-flavoured Markdown; ends with a line feed."""
    lines = [f"# {markdown(document.title)}"]
    for section in document.sections:
        lines += ["", f"## {markdown(section.heading)}", ""]
        mark, gap = ("- ", "") if section.listed else ("", "\n")
        lines += [mark + markdown(each) + gap for each in section.sentences]
        if section.command:
            lines += ["", "    " + printable(section.command)]
        for table in section.tables:
            lines += ["", *_markdown_table(table)]
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.rstrip() + "\n"


def as_html(document: Document) -> str:
    """One page in UTF-8: its style is in it, it has no script and asks no other place."""
    body = "\n".join(_html_section(section) for section in document.sections)
    title = _html(document.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


def as_table(document: Document) -> Group:
    """For a terminal: sentences and tables, without method and limits."""
    from rich.console import Group
    from rich.text import Text

    from wattproof.terminal import Rows

    shown: list[Text | Rows] = [Text(printable(document.title), style="bold")]
    for section in document.sections:
        if section.heading in ("Method", "Limits"):
            continue
        shown.append(Text("\n" + printable(section.heading), style="bold"))
        mark = "* " if section.listed else ""
        shown += [Text(mark + printable(each)) for each in section.sentences]
        if section.command:
            shown.append(Text("  " + printable(section.command)))
        for table in section.tables:
            shown.append(Rows(table.title, table.columns, table.rows, table.numbers))
            if table.left_out:
                shown.append(Text(_left_out(table)))
    return Group(*shown)


def _left_out(table: Table) -> str:
    return f"and {table.left_out:,} more (the JSON holds all)"


def _markdown_table(table: Table) -> Iterator[str]:
    yield f"**{markdown(table.title)}**"
    yield ""
    yield f"| {' | '.join(map(markdown, table.columns))} |"
    marks = ("---:" if place in table.numbers else "---" for place in range(len(table.columns)))
    yield f"| {' | '.join(marks)} |"
    for row in table.rows:
        yield f"| {' | '.join(map(markdown, row))} |"
    if table.left_out:
        yield ""
        yield _left_out(table)


def _html_section(section: Section) -> str:
    parts = [f"<h2>{_html(section.heading)}</h2>"]
    sentences = [_html(each) for each in section.sentences]
    if section.listed:
        parts.append("<ul>" + "".join(f"<li>{each}</li>\n" for each in sentences) + "</ul>")
    else:
        parts += [f"<p>{each}</p>" for each in sentences]
    if section.command:
        parts.append(f"<pre>{_html(section.command)}</pre>")
    parts += [_html_table(table) for table in section.tables]
    return "\n".join(parts)


def _html_table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_html(column)}</th>' for column in table.columns)
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td{_FIGURE if place in table.numbers else ''}>{_html(cell)}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    more = f"<p>{_left_out(table)}</p>" if table.left_out else ""
    return (
        f"<div><table>\n<caption>{_html(table.title)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n</table></div>{more}"
    )


def _html(text: str) -> str:
    return escape(printable(text), quote=True)
