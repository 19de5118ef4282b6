"""The lines and pipes between the zones, as the network that a market of the park publishes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from market.network import Link, Network
from market.park_energy.rules import CARRIERS, ZONES
from market.quantise import coefficient, power_w

if TYPE_CHECKING:
    from twin.park import site as twin

_W_PER_KW = 1_000.0
_W_PER_MW = 1_000_000
_PUBLISHED: Final = (
    ("electricity", 8, 10_000),
    ("hot_water", 4, 40_000),
    ("warm_water", 3, 50_000),
    ("hydrogen", 2, 5_000),
)
"""Carrier, MW that may enter, and millionths that are lost, of the published park's links."""


def _between(links: tuple[Link, ...]) -> Network:
    return Network(
        open_carriers=len(CARRIERS), carriers=len(CARRIERS), zones=len(ZONES), links=links
    )


NETWORK: Final = _between(
    tuple(
        Link(
            name=f"{carrier.replace('_', ' ')} {ZONES[source]} to {ZONES[target]}",
            carrier=CARRIERS.index(carrier),
            from_zone=source,
            to_zone=target,
            capacity_w=mw * _W_PER_MW,
            loss_millionths=lost,
        )
        for carrier, mw, lost in _PUBLISHED
        for source, target in ((0, 1), (1, 0))
    )
)
"""The network between the published park's zones."""


def network_of(links: Sequence[twin.Link]) -> Network:
    """The network of a park's links, each in its one direction.

    Raises NetworkError for links that cannot stand, ValueError for a zone the market does not have.
    """
    return _between(
        tuple(
            Link(
                name=link.name,
                carrier=int(link.carrier),
                from_zone=ZONES.index(link.source),
                to_zone=ZONES.index(link.target),
                capacity_w=power_w(link.capacity_w / _W_PER_KW),
                loss_millionths=coefficient(link.loss),
            )
            for link in links
        )
    )
