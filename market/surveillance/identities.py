"""Who belongs together: links that the chain shows, joined into groups.

A link joins two addresses with a kind, a transaction that shows it, and a weight in millionths:
how strongly a link of its kind says that one will stands behind both. What was done between the
same two addresses adds up as independent evidence, each kind once from either side (the chance
that none of it means it is the product of the chances that each does not); two addresses are
joined from `JOIN_AT` on. One payment or deposit between strangers joins nobody, a common owner
does.

**Who made a link.** Every link is one address's act, and the other need not have agreed: anybody
may pay me, or name me as the owner of its identity. An account that made none of its group's links
is `passive`, and every finding about the group says so.

**Hubs.** Who has payments, delegations or the like with many pays everybody, or serves everybody:
a faucet, an operator, an issuer, an exchange. An address with links of such a kind to more than
`HUB_DEGREE` others joins nobody by them, nor does one whose office it is (`officials`). Ownership
joins whatever the degree: who owns many identities controls all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from market.surveillance.declarations import DeclarationError, account_of, read_rows, text_of
from market.surveillance.ratios import PPM

JOIN_AT = 500_000
HUB_DEGREE = 3


class LinkKind(StrEnum):
    """How two addresses are connected."""

    DECLARED = "declared"
    OWNER = "owner"
    DELEGATE = "delegate"
    SESSION = "session"
    DEPOSIT = "deposit"
    BOND = "bond"
    WITHDRAWAL = "withdrawal"
    PAYMENT = "payment"
    CERTIFICATES = "certificates"
    READINGS = "readings"


WEIGHTS: Mapping[LinkKind, int] = {
    LinkKind.DECLARED: PPM,
    LinkKind.OWNER: PPM,
    LinkKind.DELEGATE: 800_000,
    LinkKind.SESSION: 800_000,
    LinkKind.DEPOSIT: 400_000,
    LinkKind.BOND: 400_000,
    LinkKind.WITHDRAWAL: 400_000,
    LinkKind.PAYMENT: 250_000,
    LinkKind.CERTIFICATES: 250_000,
    LinkKind.READINGS: 150_000,
}
"""Judgement, not measurement: whoever reads the report weighs the transactions itself."""

MEANINGS: Mapping[LinkKind, str] = {
    LinkKind.DECLARED: "the regulator's file says so",
    LinkKind.OWNER: "named the other as the owner of its identity (ERC-1056)",
    LinkKind.DELEGATE: "let the other act for its identity as a delegate (ERC-1056)",
    LinkKind.SESSION: "let the other sign its orders in a market (session delegate)",
    LinkKind.DEPOSIT: "put money into the other's balance in the ledger",
    LinkKind.BOND: "posted a bond for the other's quota",
    LinkKind.WITHDRAWAL: "withdrew its money to the other's address",
    LinkKind.PAYMENT: "paid the other in tokens of the settlement asset",
    LinkKind.CERTIFICATES: "gave the other certificates or credits outside the market",
    LinkKind.READINGS: "brought the readings of the other's meter",
}

_CERTAIN = frozenset({LinkKind.DECLARED, LinkKind.OWNER})


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """What `first` did toward `second`, and the transaction that shows it (or a file)."""

    first: str
    second: str
    kind: LinkKind
    evidence: str

    @property
    def pair(self) -> tuple[str, str]:
        """Both addresses, the lower one first."""
        return min(self.first, self.second), max(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Declared:
    """Accounts of which a file says that they belong together."""

    name: str
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts that one will stands behind, as far as `links` say; `confidence_ppm` is that of the
    weakest pair that was needed to join them. `passive` are those that made none of the links.
    `name` is unique in a report."""

    name: str
    accounts: tuple[str, ...]
    links: tuple[Link, ...]
    confidence_ppm: int
    passive: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hub:
    """An address by whose links of a kind nobody was joined; `office` says why it has them."""

    address: str
    kind: LinkKind
    degree: int
    office: str


@dataclass(frozen=True, slots=True)
class Identities:
    """`loose` are links between two of the accounts that joined nobody."""

    groups: tuple[Group, ...]
    hubs: tuple[Hub, ...]
    loose: tuple[Link, ...]

    @property
    def group_of(self) -> Mapping[str, str]:
        """Name of the group by account."""
        return {account: group.name for group in self.groups for account in group.accounts}


