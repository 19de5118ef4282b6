"""Who takes part in the identity day, and what each has before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from devnet.roles import AuthorityRole
from identity import did
from identity.roles import role_id
from identity.signer import LocalSigner
from identity.verifiable.keys import EthereumKey
from market.mall_energy import MANIFEST
from market.quantise import money_micro
from wattproof.accounts import service as accounts
from wattproof.credentials.issuing import issue_role
from wattproof.demo import cast as casting
from wattproof.demo.cast import Cast, Member
from wattproof.demo.stage import Stage
from wattproof.gateway.keys import Role

GRID, CERTIFIER = "Grid operator", "Certification body"
ADA, GATEWAY, THIEF = "Ada", "Ada's gateway", "Thief"
HOMES = tuple(f"Home {number}" for number in range(1, 13))
REGULATOR, ANALYST, BANK = "Regulator", "Analyst", "Bank"
ISSUERS = (GRID, CERTIFIER)

ROLE = "prosumer"
_METER_W = 12_000
_MARGIN_MICRO = money_micro(200.0)


@dataclass(frozen=True, slots=True)
class Joined:
    """Everybody, and the market."""

    cast: Cast
    market: int


def gather(stage: Stage) -> Joined:
    """Keys, gas, a market, meters and money; two accredited issuers; offices.

    Raises:
        WattproofError: the chain refused one of the steps; says which.
    """
    everybody = (*ISSUERS, ADA, GATEWAY, THIEF, *HOMES, REGULATOR, ANALYST, BANK)
    cast = casting.gather(stage, everybody)
    market = casting.make_market(stage, MANIFEST)
    platform = stage.platform
    traders = [cast[name] for name in (ADA, *HOMES)]
    with platform.transaction() as session:
        for member in traders:
            casting.identify(stage, session, member, None)
            casting.equip(stage, session, market, member, _METER_W)
        margins = {member.address: _MARGIN_MICRO for member in traders}
        casting.fund(stage, session, market, margins, key="margin")
        for name, role in ((REGULATOR, "regulator"), (ANALYST, "analyst")):
            issue_role(platform, session, cast[name].address, role, _OFFICES[role])
    registrar = platform.keys.address(Role.ADMIN)
    for name in ISSUERS:
        accredited = accounts.unsigned(
            platform,
            f"accredit the {name.lower()}",
            "CredentialRegistry",
            "accredit",
            cast[name].address,
            role_id(ROLE),
        )
        stage.transact(registrar, accredited)
    casting.authorise(stage, AuthorityRole.METER_AUTHORITY, cast[REGULATOR])
    return Joined(cast, market)


_OFFICES = {"regulator": {"authority": "Energy regulator", "jurisdiction": "DE"}, "analyst": {}}


def did_of(stage: Stage, member: Member) -> str:
    """Its did:ethr on the stage's chain."""
    return str(did.of(member.address, stage.platform.deployment.chain_id))


def key_of(stage: Stage, member: Member) -> EthereumKey:
    """What it signs credentials and presentations with: its own key, as its controller."""
    return EthereumKey(
        LocalSigner(bytes(member.account.key)), f"{did_of(stage, member)}#controller"
    )
