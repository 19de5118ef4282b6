"""Who takes part, and what each needs for it: meters, roles, money."""

from __future__ import annotations

from dataclasses import dataclass

from devnet.roles import AuthorityRole
from market import energy_credits, mall_energy
from market.quantise import money_micro
from wattproof.credentials.issuing import issue_role
from wattproof.demo import cast as casting
from wattproof.demo.cast import Cast
from wattproof.demo.mall import crediting
from wattproof.demo.mall.scene import (
    ARCADE,
    DISPATCHER,
    MALL,
    OFFICE,
    RETAILER,
    SUPPLIER,
    UTILITY,
    Scene,
)
from wattproof.demo.stage import Stage

_UTILITY_MICRO = money_micro(20_000.0)
_METER_HEADROOM = 3.0


@dataclass(frozen=True, slots=True)
class Joined:
    """Everybody, and the two markets they trade in."""

    cast: Cast
    energy: int
    credits: int


def gather(stage: Stage, scene: Scene) -> Joined:
    """Create both markets, register everybody and its meters, give roles and tokens.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    cast = casting.gather(stage, scene.members)
    energy = casting.make_market(stage, mall_energy.MANIFEST)
    credits = casting.make_market(stage, energy_credits.MANIFEST)
    drawn_w = {
        MALL: float(scene.mall.uncontrolled.electricity_w.max()),
        ARCADE: float(scene.arcade.uncontrolled.electricity_w.max()),
        OFFICE: max(float(scene.office_wh.max()) / scene.slot_hours, 1.0),
        SUPPLIER: scene.connection_w,
    }
    with stage.platform.transaction() as session:
        for name, member in cast.members.items():
            trades = name in (*drawn_w, RETAILER)
            role = mall_energy.MANIFEST.role if trades else None
            casting.identify(stage, session, member, role)
        issue_role(stage.platform, session, cast[DISPATCHER].address, "dispatcher")
        for name, watts in drawn_w.items():
            casting.equip(stage, session, energy, cast[name], round(watts * _METER_HEADROOM))
    stage.rest()
    casting.authorise(stage, AuthorityRole.CREDIT_ISSUER, cast[UTILITY])
    casting.give_tokens(stage, {cast[UTILITY].address: _UTILITY_MICRO})
    crediting.bind_market(stage, credits, cast[UTILITY])
    return Joined(cast, energy, credits)
