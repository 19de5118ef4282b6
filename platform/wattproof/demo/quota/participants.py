"""Who takes part, and what each needs for it: meters, certified devices, roles, money."""

from __future__ import annotations

from dataclasses import dataclass

from devnet.roles import AuthorityRole
from market.green_quota import CERTIFICATES, ELECTRICITY
from market.green_quota.technologies import Technology
from market.quantise import money_micro
from wattproof.certificates import transactions as certificates
from wattproof.demo import cast as casting
from wattproof.demo.cast import Cast
from wattproof.demo.quota.scene import AUTHORITY, GOVERNMENT, REGISTRAR, Scene
from wattproof.demo.quota.year import Year
from wattproof.demo.stage import Stage
from wattproof.gateway.keys import Role

TECHNOLOGY = Technology.WIND_ONSHORE
ZONE = 0
GOVERNMENT_DELAY_S = 86_400
"""Between announcing what the government does and doing it."""

_BOND_MICRO = money_micro(20_000_000.0)


@dataclass(frozen=True, slots=True)
class Joined:
    """Everybody, and the two platforms."""

    cast: Cast
    electricity: int
    certificates: int


def gather(stage: Stage, scene: Scene) -> Joined:
    """Create both platforms, install meters, give roles.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    cast = casting.gather(stage, scene.members)
    electricity = casting.make_market(stage, ELECTRICITY, _BOND_MICRO)
    market = casting.make_market(stage, CERTIFICATES[TECHNOLOGY])
    with stage.platform.transaction() as session:
        for member in cast.members.values():
            casting.identify(stage, session, member, None)
        for name, watts in scene.meters_w().items():
            casting.equip(stage, session, electricity, cast[name], watts)
    stage.rest()
    casting.authorise(stage, AuthorityRole.GOVERNMENT, cast[GOVERNMENT], GOVERNMENT_DELAY_S)
    casting.authorise(stage, AuthorityRole.CERTIFICATE_REGISTRAR, cast[REGISTRAR])
    casting.authorise(stage, AuthorityRole.METER_AUTHORITY, cast[AUTHORITY])
    admin = stage.platform.keys.address(Role.ADMIN)
    bound = certificates.bind_market(stage.platform, admin, market, TECHNOLOGY, ZONE)
    stage.transact(admin, bound.transaction)
    return Joined(cast, electricity, market)


def certify(stage: Stage, joined: Joined, scene: Scene, year: Year) -> None:
    """The issuing body certifies all wind parks and the store, from the first vintage on."""
    platform, registrar, cast = stage.platform, joined.cast[REGISTRAR].address, joined.cast
    since = year.period(0)
    calls = [
        certificates.register_producer(
            platform, registrar, str(cast[park.name].device.address), TECHNOLOGY, ZONE, since
        )
        for park in scene.wind
    ]
    calls.append(
        certificates.register_store(
            platform,
            registrar,
            str(cast[scene.store.name].device.address),
            zone=ZONE,
            efficiency_bp=scene.store.efficiency_bp,
            capacity_wh=scene.store.capacity_wh,
            from_period=since,
        )
    )
    stage.transact(registrar, *(call.transaction for call in calls))


def admit(stage: Stage, joined: Joined, scene: Scene) -> None:
    """Credentials for a year to everybody who trades."""
    with stage.platform.transaction() as session:
        for name in scene.traders:
            casting.identify(stage, session, joined.cast[name], ELECTRICITY.role)
    stage.rest()
