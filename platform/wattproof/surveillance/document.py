"""The report as a document: what stands out first, then tables, method and limits.

Its texts are plain; whoever renders them escapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from market.product import Product
from market.surveillance import MarketReport
from market.surveillance.concentration import Concentration
from market.surveillance.identities import MEANINGS, WEIGHTS
from market.surveillance.supply import SellerSummary
from market.surveillance.wording import energy, index, named, percent, price, times
from wattproof.surveillance.method import LIMITS, METHOD
from wattproof.surveillance.service import Selection, Source, SurveillanceDocument

_ROWS_SHOWN = 20
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """`numbers` are the places of columns of figures; `left_out` rows are in the JSON alone."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, sentences (as a list where `listed`), a command to type, and tables."""

    heading: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    listed: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """All of it, in order."""

    title: str
    sections: tuple[Section, ...]


def document_of(made: SurveillanceDocument) -> Document:
    """The document of a report."""
    report = made.report
    said = tuple(finding.sentence for finding in made.findings)
    return Document(
        title="Market surveillance report",
        sections=(
            Section("Scope", _scope(made)),
            Section(
                "Findings",
                said or ("Nothing stands out under the rules at the end of this report.",),
                listed=bool(said),
            ),
            *(_market(made, market) for market in report.markets),
            *([_stock(made)] if report.stock else []),
            _identities(made),
            Section("Method", METHOD, listed=True),
            Section("Limits", LIMITS, listed=True),
            Section("How to make it again", _again(made.source), command=_command(made.source)),
        ),
    )


def _scope(made: SurveillanceDocument) -> tuple[str, ...]:
    source, markets = made.source, made.report.markets
    covered = [
        f"market {each.market}: {times(each.rounds, 'settled round')} "
        f"({each.first_round} to {each.last_round})"
        for each in markets
    ]
    lines = [
        f"Chain {source.chain_id}, blocks {source.first_block} to {source.block} "
        f"({_time(source.block_time)}), exchange {source.exchange}.",
        f"Rounds{_chosen(source.selection)}: {'; '.join(covered) or 'none'}. Void, cancelled and "
        "unsettled rounds are left out.",
        "Costs are those of the regulator's file."
        if source.costs_sha256
        else "No costs were given: the margin of a seller is measured over its own dearest filled "
        "ask. Whoever asks more than its cost has a greater margin than this report can see.",
    ]
    if source.unproven:
        named_rounds = ", ".join(f"{market}/{number}" for market, number in source.unproven)
        lines.append(
            f"LEFT OUT because they do not prove (market/round): {named_rounds}. "
            "Run wattproof audit replay."
        )
    return tuple(lines)


def _market(made: SurveillanceDocument, market: MarketReport) -> Section:
    kind = "certificates, credits or other tokens" if market.tokenised else "energy"
    mean = "" if market.price is None else f" at {price(market.price)} a kWh on average"
    sentences = [
        f"A market of {kind}: {energy(market.volume_wh)} traded{mean}, in "
        f"{times(market.lots, 'product')} of {times(market.rounds, 'round')}. "
        f"{_concentration(market.sold, market.sold_by_group)}"
    ]
    if market.lerner_ppm is not None:
        declared = percent(market.at_declared_cost_ppm)
        sentences.append(
            f"Lerner index over all sales: {index(market.lerner_ppm)}; {declared} of these sales "
            "at declared costs, the rest at own asks."
        )
    if market.connected:
        sentences.append(
            f"Orders of several legs touch {times(market.connected, 'product')}: there no price "
            "was computed anew, and no wash volume is seen in such orders."
        )
    own_name = _namer(made)
    return Section(
        f"Market {market.market}",
        tuple(sentences),
        tuple(
            table
            for table in (
                _margins(market.sellers, own_name),
                _pivotal("Who was needed", market.sellers, own_name),
                _pivotal("Who was needed, related accounts as one", market.groups, own_name),
                _washed(market, own_name),
                _withheld(market, own_name),
                _idle(market, own_name),
                _cancelled(market, own_name),
            )
            if table.rows
        ),
    )


def _margins(sellers: Sequence[SellerSummary], own_name: Callable[[str], str]) -> Table:
    return _table(
        "Sellers and their margins",
        ("seller", "sold", "offered", "mean price", "cost", "Lerner index", "ask above cost"),
        (
            (
                own_name(row.seller),
                energy(row.sold_wh),
                energy(row.offered_wh),
                _price(row.price),
                _price(row.cost) + ("" if row.declared or row.cost is None else " (own ask)"),
                _index(row.lerner_ppm, at_least=not row.declared),
                _price(row.markup),
            )
            for row in sellers
        ),
        names=1,
    )


