"""A network account's orders, derived again from the published description of its market."""

from __future__ import annotations

from eth_utils.crypto import keccak

from market.network import Network, NetworkError, from_description
from market.network.comparison import differences
from market.reference.params import MarketParams
from wattproof.audit.findings import Finding, Mismatch, Report
from wattproof.audit.history import Entry
from wattproof.audit.money import Handler
from wattproof.audit.state import Proof, State

_PLACE = "network"


def network_published(state: State, entry: Entry) -> None:
    market, description = entry.event.args["market"], entry.event.args["description"]
    if keccak(description) != state.markets[market].network_hash:
        raise Mismatch(
            "Exchange.NetworkPublished",
            f"market {market}",
            "description",
            "is not the one whose hash the market was created with",
        )
    state.networks[market] = description


def check_rounds(state: State, report: Report) -> None:
    """Compare the network account's orders in every proved round with the derived ones.

    A widened line settles like any other order: the contract cannot derive it. So what is found
    here leaves the rebuilt balances as they are.
    """
    for key, record in sorted(state.rounds.items()):
        params = state.markets.get(key[0])
        if record.proof is not None and params is not None and params.has_network:
            check_round(state, key, record.proof, report)


def check_round(state: State, key: tuple[int, int], proof: Proof, report: Report) -> None:
    """One round's network orders; each that is added, altered, missing or without effect is a
    finding."""
    market, number = key
    params, name = state.markets[market], f"market {market} round {number}"
    account, book = params.network, proof.book
    report.checked[_PLACE] += sum(signed.order.trader == account for signed in book.orders)
    try:
        network = published(params, state.networks.get(market))
        if account not in proof.facts:
            report.findings.append(Finding(_PLACE, name, "orders", f"{account} handed in none"))
            return
        epoch = proof.facts[account].epoch
        found = list(differences(network, book, proof.maxima, params.slot_seconds, account, epoch))
    except NetworkError as error:
        report.findings.append(Finding(_PLACE, name, "description", str(error)))
        return
    report.findings.extend(
        Finding(_PLACE, name, each.order, f"{each.what}: {each.detail}") for each in found
    )


def published(params: MarketParams, description: bytes | None) -> Network:
    """The network of a market, as its description says. Raises NetworkError."""
    if description is None or keccak(description) != params.network_hash:
        raise NetworkError("the one whose hash the market was created with is not there")
    network = from_description(description)
    network.check_market(params.rules)
    return network


HANDLERS: dict[tuple[str, str], Handler] = {("Exchange", "NetworkPublished"): network_published}
