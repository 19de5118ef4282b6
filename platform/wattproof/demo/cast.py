"""Who takes part: keys, meters, credentials, passports and money of everybody on the demo's chain.

The keys are derived from public words: good for a chain of one's own and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from sqlmodel import Session

from identity.credential import role_id
from market.ev_battery import MANIFEST
from market.ev_battery.bids import Bid
from market.ev_battery.rules import SELLER_ROLE
from market.quantise import money_micro
from market.units import SCALE, ceil_div
from wattproof.accounts import service as accounts
from wattproof.demo.rest import rest
from wattproof.demo.scene import SUPPLIER, Scene
from wattproof.errors import WattproofError
from wattproof.gateway.keys import Role
from wattproof.meters import service as meters
from wattproof.participants import service as participants
from wattproof.rounds import service as rounds
from wattproof.runtime import Platform

_STATE_OF_HEALTH_BP = 9_500
_CYCLES_PER_DAY_MILLI = 1_000
_BOND_MICRO = money_micro(100_000.0)
_METER_HEADROOM = 4
_NAME = 80
_SPARE_MICRO = money_micro(10.0)


@dataclass(frozen=True, slots=True)
class Member:
    """One participant and its meter."""

    name: str
    account: LocalAccount
    device: LocalAccount

    @property
    def address(self) -> str:
        return str(self.account.address)


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody, by name, and the market they trade in."""

    market: int
    members: Mapping[str, Member]
    deposits_micro: Mapping[str, int]
    capacity_wh: Mapping[str, int]

    @property
    def traders(self) -> Mapping[str, str]:
        """Addresses by name."""
        return {name: member.address for name, member in self.members.items()}


def gather(platform: Platform, scene: Scene, bids: tuple[Bid, ...]) -> Cast:
    """Create the market, register everybody, attest batteries, fund, set margins aside.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    members = {
        name: Member(name, _key(f"{name} account"), _key(f"{name} meter"))
        for name in scene.participants
    }
    for member in members.values():
        platform.keys.add(member.account)
    role = MANIFEST.role
    with platform.transaction() as session:
        rounds.create_market(
            platform,
            session,
            MANIFEST.name,
            MANIFEST.rules,
            role=role_id(role) if role else None,
            capacity_source=MANIFEST.capacity_source,
        )
        attested = _identify(platform, session, scene, bids, members)
    rest(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, MANIFEST.name)
        if row is None:
            raise WattproofError("the market was not created")
        market = row.market
        for name, member in members.items():
            meters.register_device(
                platform,
                session,
                device=str(member.device.address),
                market=market,
                account=member.address,
                carrier=0,
                capacity_w=_meter_w(scene, name),
            )
        deposits = {name: _margin_micro(name, bids) for name in members}
        _fund(platform, session, market, members, deposits)
    rest(platform)
    return Cast(market, members, deposits, attested)


def _identify(
    platform: Platform,
    session: Session,
    scene: Scene,
    bids: tuple[Bid, ...],
    members: Mapping[str, Member],
) -> Mapping[str, int]:
    """Credentials for everybody, passports for those who sell; returns attested Wh by name."""
    attested: dict[str, int] = {}
    for name, member in members.items():
        participants.register(
            platform, session, member.address, name=name[:_NAME], role=MANIFEST.role
        )
    for name, battery_id, capacity_wh, health_bp in _passports(scene, bids):
        address = members[name].address
        participants.grant(platform, session, address, SELLER_ROLE)
        accounts.attest_battery(
            platform,
            session,
            address,
            battery_id=keccak(text=battery_id),
            capacity_wh=capacity_wh,
            state_of_health_bp=health_bp,
            cycles_per_day_milli=_CYCLES_PER_DAY_MILLI,
        )
        sellable = capacity_wh * health_bp // 10_000
        attested[name] = attested.get(name, 0) + sellable
    return attested


def _passports(scene: Scene, bids: tuple[Bid, ...]) -> list[tuple[str, str, int, int]]:
    """Name, identity, Wh a day and state of health of every attested store or connection."""
    vehicles = scene.vehicles
    found = [
        (owner, f"battery {place} of {owner}", int(vehicles.battery_capacity_wh[place]))
        for place, owner in enumerate(vehicles.owner_ids)
        if vehicles.discharge_power_w[place] > 0.0
    ]
    offered = -sum(bid.energy_wh for bid in bids if bid.owner_id == SUPPLIER and bid.energy_wh < 0)
    return [
        *((owner, identity, wh, _STATE_OF_HEALTH_BP) for owner, identity, wh in found),
        (SUPPLIER, "grid connection", offered, 10_000),
    ]


def _fund(
    platform: Platform,
    session: Session,
    market: int,
    members: Mapping[str, Member],
    deposits: Mapping[str, int],
) -> None:
    addresses = [member.address for member in members.values()]
    accounts.send_gas(platform, session, addresses)
    funded = accounts.fund_accounts(
        platform,
        session,
        {members[name].address: amount for name, amount in deposits.items()},
        key="demo",
    )
    for name, member in members.items():
        accounts.ledger_call(
            platform,
            session,
            member.address,
            "addMargin",
            market,
            deposits[name],
            key="demo",
            after=funded,
        )
    operator = platform.keys.address(Role.OPERATOR)
    for address in addresses:
        accounts.ledger_call(
            platform, session, operator, "syncCapacity", market, address, key=address
        )
    accounts.post_bond(platform, session, Role.BALANCING, market, _BOND_MICRO)
    accounts.post_bond(platform, session, Role.OPERATOR, market, _BOND_MICRO)


def _margin_micro(name: str, bids: tuple[Bid, ...]) -> int:
    """Margin that covers all of somebody's bids, and a little more."""
    rules = MANIFEST.rules
    need = 0
    for bid in bids:
        if bid.owner_id != name:
            continue
        limit = bid.price_nano_per_kwh if bid.energy_wh > 0 else -bid.price_nano_per_kwh
        wh = abs(bid.energy_wh)
        need += max(0, ceil_div(limit * wh, SCALE)) + ceil_div(rules.imbalance_cap * wh, SCALE)
    return need + _SPARE_MICRO


def _meter_w(scene: Scene, name: str) -> int:
    """What a meter is registered for: the most its account can draw or feed in, and a margin."""
    vehicles = scene.vehicles
    own = [place for place, owner in enumerate(vehicles.owner_ids) if owner == name]
    if own:
        watts = float(vehicles.charge_power_w[own].sum() + vehicles.discharge_power_w[own].sum())
    elif name == SUPPLIER:
        watts = scene.connection_w
    else:
        load = next(c.metered_wh for c in scene.consumers if c.owner_id == name)
        watts = float(load.max()) / scene.horizon.slot_hours
    return max(int(watts) + 1, 1) * _METER_HEADROOM


def _key(words: str) -> LocalAccount:
    derived: LocalAccount = Account.from_key(keccak(text=f"wattproof demo: {words}"))
    return derived
