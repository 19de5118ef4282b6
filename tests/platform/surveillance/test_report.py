"""The report as bytes: the same anywhere, of what was selected, safe to read."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from devnet import AnvilNode, NodeOptions
from market.surveillance import FindingKind
from tests.platform.noon import NOON
from tests.platform.surveillance.conftest import BIG, PAID, PAYER, SMALL, Watched
from wattproof.errors import InvalidError
from wattproof.surveillance import Files, Selection, survey_chain
from wattproof.surveillance.document import document_of
from wattproof.surveillance.render import as_html, as_markdown, as_table
from wattproof.surveillance.service import File, canonical_json, selection_of

TABLE = {"table", "thead", "tbody", "tr", "th", "td"}
HOSTILE = "<script>alert(1)</script> **bold** [x](http://evil.example) | `a` www.evil.example"


def costs(*rows: dict[str, object]) -> Files:
    return Files(costs=File("costs.json", json.dumps(rows).encode()))


def test_another_node_of_the_same_chain_gives_the_same_bytes(watched: Watched) -> None:
    platform = watched.desk.platform
    block = platform.chain.head().number
    dump = platform.chain.request("anvil_dumpState", True)
    with AnvilNode(NodeOptions(chain_id=31_344, genesis_timestamp=NOON)) as other:
        other.rpc("anvil_loadState", dump)
        there = survey_chain(other.url, platform.deployment, block=block)
    assert canonical_json(there) == canonical_json(watched.survey(block=block))


def test_later_blocks_do_not_change_a_report_of_earlier_ones(watched: Watched) -> None:
    chain = watched.desk.platform.chain
    block = chain.head().number
    before = canonical_json(watched.survey(block=block))
    chain.request("anvil_mine", hex(5))
    assert canonical_json(watched.survey(block=block)) == before
    later = watched.survey()
    assert later.source.block > block
    assert later.source.inputs_sha256 != json.loads(before)["source"]["inputs_sha256"]
    assert later.findings == watched.survey(block=block).findings


def test_a_block_in_the_middle_knows_the_rounds_before_it(watched: Watched) -> None:
    platform = watched.desk.platform
    middle = next(
        event.block_number
        for event in platform.chain.events(0, platform.chain.head().number)
        if event.name == "RoundSettled" and event.args["round"] == watched.rounds[1]
    )
    assert watched.survey(block=middle).report.markets[0].rounds == 2
    assert watched.survey(block=middle - 1).report.markets[0].rounds == 1


def test_rounds_are_selected_by_number_and_time(watched: Watched) -> None:
    second = selection_of(None, str(watched.rounds[1]), str(watched.rounds[1]))
    (market,) = watched.survey(selection=second).report.markets
    assert (market.first_round, market.last_round) == (watched.rounds[1],) * 2
    assert watched.survey(selection=Selection(market=99)).report.markets == ()
    gates = {lot.lot.round: lot.lot.gate_at for lot in market.supplied}
    later = Selection(gate_from=gates[watched.rounds[1]] + 1)
    assert watched.survey(selection=later).report.markets[0].rounds == 1


@pytest.mark.parametrize("text", ["", "soon", "\x1b[2J", "-1", "2026-13-01", "9" * 40, "１"])
def test_a_bound_that_is_neither_a_number_nor_a_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidError) as raised:
        selection_of(None, text, None)
    assert raised.value.message.isprintable()


def test_a_day_as_the_last_bound_is_the_whole_day() -> None:
    chosen = selection_of(3, "2026-11-28", "2026-11-28")
    assert chosen.gate_to is not None
    assert chosen.gate_from is not None
    assert chosen.gate_to - chosen.gate_from == 86_399
    assert selection_of(None, "7", "2026-11-28T00:00+01:00").gate_to == 1_795_820_400


def test_a_declared_cost_turns_a_lower_bound_into_a_margin(watched: Watched) -> None:
    big = watched.address(BIG)
    files = costs({"account": big, "name": "Big Coal", "technology": "coal", "marginal": "0.12"})
    document = watched.survey(files=files)
    row = next(r for r in document.report.markets[0].sellers if r.seller == big)
    assert row.declared
    assert row.markup == 180_000_000
    assert row.lerner_ppm == 600_000  # (0.30 - 0.12) / 0.30
    (markup,) = [each for each in document.findings if each.kind is FindingKind.MARKUP]
    assert markup.accounts == (big,)
    # Without a file the same seller's margin over its own ask is nothing.
    row = next(r for r in watched.survey().report.markets[0].sellers if r.seller == big)
    assert (row.declared, row.lerner_ppm) == (False, 0)


def test_a_cost_of_an_unknown_account_changes_nothing_but_the_inputs(watched: Watched) -> None:
    block = watched.desk.platform.chain.head().number
    unknown = watched.survey(files=costs({"account": "0x" + "77" * 20, "marginal": 1}), block=block)
    plain = watched.survey(block=block)
    assert unknown.findings == plain.findings
    assert unknown.source.inputs_sha256 != plain.source.inputs_sha256


def test_declared_groups_count_as_one(watched: Watched) -> None:
    us = [watched.address(SMALL), watched.address(PAYER)]
    files = Files(groups=File("g.json", json.dumps([{"name": "us", "accounts": us}]).encode()))
    document = watched.survey(files=files)
    washed = [row for row in document.report.markets[0].washed if row.who == "us"]
    assert [row.wash_wh for row in washed][::2] == [500] * 3
    assert any(
        each.kind is FindingKind.WASH and set(each.accounts) == set(us)
        for each in document.findings
    )


@pytest.mark.parametrize("text", ["[[cost", '{"cost": [{"account": "\\u001b[2J"}]}'])
def test_files_that_cannot_be_used_are_refused_before_the_chain_is_read(text: str) -> None:
    files = Files(costs=File("c.json", text.encode()))
    with pytest.raises(InvalidError, match=r"c\.json") as raised:
        survey_chain("http://127.0.0.1:1", None, files=files)  # type: ignore[arg-type]
    assert raised.value.message.isprintable()


def test_a_block_that_is_not_there_is_refused(watched: Watched) -> None:
    with pytest.raises(InvalidError, match="no block"):
        watched.survey(block=10**9)
    with pytest.raises(InvalidError, match="were deployed"):
        watched.survey(block=0)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert {name for name, _ in attrs}.isdisjoint({"src", "href", "onclick"})

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_name_with_markup_is_text_in_the_page_and_in_markdown(watched: Watched) -> None:
    big = watched.address(BIG)
    files = costs({"account": big, "name": HOSTILE, "marginal": "0.12"})
    document = document_of(watched.survey(files=files))
    page = _Page()
    written = as_html(document)
    page.feed(written)
    assert "script" not in page.tags
    assert {"html", "table", "li"} <= set(page.tags)
    assert HOSTILE in "".join(page.text)
    assert "<script" not in written
    text = as_markdown(document)
    page = _Page()
    page.feed(MarkdownIt("commonmark").enable("table").render(text))
    assert set(page.tags) <= {"h1", "h2", "p", "ul", "li", "pre", "code", "strong"} | TABLE
    assert HOSTILE in "".join(page.text)
    assert "http://" not in text  # some readers make links of bare addresses
    assert " www.evil" not in text


def test_a_page_asks_nothing_of_any_other_place(watched: Watched) -> None:
    written = as_html(document_of(watched.survey()))
    assert "default-src 'none'" in written
    for word in ("http://", "https://", "url(", "@import", "<script", "<img", "<link"):
        assert word not in written


def test_the_document_begins_with_what_was_found_and_says_its_limits(watched: Watched) -> None:
    text = as_markdown(document_of(watched.survey()))
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "Scope",
        "Findings",
        "Market 1",
        "Related accounts",
        "Method",
        "Limits",
        "How to make it again",
    ]
    assert f"{watched.address(BIG)} could set the price in 3 of 3 rounds of market 1" in text
    assert "No costs were given" in text
    assert f"--block {watched.survey().source.block}" in text


def test_nothing_on_a_terminal_but_printable_letters(watched: Watched) -> None:
    from io import StringIO

    from rich.console import Console

    files = costs({"account": watched.address(PAID), "name": "[red]x[/red]", "marginal": 0})
    drawn = StringIO()
    console = Console(file=drawn, width=160, force_terminal=False)
    console.print(as_table(document_of(watched.survey(files=files))))
    said = drawn.getvalue()
    assert "[red]x[/red]" in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)
