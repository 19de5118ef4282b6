"""The lines and pipes between the zones, as the network that a market of the park publishes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from market.network import Link, Network
from market.park_energy.rules import CARRIERS, RULES, ZONES
from market.quantise import coefficient, power_w
from twin.park import site as twin

NETWORK_RULES: Final = replace(RULES, open_carriers=len(CARRIERS))
"""The market's rules where it has a network account: links need no carriers of their own."""

_W_PER_KW = 1_000.0


def network_of(links: Sequence[twin.Link]) -> Network:
    """The network of a park's links, each in its one direction.

    Raises NetworkError for links that cannot stand, ValueError for a zone the market does not have.
    """
    return Network(
        open_carriers=len(CARRIERS),
        carriers=len(CARRIERS),
        zones=len(ZONES),
        links=tuple(
            Link(
                name=link.name,
                carrier=int(link.carrier),
                from_zone=ZONES.index(link.source),
                to_zone=ZONES.index(link.target),
                capacity_w=power_w(link.capacity_w / _W_PER_KW),
                loss_millionths=coefficient(link.loss),
            )
            for link in links
        ),
    )
