"""Asking a holder to show something, and taking what she shows, once.

The nonce is used up first, in a transaction of its own: of two presentations at once one finds it
gone, and it stays gone whatever becomes of the rest. What is kept is what was asked for and shown;
the presentation itself is not.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, delete, or_, select, update

from identity import did
from identity.errors import CredentialError
from identity.verifiable import jws, sd_jwt
from identity.verifiable.kinds import KINDS
from identity.verifiable.model import Credential, read_credential
from identity.verifiable.presentation import verify_presentation
from identity.verifiable.received import Received
from identity.verifiable.verifier import Secured, Verifier, check_shown
from wattproof.credentials.checks import sentence
from wattproof.credentials.issuers import address_of
from wattproof.credentials.models import PresentationRequestRow, PresentationRow
from wattproof.credentials.verification import examine, verifier
from wattproof.errors import InvalidError, NotFoundError, RefusedError
from wattproof.runtime import Platform

LIFETIME_S: Final = 300
_PENDING: Final = 50
"""Open requests of one asker; the oldest go first."""
_MOST_CREDENTIALS: Final = 8
_LONGEST_DID: Final = 200
_LATEST: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see.

    Attributes:
        kinds: any of them will do.
        claims: all of them must be shown.
        to_market: the market learns it (its operator sees it); else the asker alone.
    """

    kinds: tuple[str, ...]
    claims: tuple[str, ...]
    purpose: str
    to_market: bool


def ask(platform: Platform, session: Session, asker: str, asked: Asked) -> PresentationRequestRow:
    """Open a request, good for five minutes and one presentation.

    Args:
        asker: checksum address.

    Raises:
        InvalidError: no such kind, or a claim that a kind does not have.
    """
    for name in asked.kinds:
        if name not in KINDS:
            raise InvalidError(f"there is no kind {name}; there are {', '.join(KINDS)}")
        unknown = sorted(set(asked.claims) - KINDS[name].claims)
        if unknown:
            raise InvalidError(f"a credential of the kind {name} claims no {', '.join(unknown)}")
    now = platform.clock.now()
    session.exec(
        delete(PresentationRequestRow).where(col(PresentationRequestRow.expires_at) <= now)
    )
    waiting = session.exec(
        select(PresentationRequestRow)
        .where(PresentationRequestRow.asker == asker)
        .order_by(col(PresentationRequestRow.created_at))
    ).all()
    for old in waiting[: max(0, len(waiting) - _PENDING + 1)]:
        session.delete(old)
    row = PresentationRequestRow(
        nonce=secrets.token_urlsafe(32),
        asker=asker,
        audience=audience(platform, asker, to_market=asked.to_market),
        kinds=list(asked.kinds),
        claims=list(asked.claims),
        purpose=asked.purpose,
        created_at=now,
        expires_at=now + LIFETIME_S,
    )
    session.add(row)
    return row


def audience(platform: Platform, asker: str, *, to_market: bool) -> str:
    """Whom a holder's proof must name: the market by its address, an asker by its DID."""
    if to_market:
        return platform.settings.public_address
    return str(did.of(asker, platform.deployment.chain_id))


def request(session: Session, nonce: str) -> PresentationRequestRow:
    """Raises NotFoundError: unknown, or over."""
    row = session.get(PresentationRequestRow, nonce)
    if row is None:
        raise NotFoundError("there is no such request (any more)")
    return row


def present(platform: Platform, presentation: str) -> list[PresentationRow]:
    """Take a presentation: a vp+jwt, or a token with disclosures and its holder's binding.

    Returns:
        What was learnt, a row a credential, not stored yet.

    Raises:
        RefusedError: its nonce is unknown, used or over (``nonce_used``).
        InvalidError: something about it does not hold, or not all is shown that was asked for.
    """
    try:
        nonce = _nonce(presentation)
    except CredentialError as error:
        raise InvalidError(sentence(error), code="bad_presentation") from error
    asked = _use_up(platform, nonce)
    try:
        holder, credentials = _verified(platform, presentation, asked)
        fitting = _answers(asked, credentials)
        return [_row(platform, asked, holder, credential) for credential in fitting]
    except CredentialError as error:
        raise InvalidError(sentence(error), code="bad_presentation") from error


