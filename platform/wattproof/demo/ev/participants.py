"""Who takes part in the EV battery market: drivers with batteries, a supplier, households."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.crypto import keccak
from sqlmodel import Session

from market.bid import Bid
from market.ev_battery import MANIFEST
from market.ev_battery.rules import SELLER_ROLE
from wattproof.accounts import service as accounts
from wattproof.credentials.issuing import issue_role
from wattproof.demo import cast as casting
from wattproof.demo.cast import Cast
from wattproof.demo.ev.scene import DISPATCHER, PILE_OPERATOR, SUPPLIER, Scene
from wattproof.demo.stage import Stage
from wattproof.gateway.keys import Role

_STATE_OF_HEALTH_BP = 9_500
_CYCLES_PER_DAY_MILLI = 1_000
_METER_HEADROOM = 4


@dataclass(frozen=True, slots=True)
class Joined:
    """Everybody, the market they trade in, and what each may sell in a round, Wh by name."""

    cast: Cast
    market: int
    capacity_wh: Mapping[str, int]


def gather(stage: Stage, scene: Scene, bids: tuple[Bid, ...]) -> Joined:
    """Create the market, register everybody and its meter, attest batteries.

    Args:
        bids: of which the supplier's say what its connection must carry.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    platform = stage.platform
    cast = casting.gather(stage, (*scene.participants, PILE_OPERATOR, DISPATCHER))
    market = casting.make_market(stage, MANIFEST)
    with platform.transaction() as session:
        for name in scene.participants:
            casting.identify(stage, session, cast[name], MANIFEST.role)
        issue_role(platform, session, cast[DISPATCHER].address, "dispatcher")
        attested = _attest(stage, session, scene, bids, cast)
    stage.rest()
    with platform.transaction() as session:
        for name in scene.participants:
            casting.equip(stage, session, market, cast[name], _meter_w(scene, name))
    stage.rest()
    return Joined(cast, market, attested)


def set_margins_aside(stage: Stage, joined: Joined, bids: tuple[Bid, ...]) -> None:
    """Everybody deposits what its bids need, and has its capacity read into the ledger."""
    platform = stage.platform
    margins = casting.margins_micro(joined.cast, MANIFEST, bids)
    operator = platform.keys.address(Role.OPERATOR)
    with platform.transaction() as session:
        casting.fund(stage, session, joined.market, margins, key="demo")
        for address in margins:
            accounts.ledger_call(
                platform, session, operator, "syncCapacity", joined.market, address, key=address
            )
    stage.rest()


def _attest(
    stage: Stage, session: Session, scene: Scene, bids: tuple[Bid, ...], cast: Cast
) -> Mapping[str, int]:
    """Passports for those who sell; returns attested Wh by name."""
    platform = stage.platform
    attested: dict[str, int] = {}
    for name, battery_id, capacity_wh, health_bp in _passports(scene, bids):
        address = cast[name].address
        issue_role(platform, session, address, SELLER_ROLE)
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
