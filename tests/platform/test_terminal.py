from __future__ import annotations

from io import StringIO

from rich.console import Console

from wattproof.terminal import Rows

ADDRESS = "0x7927ec23ab4CCdec6947e907CdADDE0a84D6bfd5"
SOLD = "27,898,056.481 kWh"


def shown(rows: Rows, width: int) -> str:
    drawn = StringIO()
    Console(file=drawn, width=width).print(rows)
    return drawn.getvalue()


def test_no_figure_and_no_name_is_cut_at_any_width():
    rows = Rows("Sellers", ("seller", "why", "sold"), [(ADDRESS, "it asked less", SOLD)] * 2, {2})
    for width in range(60, 140):
        text = shown(rows, width)
        assert text.count(ADDRESS) == 2, width
        assert text.count(SOLD) == 2, width
        assert "…" not in text


def test_what_is_too_wide_for_a_table_is_written_row_by_row():
    rows = Rows("Sellers", ("seller", "sold"), [(ADDRESS, SOLD)], {1})
    assert "┃" in shown(rows, 80)
    assert shown(rows, 50).splitlines() == ["Sellers", f"seller {ADDRESS}", f"  sold    {SOLD}"]


def test_a_purpose_that_somebody_put_on_the_chain_is_shown_as_it_is():
    told = "for [/bold] :key: \x1b[2Jand more"
    text = shown(Rows("[/]", ("purpose",), [(told,)]), 80)
    assert r"for [/bold] :key: \x1b[2Jand more" in text
    assert "\x1b" not in text
