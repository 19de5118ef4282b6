"""Tables on a terminal: tables where they fit, else row by row; every cell can be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

_WIDEST = 10_000


def printable(text: str) -> str:
    """Without control characters, line breaks and direction marks: each stands as its escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of texts, shown as they are: nothing in them is markup or an instruction.

    Numbers and names are never broken. Where they do not fit beside each other, a row takes a
    line for each of its columns.

    Attributes:
        numbers: places of the columns that are aligned to the right.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Collection[int] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.measure import Measurement
        from rich.text import Text

        wide = options.update(max_width=_WIDEST)
        for has_lines in (True, False):
            table = self._table(has_lines)
            if Measurement.get(console, wide, table).minimum <= options.max_width:
                yield table
                return
        if self.title:
            yield Text(printable(self.title), style="italic")
        for row in self.rows:
            yield from self._lines(row)

    def _table(self, has_lines: bool) -> Table:
        from rich.box import HEAVY_HEAD
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        table = Table(
            title=Text(printable(self.title)) if self.title else None,
            title_justify="left",
            box=HEAVY_HEAD if has_lines else None,
            pad_edge=has_lines,
        )
        for place, name in enumerate(self.columns):
            cells = [printable(row[place]) for row in self.rows]
            whole = place in self.numbers or not any(" " in cell for cell in cells)
            words = printable(name).split()
            table.add_column(
                Text(printable(name)),
                justify="right" if place in self.numbers else "left",
                width=max(map(cell_len, cells + words), default=0) if whole else None,
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        return table

    def _lines(self, row: Sequence[str]) -> RenderResult:
        from rich.text import Text

        named = max(map(len, self.columns))
        for place, (name, cell) in enumerate(zip(self.columns, row, strict=True)):
            if cell and place == 0:
                yield Text(printable(f"{name} {cell}"), style="bold", overflow="fold")
            elif cell:
                yield Text(f"  {printable(name):{named}}  {printable(cell)}", overflow="fold")