def _pivotal(title: str, sellers: Sequence[SellerSummary], own_name: Callable[[str], str]) -> Table:
    return _table(
        title,
        (
            "seller",
            "products",
            "pivotal",
            "and it mattered",
            "least RSI",
            "mean RSI",
            "price then",
            "without it",
            "not served",
            "at its cost",
        ),
        (
            (
                own_name(row.seller),
                str(row.lots),
                str(row.pivotal_lots),
                f"{row.price_setting_lots} ({percent(row.hours_ppm)} of hours)",
                _index(row.lowest_rsi_ppm),
                _index(row.mean_rsi_ppm),
                _price(row.price_then),
                _price(row.price_without),
                energy(row.lost_wh),
                _price(row.price_at_cost),
            )
            for row in sellers
            if row.lots
        ),
        names=1,
    )


def _washed(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    return _table(
        "Bought from oneself",
        ("who", "round", "product", "bought", "sold", "wash", "pro rata", "traded", "price moved"),
        (
            (
                own_name(row.who),
                str(row.lot.round),
                _product(row.lot.product, row.lot.slot_seconds),
                energy(row.bought_wh),
                energy(row.sold_wh),
                energy(row.wash_wh),
                energy(row.pro_rata_wh),
                energy(row.traded_wh),
                _price(row.price_effect),
            )
            for row in sorted(market.washed, key=lambda each: -each.wash_wh)
        ),
        names=3,
    )


def _withheld(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    shown = [row for row in market.withheld if row.withheld_wh and row.shortage_wh]
    return _table(
        "Certificates kept back while others lacked them",
        (
            "holder",
            "round",
            "held",
            "share",
            "own need",
            "offered",
            "offered low",
            "sold",
            "reference price",
            "kept",
            "others lacked",
        ),
        (
            (
                own_name(row.account),
                str(row.round),
                energy(row.held_wh),
                percent(row.share_ppm),
                energy(row.own_need_wh),
                energy(row.offered_wh),
                energy(row.offered_low_wh),
                energy(row.sold_wh),
                _price(row.reference),
                energy(row.withheld_wh),
                energy(row.shortage_wh),
            )
            for row in sorted(shown, key=lambda each: -each.withheld_wh)
        ),
        names=1,
    )


def _idle(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    return _table(
        "Offers against meters",
        ("seller", "carrier", "products", "could measure", "offered", "idle", "idle at a profit"),
        (
            (
                own_name(row.account),
                str(row.carrier),
                str(row.lots),
                energy(row.available_wh),
                energy(row.offered_wh),
                energy(row.idle_wh),
                energy(row.idle_at_profit_wh),
            )
            for row in market.idle
        ),
        names=1,
    )


def _cancelled(market: MarketReport, own_name: Callable[[str], str]) -> Table:
    return _table(
        "Orders cancelled by a new epoch after they were taken",
        ("account", "orders", "of", "rounds", "of", "to sell", "to buy", "traded opposite in"),
        (
            (
                own_name(row.account),
                str(row.orders),
                str(row.all_orders),
                str(len(row.rounds)),
                str(row.all_rounds),
                energy(row.sell_wh),
                energy(row.buy_wh),
                str(len(row.opposite_rounds)),
            )
            for row in market.cancelled
        ),
        names=1,
    )


def _stock(made: SurveillanceDocument) -> Section:
    own_name = _namer(made)
    return Section(
        "Certificates held",
        ("In wallets, on offer and bought but not yet collected, at the last block.",),
        tuple(
            _table(
                f"Technology {stock.kind.technology}, vintage {stock.kind.vintage}, zone "
                f"{stock.kind.zone}: {_concentration(stock.by_account, stock.by_group)}",
                ("holder", "held", "share"),
                (
                    (own_name(share.name), energy(share.wh), percent(share.share_ppm))
                    for share in stock.by_account.shares
                ),
                names=1,
            )
            for stock in made.report.stock
        ),
    )


def _identities(made: SurveillanceDocument) -> Section:
    found, own_name = made.report.identities, _namer(made)
    groups = _table(
        "Related accounts",
        ("group", "accounts", "confidence"),
        (
            (
                group.name,
                ", ".join(own_name(account) for account in group.accounts),
                percent(group.confidence_ppm),
            )
            for group in found.groups
        ),
        names=2,
    )
    evidence = _table(
        "Evidence",
        ("group", "kind", "done by", "toward", "transaction"),
        (
            (group.name, link.kind.value, link.first, link.second, link.evidence)
            for group in found.groups
            for link in group.links
        ),
        names=5,
    )
    hubs = _table(
        "Hubs: their links of this kind join nobody",
        ("address", "kind", "links with", "office"),
        (
            (hub.address, hub.kind.value, str(hub.degree), hub.office or _NOTHING)
            for hub in found.hubs
        ),
        names=2,
        figures=1,
    )
    loose = _table(
        "Links too weak to join",
        ("kind", "done by", "toward", "transaction"),
        ((link.kind.value, link.first, link.second, link.evidence) for link in found.loose),
        names=4,
    )
    kinds = _table(
        "Kinds of links",
        ("kind", "means", "weight"),
        ((kind.value, meaning, percent(WEIGHTS[kind])) for kind, meaning in MEANINGS.items()),
        names=2,
    )
    sentences = (
        f"{times(len(found.groups), 'group')} of related accounts. A link is what one address did "
        "toward another, who need not have agreed; it says nothing of right or wrong.",
    )
    tables = tuple(each for each in (groups, evidence, loose, hubs, kinds) if each.rows)
    return Section("Related accounts", sentences, tables)


def _again(source: Source) -> tuple[str, ...]:
    files = []
    if source.costs_sha256:
        files.append(f"costs {source.costs_sha256}")
    if source.groups_sha256:
        files.append(f"groups {source.groups_sha256}")
    return (
        "The command below gives the same bytes on any node of this chain.",
        f"Block {source.block} has the hash {source.block_hash}; genesis {source.genesis_hash}.",
        f"SHA-256 of the files: {'; '.join(files) or 'none were given'}.",
        f"SHA-256 of all inputs: {source.inputs_sha256} (rules of version {source.version}).",
    )


def _command(source: Source) -> str:
    return (
        f"wattproof surveillance report --rpc NODE --block {source.block}"
        f"{_options(source.selection)}"
        f"{' --costs FILE' if source.costs_sha256 else ''}"
        f"{' --groups FILE' if source.groups_sha256 else ''}"
    )


def _options(chosen: Selection) -> str:
    said = "" if chosen.market is None else f" --market {chosen.market}"
    for option, number, second in (
        ("--from", chosen.rounds_from, chosen.gate_from),
        ("--to", chosen.rounds_to, chosen.gate_to),
    ):
        if number is not None:
            said += f" {option} {number}"
        elif second is not None:
            said += f" {option} {datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return said


def _chosen(chosen: Selection) -> str:
    options = _options(chosen)
    return f" ({options.strip()})" if options else ""


def _concentration(alone: Concentration, grouped: Concentration) -> str:
    if alone.hhi is None:
        return "nothing to measure concentration of."
    text = f"HHI {alone.hhi:,}"
    if grouped.hhi is not None and grouped.hhi != alone.hhi:
        text += f" ({grouped.hhi:,} with related accounts as one)"
    return text + f", {times(len(alone.shares), 'account')}."


def _table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, ...]],
    *,
    names: int,
    figures: int = 99,
) -> Table:
    """``figures`` columns of figures stand from column ``names`` on."""
    every = tuple(rows)
    return Table(
        title,
        tuple(columns),
        every[:_ROWS_SHOWN],
        frozenset(range(names, min(names + figures, len(columns)))),
        max(0, len(every) - _ROWS_SHOWN),
    )


def _namer(made: SurveillanceDocument) -> Callable[[str], str]:
    return lambda account: named(account, made.report.names)


def _price(nano: int | None) -> str:
    return _NOTHING if nano is None else price(nano)


def _index(ppm: int | None, *, at_least: bool = False) -> str:
    if ppm is None:
        return _NOTHING
    return f"{'at least ' if at_least else ''}{index(ppm)}"


def _product(product: Product, slot_seconds: int) -> str:
    begin = datetime.fromtimestamp(product.slot * slot_seconds, UTC)
    return f"{product.carrier}/{product.zone} {begin:%Y-%m-%d %H:%M}"


def _time(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S} UTC"
