"""The report as a document: what stands out first, then tables, method and limits.

Its texts are plain; whoever renders them escapes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from market.surveillance import MarketReport
from market.surveillance.concentration import Concentration
from market.surveillance.identities import MEANINGS, WEIGHTS
from market.surveillance.wording import energy, index, named, percent, price, times
from wattproof.surveillance.method import LIMITS, METHOD
from wattproof.surveillance.service import Selection, Source, SurveillanceDocument
from wattproof.surveillance.tables import NOTHING, Table, market_tables, table_of


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
    return Section(
        f"Market {market.market}",
        tuple(sentences),
        market_tables(market, _namer(made)),
    )


def _stock(made: SurveillanceDocument) -> Section:
    own_name = _namer(made)
    return Section(
        "Certificates held",
        ("In wallets, on offer and bought but not yet collected, at the last block.",),
        tuple(
            table_of(
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
    groups = table_of(
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
    evidence = table_of(
        "Evidence",
        ("group", "kind", "done by", "toward", "transaction"),
        (
            (group.name, link.kind.value, link.first, link.second, link.evidence)
            for group in found.groups
            for link in group.links
        ),
        names=5,
    )
    hubs = table_of(
        "Hubs: their links of this kind join nobody",
        ("address", "kind", "links with", "office"),
        (
            (hub.address, hub.kind.value, str(hub.degree), hub.office or NOTHING)
            for hub in found.hubs
        ),
        names=2,
        figures=1,
    )
    loose = table_of(
        "Links too weak to join",
        ("kind", "done by", "toward", "transaction"),
        ((link.kind.value, link.first, link.second, link.evidence) for link in found.loose),
        names=4,
    )
    kinds = table_of(
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


def _namer(made: SurveillanceDocument) -> Callable[[str], str]:
    return lambda account: named(account, made.report.names)


def _time(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S} UTC"