def learnt_by(
    session: Session, address: str, *, operator: bool, after: str | None, limit: int
) -> Sequence[PresentationRow]:
    """What an address showed, what it asked for, and for the operator what the market learnt."""
    mine = or_(
        col(PresentationRow.address) == address,
        (col(PresentationRow.asker) == address) & ~col(PresentationRow.to_market),
    )
    seen = or_(mine, col(PresentationRow.to_market)) if operator else mine
    query = select(PresentationRow).where(seen).order_by(col(PresentationRow.id)).limit(limit)
    if after is not None:
        query = query.where(col(PresentationRow.id) > after)
    return session.exec(query).all()


def _nonce(presentation: str) -> str:
    if "~" in presentation:
        binding = sd_jwt.parse(presentation).binding
        if binding is None:
            raise CredentialError("the holder's proof is missing")
        nonce = jws.parse(binding).payload.get("nonce")
    else:
        nonce = jws.parse(presentation).payload.get("nonce")
    if not isinstance(nonce, str):
        raise CredentialError("the presentation names no nonce")
    return nonce


def _use_up(platform: Platform, nonce: str) -> PresentationRequestRow:
    now = platform.clock.now()
    with platform.transaction() as session:
        used = session.exec(
            update(PresentationRequestRow)
            .where(
                col(PresentationRequestRow.nonce) == nonce,
                col(PresentationRequestRow.used_at).is_(None),
                col(PresentationRequestRow.expires_at) > now,
            )
            .values(used_at=now)
        )
        if used.rowcount == 1:
            return session.get_one(PresentationRequestRow, nonce)
    raise RefusedError(
        "the nonce is unknown, over, or was used before; ask for a new request", code="nonce_used"
    )


@dataclass(frozen=True, slots=True)
class _Examiner(Verifier):
    """Holds the credentials of a presentation to every check, and keeps what they say."""

    platform: Platform
    seen: list[Received]

    def credential(self, secured: Secured, *, anchored_at: int | None = None) -> Credential:
        """See `Verifier`; that a hash stands on the chain is looked up."""
        if isinstance(secured, str) and "~" in secured:
            raise CredentialError("present a token with disclosures by itself, with its binding")
        if len(self.seen) == _MOST_CREDENTIALS:
            raise CredentialError(f"show {_MOST_CREDENTIALS} credentials at most at a time")
        examined = examine(self.platform, secured)
        examined.report.require()
        assert examined.credential is not None
        self.seen.append(examined.credential)
        return read_credential(examined.credential.document())


def _verified(
    platform: Platform, presentation: str, asked: PresentationRequestRow
) -> tuple[str, list[Received]]:
    """Holder and credentials, all of which hold. Raises CredentialError."""
    base = verifier(platform)
    if "~" in presentation:
        shown = check_shown(base, presentation, audience=asked.audience, nonce=asked.nonce)
        examined = examine(platform, presentation)
        examined.report.require()
        return shown.holder, [examined.credential] if examined.credential else []
    checking = _Examiner(
        base.resolver, base.accredited, base.fetch_list, base.now, platform=platform, seen=[]
    )
    held = verify_presentation(
        checking,
        presentation,
        audience=asked.audience,
        take_nonce=lambda nonce: nonce == asked.nonce,
    )
    return held.holder, checking.seen


def _answers(asked: PresentationRequestRow, credentials: Sequence[Received]) -> list[Received]:
    """Those that show what was asked for. Raises CredentialError where none does."""
    fitting = [
        credential
        for credential in credentials
        if credential.kind.name in asked.kinds and set(asked.claims) <= set(credential.claims)
    ]
    if not fitting:
        kinds, claims = " or ".join(asked.kinds), ", ".join(asked.claims) or "nothing more"
        raise CredentialError(f"asked for is a credential of the kind {kinds} that shows {claims}")
    return fitting


def _row(
    platform: Platform, asked: PresentationRequestRow, holder: str, credential: Received
) -> PresentationRow:
    if max(len(holder), len(credential.issuer)) > _LONGEST_DID:
        raise CredentialError(f"a DID of more than {_LONGEST_DID} characters is not kept")
    if (credential.valid_until or 0) >= _LATEST:
        raise CredentialError("the credential ends after the year 2106")
    market = audience(platform, asked.asker, to_market=True)
    return PresentationRow(
        id=secrets.token_hex(16),
        asker=asked.asker,
        to_market=asked.audience == market,
        holder=holder,
        address=address_of(platform, holder),
        kind=credential.kind.name,
        issuer=credential.issuer,
        claims={name: credential.claims[name] for name in sorted(asked.claims)},
        status=[entry.document() for entry in credential.statuses],
        shown_at=platform.clock.now(),
        valid_until=credential.valid_until,
    )
