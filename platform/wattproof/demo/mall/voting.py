"""Customers say from their phones how warm they find it; the mall's band follows them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from twin.comfort import comfort_table
from wattproof.comfort import service as comfort
from wattproof.demo.cast import Member
from wattproof.demo.mall.scene import Visited
from wattproof.demo.stage import Stage

VOTERS_A_ZONE = 40
_SPREAD = 0.8
_HOUR_S = 3_600


def vote(
    stage: Stage, mall: Member, visited: Visited, seed: int
) -> Mapping[str, Mapping[int, float]]:
    """Customers of every zone vote within an hour; tallies by zone and sensation.

    They feel what ISO 7730 predicts at the set point, each a little otherwise, and half a point
    warmer, as they come in from the heat.
    """
    platform, site = stage.platform, visited.inputs.site
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(7,)))
    felt = comfort_table(site.comfort).vote(site.set_point_c) + 0.5
    names = site.mall.zone_names
    with platform.transaction() as session:
        venue = comfort.create_venue(
            platform, session, mall.address, name="the mall", zones=list(names)
        )
        link, number = venue.link, venue.id
        assert number is not None
        for zone in range(len(names)):
            said = np.clip(
                np.rint(felt[zone] + _SPREAD * rng.standard_normal(VOTERS_A_ZONE)), -3, 3
            )
            for phone, sensation in enumerate(said.tolist()):
                comfort.vote(
                    platform,
                    session,
                    link,
                    zone=zone,
                    sensation=int(sensation),
                    voter=f"phone {zone}-{phone}",
                )
    hour = stage.now() // _HOUR_S
    with platform.transaction() as session:
        tallies = comfort.tallies(session, number, since_hour=hour - 1, until_hour=hour + 1)
    votes: dict[str, dict[int, float]] = {}
    for tally in tallies:
        own = votes.setdefault(names[tally.zone], {})
        for place, count in enumerate(tally.counts):
            if count:
                own[place - 3] = own.get(place - 3, 0.0) + count
    return votes
