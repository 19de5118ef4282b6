"""Showing a part of a credential to the market, and three ways of cheating at it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import col, select

from identity.verifiable import sd_jwt
from identity.verifiable.answering import Request, plan, presentation
from identity.verifiable.received import read
from identity.verifiable.sd_jwt import SdJwt
from wattproof.credentials import presenting
from wattproof.credentials.models import PresentationRow
from wattproof.credentials.presenting import Asked
from wattproof.demo.cast import Member
from wattproof.demo.identity.certifying import Certified
from wattproof.demo.identity.people import key_of
from wattproof.demo.stage import Stage
from wattproof.errors import WattproofError
from wattproof.gateway.keys import Role

CLAIMS = ("role", "zone")


@dataclass(frozen=True, slots=True)
class Shown:
    """What became of a presentation and of its abuses.

    Attributes:
        learnt: claims that the market has now, by name.
        kept_back: names of claims that the credential has and the market does not.
        disclosed: names of the claims that the presentation itself opens.
        refused: by the way of cheating, the refusal; empty where it was not refused.
    """

    learnt: dict[str, object]
    kept_back: frozenset[str]
    disclosed: frozenset[str]
    refused: dict[str, str]


def show(stage: Stage, own: Certified, thief: Member) -> Shown:
    """The holder shows role and zone; a thief has copied the whole credential and the answer."""
    request = _request(stage)
    credential = read(own.token)
    showing = plan(request, credential, set(CLAIMS))
    sent = presentation(showing, request, key_of(stage, own.holder), now=stage.now())
    with stage.platform.transaction() as session:
        for row in presenting.present(stage.platform, sent):
            session.add(row)
    with stage.platform.transaction() as session:
        rows = session.exec(
            select(PresentationRow).where(col(PresentationRow.address) == own.holder.address)
        ).all()
        learnt = {name: value for row in rows for name, value in row.claims.items()}
    return Shown(
        learnt=learnt,
        kept_back=showing.kept_back,
        disclosed=frozenset(each.name for each in sd_jwt.parse(sent).disclosures if each.name),
        refused={
            "shown a second time": _refusal(stage, sent),
            "shown by a thief": _stolen(stage, own, thief),
            "changed on the way": _refusal(stage, _altered(stage, own)),
        },
    )


def _request(stage: Stage) -> Request:
    platform = stage.platform
    with platform.transaction() as session:
        row = presenting.ask(
            platform,
            session,
            platform.keys.address(Role.OPERATOR),
            Asked(("participant",), CLAIMS, "to trade at the feeder", to_market=True),
        )
        return Request(
            row.audience, row.nonce, tuple(row.kinds), frozenset(row.claims), row.expires_at
        )


def _refusal(stage: Stage, sent: str) -> str:
    try:
        presenting.present(stage.platform, sent)
    except WattproofError as error:
        return error.message
    return ""


def _stolen(stage: Stage, own: Certified, thief: Member) -> str:
    """Everything of the credential but its holder's key."""
    request = _request(stage)
    shown = sd_jwt.select(sd_jwt.parse(own.token), {"zone"})
    bound = sd_jwt.bind(
        shown,
        key_of(stage, thief),
        audience=request.audience,
        nonce=request.nonce,
        issued_at=stage.now(),
    )
    return _refusal(stage, str(bound))


def _altered(stage: Stage, own: Certified) -> str:
    """An honest answer whose disclosure somebody replaced by another of the same credential."""
    request = _request(stage)
    showing = plan(request, read(own.token), set(CLAIMS))
    honest = sd_jwt.parse(
        presentation(showing, request, key_of(stage, own.holder), now=stage.now())
    )
    other = sd_jwt.select(sd_jwt.parse(own.token), {"legal_name"})
    return str(SdJwt(honest.token, other.disclosures, honest.binding))
