"""What is known once the day is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from market.network import Network
from market.network.flows import Flow, fills_by_salt, flows
from market.park_energy.bids import Offer
from market.park_energy.delivery import Filled, filled_wh, lived_shares, metered_wh
from market.park_energy.rules import CARRIERS, ZONES
from market.payment import leg_energy_wh
from twin.park.site import FloatArray
from wattproof.audit import Report
from wattproof.demo.cast import Cast
from wattproof.demo.dispatching import Reviewed
from wattproof.demo.park.participants import Meter
from wattproof.demo.park.scene import NETWORK, Scene
from wattproof.demo.stage import Stage
from wattproof.demo.trading import TradedRound
from wattproof.meters.models import ClosureRow

_NANO = 1e9


@dataclass(frozen=True, slots=True)
class Results:
    """Everything the report is made from.

    Attributes:
        offers: what was bid, in the order of the first orders handed in.
        reviewed: by whose plan it was.
        metered_wh: what every meter showed, whole Wh a slot.
        corrected: the inputs of the desk site's next plan.
    """

    scene: Scene
    stage: Stage
    cast: Cast
    network: Network
    traded: TradedRound
    offers: Sequence[Offer]
    reviewed: Mapping[str, Reviewed]
    metered_wh: Mapping[Meter, tuple[int, ...]]
    closures: Mapping[str, ClosureRow]
    corrected: Mapping[str, Any]
    replay: Report

    def filled(self) -> list[Filled]:
        """What became of every offer."""
        return filled_of(self.traded, self.offers)

    def traded_wh(self) -> dict[tuple[str, str], FloatArray]:
        """What was traded by owner and part, Wh, shape (carrier, slot), positive taken."""
        by_owner: dict[str, list[Filled]] = {}
        for each in self.filled():
            by_owner.setdefault(each.offer.bid.owner_id, []).append(each)
        return {
            (owner, part): moved
            for owner, own in by_owner.items()
            for part, moved in filled_wh(own, self.scene.park.horizon.slots).items()
        }

    def prices_per_kwh(self) -> FloatArray:
        """Prices, shape (carrier, zone, slot), NaN where nothing was traded."""
        clearing = self.traded.settlement.clearing
        prices = np.array(clearing.prices, dtype=float) / _NANO
        prices[np.array(clearing.indicative)] = np.nan
        return prices.reshape(len(CARRIERS), len(ZONES), -1)

    def bought_wh(self) -> FloatArray:
        """What was taken of every product, shape (carrier, zone, slot)."""
        settled = self.traded.settlement
        taken = np.zeros(len(settled.book.grid))
        for position, indices in enumerate(settled.book.leg_indices):
            fill = settled.clearing.fills[position]
            for index, leg in zip(indices, settled.book.orders[position].order.legs, strict=True):
                taken[index] += max(leg_energy_wh(leg.coefficient, fill), 0)
        return taken.reshape(len(CARRIERS), len(ZONES), -1)

    def flows(self) -> tuple[Flow, ...]:
        """What the links carried, and earned."""
        settled = self.traded.settlement
        return flows(
            self.network,
            settled.book.grid,
            self.traded.rules.slot_seconds,
            fills_by_salt(settled.book, settled.clearing, self.cast[NETWORK].address),
            settled.clearing.prices,
        )


def filled_of(traded: TradedRound, offers: Sequence[Offer]) -> list[Filled]:
    """What became of every offer: the first orders handed in were made of them, in order."""
    units = traded.fills[: len(offers)]
    return [Filled(offer, filled) for offer, filled in zip(offers, units, strict=True)]


def meter_values(
    scene: Scene, cast: Cast, traded: TradedRound, filled: Sequence[Filled], meters: Sequence[Meter]
) -> dict[Meter, FloatArray]:
    """What every meter shows, Wh a slot.

    Sites run what the market filled, but want and get what the day brings, and a machine fails.
    Everybody else delivers as traded: suppliers are nominated upstream, and the station keeps its
    schedule.
    """
    slots = scene.park.horizon.slots
    values = {
        (name, carrier): traded.positions_wh(cast, carrier)[name]
        for carrier in range(len(CARRIERS))
        for name in {whose for whose, what in meters if what == carrier}
    }
    expected, real = scene.needs(scene.expected), scene.needs(scene.real)
    for site in scene.park.sites:
        own = [each for each in filled if each.offer.bid.owner_id == site.name]
        lived = lived_shares(site, expected[site.name], real[site.name])
        if site.name == scene.failure.site:
            share = np.ones(slots)
            share[scene.failure.slots] = scene.failure.share
            lived[scene.failure.part] = share
        drawn = metered_wh(filled_wh(own, slots), lived, slots)
        for carrier in range(len(CARRIERS)):
            if (site.name, carrier) in values:
                values[site.name, carrier] = drawn[carrier]
    return {meter: values[meter] for meter in meters}
