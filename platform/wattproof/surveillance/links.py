"""What the chain shows of who belongs together: links with the transactions behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from eth_utils.address import to_checksum_address

from devnet.roles import AuthorityRole
from market.surveillance import Link, LinkKind
from wattproof.audit.history import Entry, History
from wattproof.audit.state import State

_NOBODY = "0x" + "00" * 20
_BY_BOTH: Mapping[tuple[str, str], tuple[LinkKind, str, str]] = {
    ("SettlementToken", "Transfer"): (LinkKind.PAYMENT, "from", "to"),
    ("Ledger", "Deposited"): (LinkKind.DEPOSIT, "from", "to"),
    ("Ledger", "Withdrawn"): (LinkKind.WITHDRAWAL, "account", "to"),
    ("QuotaRegistry", "BondPosted"): (LinkKind.BOND, "from", "account"),
    ("GreenCertificates", "TransferSingle"): (LinkKind.CERTIFICATES, "from", "to"),
    ("GreenCertificates", "TransferBatch"): (LinkKind.CERTIFICATES, "from", "to"),
    ("EnergyCredits", "Transfer"): (LinkKind.CERTIFICATES, "sender", "receiver"),
    ("DidRegistry", "DIDOwnerChanged"): (LinkKind.OWNER, "identity", "owner"),
    ("DidRegistry", "DIDDelegateChanged"): (LinkKind.DELEGATE, "identity", "delegate"),
    ("Delegations", "SessionAuthorised"): (LinkKind.SESSION, "principal", "delegate"),
}
"""Events that name both sides; the one that acts comes first."""


def links_of(history: History, state: State) -> tuple[Link, ...]:
    """What an address did toward another, once a kind, with the first transaction that shows it."""
    contracts = {history.chain.address(name) for name in history.deployment.addresses}
    first: dict[tuple[str, str, LinkKind], Link] = {}
    for link in (*_named(history.entries()), *_readings(history, state)):
        if {link.first, link.second} & (contracts | {_NOBODY}) or link.first == link.second:
            continue
        first.setdefault((link.first, link.second, link.kind), link)
    return tuple(sorted(first.values()))


def officials_of(state: State, entries: Iterable[Entry]) -> dict[str, str]:
    """Addresses with an office, and which: they deal with everybody."""
    offices: dict[str, set[str]] = {}

    def holds(address: str, office: str) -> None:
        if address != _NOBODY:
            offices.setdefault(address, set()).add(office)

    for params in state.markets.values():
        holds(params.operator, "operator")
        holds(params.balancing, "balancing account")
        holds(params.network, "network account")
    names = {int(role): role.name.lower().replace("_", " ") for role in AuthorityRole}
    for role, account in state.authority:
        holds(account, names.get(role, "administrator"))
    for entry in entries:
        name, args = (entry.event.contract, entry.event.name), entry.event.args
        if name == ("CredentialRegistry", "IssuerAccredited"):
            holds(args["issuer"], "issuer of credentials")
        elif name == ("QuotaRegistry", "QuotaOpened"):
            holds(args["terms"]["beneficiary"], "receives penalties")
    return {address: ", ".join(sorted(each)) for address, each in sorted(offices.items())}


def _named(entries: Iterable[Entry]) -> Iterator[Link]:
    for entry in entries:
        event = entry.event
        said = _BY_BOTH.get((event.contract, event.name))
        if said is None:
            continue
        kind, one, other = said
        # A delegation that ends here is told by the same event.
        if kind is LinkKind.DELEGATE and event.args["validTo"] <= entry.time:
            continue
        yield Link(event.args[one], event.args[other], kind, event.transaction_hash)


def _readings(history: History, state: State) -> Iterator[Link]:
    """Who brought whose readings: the sender of the transaction, for the meter's account."""
    posted = [
        entry.event
        for entry in history.entries()
        if (entry.event.contract, entry.event.name) == ("MeterRegistry", "ReadingsPosted")
    ]
    hashes = sorted({event.transaction_hash for event in posted})
    senders = _senders(history.chain.batch, hashes)
    for event in posted:
        device = state.devices.get(event.args["device"])
        sender = senders.get(event.transaction_hash)
        if device is not None and sender is not None:
            yield Link(sender, device.account, LinkKind.READINGS, event.transaction_hash)


def _senders(batch: Callable[..., list[Any]], hashes: list[str]) -> dict[str, str]:
    answers = batch([("eth_getTransactionByHash", (each,)) for each in hashes])
    return {
        sent["hash"]: str(to_checksum_address(sent["from"])) for sent in answers if sent is not None
    }
