"""Who takes part in the power market and in demand response, and what each needs for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devnet.roles import AuthorityRole
from market.bid import Bid
from market.chp_power import MANIFEST
from market.quantise import money_micro
from wattproof.credentials.issuing import issue_role
from wattproof.demo import cast as casting
from wattproof.demo.cast import Cast
from wattproof.demo.chp.scene import DISPATCHER, FOUNDRY, GRID_COMPANY, PLANT, Scene
from wattproof.demo.stage import Stage

_BOND_MICRO = money_micro(5_000_000.0)
_WALLETS_MICRO = {
    GRID_COMPANY: money_micro(2_000_000.0),
    PLANT: money_micro(2_000_000.0),
    FOUNDRY: money_micro(200_000.0),
}
_METER_HEADROOM = 2.0


@dataclass(frozen=True, slots=True)
class Joined:
    """Everybody, and the market they trade in."""

    cast: Cast
    market: int


def gather(stage: Stage, scene: Scene) -> Joined:
    """Create the market, register everybody and its meters, give roles and tokens.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    cast = casting.gather(stage, (*scene.traders, GRID_COMPANY, DISPATCHER))
    market = casting.make_market(stage, MANIFEST, _BOND_MICRO)
    with stage.platform.transaction() as session:
        for name, member in cast.members.items():
            trades = name in scene.traders
            casting.identify(stage, session, member, MANIFEST.role if trades else None)
        issue_role(stage.platform, session, cast[DISPATCHER].address, "dispatcher")
        for name, watts in scene.meters_w().items():
            casting.equip(stage, session, market, cast[name], round(watts * _METER_HEADROOM))
    stage.rest()
    casting.authorise(stage, AuthorityRole.PROGRAMME_OWNER, cast[GRID_COMPANY])
    casting.give_tokens(
        stage, {cast[name].address: amount for name, amount in _WALLETS_MICRO.items()}
    )
    return Joined(cast, market)


def set_margins_aside(stage: Stage, joined: Joined, bids: Sequence[Bid]) -> Mapping[str, int]:
    """Everybody deposits what its bids need; micro-units by address."""
    margins = casting.margins_micro(joined.cast, MANIFEST, bids)
    with stage.platform.transaction() as session:
        casting.fund(stage, session, joined.market, margins, key="day")
    stage.rest()
    return margins