def read_groups(name: str, content: bytes) -> tuple[Declared, ...]:
    """Declared groups in a file: rows with `name` and `accounts` (a list; in CSV one `account` a
    line, under the same name). Raises DeclarationError."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for number, row in enumerate(
        read_rows(name, content, "group", ("name", "account", "accounts")), 1
    ):
        place = f"{name}, group {number}"
        called = text_of(row, "name", place)
        if called.lower().startswith("0x"):
            raise DeclarationError(f"{place}: a group's name must not look like an account")
        if ("account" in row) == ("accounts" in row):
            raise DeclarationError(f"{place}: give either account or accounts")
        listed = row.get("accounts", [row.get("account")])
        if not isinstance(listed, list):
            raise DeclarationError(f"{place}: accounts must be a list")
        for value in listed:
            account = account_of(value, place)
            if account in found[called]:
                raise DeclarationError(f"{place}: {account} is in {called!a} already")
            found[called].append(account)
    return tuple(Declared(called, tuple(sorted(found[called]))) for called in sorted(found))


def identify(
    links: Iterable[Link],
    accounts: Collection[str],
    *,
    declared: Iterable[Declared] = (),
    officials: Mapping[str, str] | None = None,
) -> Identities:
    """Groups of two or more of the `accounts`, joined over any addresses between them.

    `officials`: addresses with an office (operator, issuer, a contract), and which.
    """
    officials = officials or {}
    declared = tuple(declared)
    found = set(links) | {
        Link(group.accounts[0], other, LinkKind.DECLARED, f"file: {group.name}")
        for group in declared
        for other in group.accounts[1:]
    }
    found = {link for link in found if link.first != link.second}
    hubs = _hubs(found, officials)
    barred = {(hub.address, hub.kind) for hub in hubs}
    by_pair: defaultdict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in sorted(found):
        if not {(link.first, link.kind), (link.second, link.kind)} & barred:
            by_pair[link.pair].append(link)
    weights = {pair: _weight(each) for pair, each in by_pair.items()}
    joined = _Joined()
    # Strongest first, so that the weakest link needed to join a group is the strongest possible.
    for pair in sorted(weights, key=lambda p: (-weights[p], p)):
        if weights[pair] >= JOIN_AT:
            joined.join(*pair, weights[pair])
    members: defaultdict[str, list[str]] = defaultdict(list)
    for account in sorted(accounts):
        members[joined.root(account)].append(account)
    together = {root: each for root, each in members.items() if len(each) > 1}
    used: defaultdict[str, list[Link]] = defaultdict(list)
    loose: list[Link] = []
    known = set(accounts)
    for pair in sorted(by_pair):
        root = joined.root(pair[0])
        if root == joined.root(pair[1]) and root in together:
            used[root] += by_pair[pair]
        elif known.issuperset(pair):
            loose += by_pair[pair]
    names = _names(together, declared)
    groups = tuple(
        sorted(
            (
                Group(
                    names[root],
                    tuple(each),
                    tuple(used[root]),
                    joined.weakest[root],
                    _passive(each, used[root]),
                )
                for root, each in together.items()
            ),
            key=lambda group: group.accounts,
        )
    )
    return Identities(groups, hubs, tuple(loose))


def _hubs(links: Iterable[Link], officials: Mapping[str, str]) -> tuple[Hub, ...]:
    others: defaultdict[tuple[str, LinkKind], set[str]] = defaultdict(set)
    for link in links:
        if link.kind not in _CERTAIN:
            others[link.first, link.kind].add(link.second)
            others[link.second, link.kind].add(link.first)
    return tuple(
        Hub(address, kind, len(each), officials.get(address, ""))
        for (address, kind), each in sorted(others.items())
        if address in officials or len(each) > HUB_DEGREE
    )


def _passive(accounts: Iterable[str], links: Iterable[Link]) -> tuple[str, ...]:
    made = {link.first for link in links}
    made |= {link.second for link in links if link.kind is LinkKind.DECLARED}
    return tuple(account for account in accounts if account not in made)


def _weight(links: Iterable[Link]) -> int:
    """Millionths; each kind counts once from either side, however often it occurred."""
    doubt = PPM
    for _, kind in sorted({(link.first, link.kind) for link in links}):
        doubt = doubt * (PPM - WEIGHTS[kind]) // PPM
    return PPM - doubt


class _Joined:
    """Sets of addresses (union-find); `weakest` by the root of a set."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}
        self.weakest: dict[str, int] = {}

    def root(self, address: str) -> str:
        path = []
        while (above := self._above.get(address, address)) != address:
            path.append(address)
            address = above
        for each in path:
            self._above[each] = address
        return address

    def join(self, first: str, second: str, weight: int) -> None:
        one, other = sorted((self.root(first), self.root(second)))
        if one == other:
            return
        self._above[other] = one
        known = (self.weakest.get(one, PPM), self.weakest.pop(other, PPM), weight)
        self.weakest[one] = min(known)


def _names(together: Mapping[str, list[str]], declared: Iterable[Declared]) -> dict[str, str]:
    """Declared names where one fits, numbers in the order of the lowest account otherwise."""
    root_of = {account: root for root, accounts in together.items() for account in accounts}
    names: dict[str, str] = {}
    for group in declared:
        for account in group.accounts:
            root = root_of.get(account)
            if root is not None and root not in names:
                names[root] = group.name
                break
    taken = set(names.values())
    number = 0
    for root in sorted(together, key=lambda each: together[each]):
        if root in names:
            continue
        number += 1
        while f"group {number}" in taken:
            number += 1
        names[root] = f"group {number}"
    return names
