"""Who takes part: keys, meters, credentials and money of everybody on the demo's chain.

The keys are derived from public words: good for a chain of one's own and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from sqlmodel import Session

from devnet.roles import AuthorityRole
from identity.roles import role_id
from market.bid import OrderTerms, orders
from market.eligibility import margin_need_micro
from market.network import describe
from market.quantise import money_micro
from market.registry import MarketManifest
from wattproof.accounts import service as accounts
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError
from wattproof.gateway.keys import Role
from wattproof.meters import service as meters
from wattproof.participants import service as participants
from wattproof.rounds import service as rounds

_BOND_MICRO = money_micro(100_000.0)
"""What operator and balancing account of a market vouch with, unless the day needs more."""
_NAME = 80
_SPARE_MICRO = money_micro(10.0)


@dataclass(frozen=True, slots=True)
class Member:
    """One participant and its meters; ``device`` is that of carrier 0."""

    name: str
    account: LocalAccount
    device: LocalAccount

    @property
    def address(self) -> str:
        return str(self.account.address)

    def meter(self, carrier: int) -> LocalAccount:
        """The device that reads a carrier."""
        return self.device if carrier == 0 else _key(f"{self.name} meter of carrier {carrier}")


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody, by name."""

    members: Mapping[str, Member]

    @property
    def addresses(self) -> Mapping[str, str]:
        """Addresses by name."""
        return {name: member.address for name, member in self.members.items()}

    @property
    def names(self) -> Mapping[str, str]:
        """Names by address."""
        return {member.address: name for name, member in self.members.items()}

    def __getitem__(self, name: str) -> Member:
        return self.members[name]


def gather(stage: Stage, names: Iterable[str]) -> Cast:
    """Keys for everybody, which the stage can send transactions with, and gas to pay for them."""
    cast = Cast(
        {name: Member(name, _key(f"{name} account"), _key(f"{name} meter")) for name in names}
    )
    for member in cast.members.values():
        stage.platform.keys.add(member.account)
    with stage.platform.transaction() as session:
        accounts.send_gas(stage.platform, session, list(cast.addresses.values()))
    return cast


def make_market(
    stage: Stage,
    manifest: MarketManifest,
    bond_micro: int = _BOND_MICRO,
    *,
    network: Member | None = None,
) -> int:
    """Create the market, and post the bonds of its operator and balancing account; its number.

    Args:
        network: who runs the network of a market that has one; it is published too.

    Raises:
        WattproofError: the chain refused it; says why.
    """
    platform = stage.platform
    with platform.transaction() as session:
        rounds.create_market(
            platform,
            session,
            manifest.name,
            manifest.rules,
            role=role_id(manifest.role) if manifest.role else None,
            capacity_source=manifest.capacity_source,
            network=network.address if network else None,
            network_description=describe(manifest.network) if manifest.network else None,
        )
    stage.rest()
    with platform.transaction() as session:
        row = rounds.market_named(session, manifest.name)
        if row is None:
            raise WattproofError("the market was not created")
        market = row.market
        for role in (Role.BALANCING, Role.OPERATOR):
            accounts.post_bond(platform, session, role, market, bond_micro)
    return market


def identify(stage: Stage, session: Session, member: Member, role: str | None) -> None:
    """A DID document and, where the market asks for one, the credential."""
    participants.register(
        stage.platform, session, member.address, name=member.name[:_NAME], role=role
    )


def equip(
    stage: Stage,
    session: Session,
    market: int,
    member: Member,
    capacity_w: int,
    carrier: int = 0,
) -> None:
    """Register the member's meter of a carrier of a market."""
    meters.register_device(
        stage.platform,
        session,
        device=str(member.meter(carrier).address),
        market=market,
        account=member.address,
        carrier=carrier,
        capacity_w=capacity_w,
    )


def authorise(stage: Stage, role: AuthorityRole, member: Member, delay_s: int = 0) -> None:
    """Let the installation's administrator give a member a role of the contracts.

    With a delay the member announces what it does, so many seconds before it can do it.
    """
    call = accounts.unsigned(
        stage.platform,
        f"grant {role.name}",
        "Authority",
        "grantRole",
        int(role),
        member.address,
        delay_s,
    )
    stage.transact(stage.platform.keys.address(Role.ADMIN), call)


def give_tokens(stage: Stage, amounts_micro: Mapping[str, int], *, key: str = "wallet") -> None:
    """Settlement tokens into wallets, by address, as the embedded chain's faucet gives them.

    ``key`` names the gift: each is given once.
    """
    with stage.platform.transaction() as session:
        for address, amount in amounts_micro.items():
            accounts.mint(stage.platform, session, address, amount, key=f"{key}:{address}")
    stage.rest()


def fund(
    stage: Stage,
    session: Session,
    market: int,
    amounts_micro: Mapping[str, int],
    *,
    key: str,
) -> None:
    """Deposit for every address, whose owner sets it all aside as margin in the market."""
    platform = stage.platform
    funded = accounts.fund_accounts(platform, session, amounts_micro, key=key)
    for address, amount in amounts_micro.items():
        accounts.ledger_call(
            platform, session, address, "addMargin", market, amount, key=key, after=funded
        )


def set_margins_aside(
    stage: Stage,
    cast: Cast,
    market: int,
    manifest: MarketManifest,
    bids: Iterable[OrderTerms],
    key: str,
) -> None:
    """Everybody deposits what its bids need in the market; mined with what follows."""
    margins = margins_micro(cast, manifest, bids)
    with stage.platform.transaction() as session:
        fund(stage, session, market, margins, key=key)


def margins_micro(
    cast: Cast, manifest: MarketManifest, bids: Iterable[OrderTerms]
) -> Mapping[str, int]:
    """By address, what covers all of somebody's bids in a round, and a little more."""
    needs: dict[str, int] = {}
    for order in orders(bids, market=1, round=1, first_slot=0, traders=cast.addresses):
        need = margin_need_micro(order, manifest.rules)
        needs[order.trader] = needs.get(order.trader, _SPARE_MICRO) + need
    return needs


def _key(words: str) -> LocalAccount:
    derived: LocalAccount = Account.from_key(keccak(text=f"wattproof demo: {words}"))
    return derived
