"""Session delegates: who signs your orders, within which bounds, and how you change that.

By a transaction of your own, or by a message that you sign and the operator hands in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from market import delegation
from market.delegation import Authorisation, Revocation
from wattproof.api.access import Anyone, Participant, PlatformDep
from wattproof.api.fields import Address, Int64, Signature, Uint32, Uint64
from wattproof.api.idempotency import MoneyWrite
from wattproof.api.pagination import Cursor, Limit, Page, decode, page
from wattproof.api.problems import responses
from wattproof.api.transactions import RelayedOut, TransactionsToSign, relayed_out, to_sign
from wattproof.auth.scopes import Principal, Scope
from wattproof.delegations import relay, service
from wattproof.delegations.refusals import ADVICE
from wattproof.delegations.service import Delegated
from wattproof.errors import InvalidError, NotFoundError
from wattproof.orders.service import compact_signature
from wattproof.runtime import Platform

router = APIRouter(prefix="/delegations", tags=["delegations"])

MarketPath = Annotated[int, Path(ge=0, le=2**32 - 1, examples=[1])]
AccountPath = Annotated[Address, Path(description="The account for which the delegate signs.")]
_MESSAGE_S = 3_600
_LAST_SECOND = 253_402_300_799
"""A session may last longer than dates go; that is said as the last one."""


class SessionFields(BaseModel):
    """What a delegate may sign in every round of a market."""

    model_config = ConfigDict(extra="forbid")

    delegate: Address
    until: AwareDatetime = Field(
        description="A round whose gate is then, or later, takes no order of the delegate.",
        examples=["2030-01-01T00:00:00Z"],
    )
    buy_wh: Uint64 = Field(description="Energy a round; 0: it buys nothing.", examples=[20_000])
    sell_wh: Uint64 = Field(description="Energy a round; 0: it sells nothing.", examples=[0])
    max_price_nano_per_kwh: Int64 = Field(
        description="What its orders may value at most what they take.", examples=[250_000_000]
    )
    min_price_nano_per_kwh: Int64 = Field(
        description="What its orders must value at least what they give.", examples=[0]
    )


class AuthorisationIn(SessionFields):
    market: Uint32 = Field(examples=[1])


class AuthorisationMessage(AuthorisationIn):
    deadline: AwareDatetime | None = Field(
        default=None, description="The chain takes it up to then; in an hour if left out."
    )


class SignedAuthorisation(AuthorisationIn):
    nonce: Uint64 = Field(description="As in the message.", examples=[0])
    deadline: AwareDatetime = Field(examples=["2030-01-01T00:00:00Z"])
    signature: Signature


class RevocationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    market: Uint32 = Field(examples=[1])


class RevocationMessage(RevocationIn):
    deadline: AwareDatetime | None = Field(
        default=None, description="The chain takes it up to then; in an hour if left out."
    )


class SignedRevocation(RevocationIn):
    nonce: Uint64 = Field(description="As in the message.", examples=[0])
    deadline: AwareDatetime = Field(examples=["2030-01-01T00:00:00Z"])
    signature: Signature


class MessageToSign(BaseModel):
    """Give ``typed_data`` to ``eth_signTypedData_v4``; hand in the signature with ``nonce`` and
    ``deadline`` and what you asked for."""

    nonce: Uint64
    deadline: datetime
    typed_data: dict[str, Any]


class DelegationOut(BaseModel):
    """Who signs an account's orders in a market. Null: nobody but the account itself."""

    market: int
    account: str
    from_round: int = Field(description="First round that is judged by `session`.")
    session: SessionFields | None
    before: SessionFields | None = Field(description="What earlier rounds are judged by.")


@router.get("", responses=responses(401, 403, 422, 503))
def list_delegations(
    principal: Participant, platform: PlatformDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[DelegationOut]:
    """Sessions that you gave, and those in which you are the delegate."""
    key = decode(cursor, [int, str])
    with platform.transaction() as session:
        found = service.list_delegated(
            session,
            principal.address,
            after=(int(key[0]), str(key[1])) if key else None,
            limit=limit + 1,
        )
    rows, following = page(found, limit, lambda row: [row.market, row.account])
    return Page(items=[_out(each) for each in rows], next_cursor=following)


@router.get("/{market}/{account}", responses=responses(401, 403, 404, 422, 503))
def get_delegation(
    market: MarketPath, account: AccountPath, principal: Anyone, platform: PlatformDep
) -> DelegationOut:
    """An account's delegate in a market.

    For the account, for whom it ever named, for the operator and the regulator.
    """
    with platform.transaction() as session:
        service.require_market(session, market)
        if not _may_read(session, market, account, principal):
            raise NotFoundError(f"there is no delegate of {account} that is yours to see")
        return _out(service.delegated(session, market, account))


@router.post("/authorisations/transactions", responses=responses(401, 403, 404, 409, 422, 503))
def authorise(
    body: AuthorisationIn, principal: Participant, platform: PlatformDep
) -> TransactionsToSign:
    """A transaction that names your delegate in a market; it replaces the one before."""
    _require_market(platform, body.market)
    made = service.authorise_transaction(platform, principal.address, body.market, _session(body))
    return to_sign(platform, principal.address, [made], tried=True, advice=ADVICE)


@router.post("/revocations/transactions", responses=responses(401, 403, 404, 409, 422, 503))
def revoke(body: RevocationIn, principal: Participant, platform: PlatformDep) -> TransactionsToSign:
    """A transaction that dismisses your delegate in a market."""
    _require_market(platform, body.market)
    made = service.revoke_transaction(platform, body.market)
    return to_sign(platform, principal.address, [made], tried=True, advice=ADVICE)


@router.post("/authorisations/template", responses=responses(401, 403, 404, 422, 503))
def authorisation_message(
    body: AuthorisationMessage, principal: Participant, platform: PlatformDep
) -> MessageToSign:
    """A message that names your delegate, to be signed by your plain key: it costs you no gas."""
    _require_market(platform, body.market)
    change = service.authorisation(
        platform,
        principal.address,
        body.market,
        _session(body),
        _deadline(platform, body.deadline),
    )
    return _message(platform, change)


@router.post("/revocations/template", responses=responses(401, 403, 404, 422, 503))
def revocation_message(
    body: RevocationMessage, principal: Participant, platform: PlatformDep
) -> MessageToSign:
    """A message that dismisses your delegate, to be signed by your plain key."""
    _require_market(platform, body.market)
    deadline = _deadline(platform, body.deadline)
    change = service.revocation(platform, principal.address, body.market, deadline)
    return _message(platform, change)


@router.post("/authorisations", status_code=202, responses=responses(401, 403, 404, 409, 422, 503))
def hand_in_authorisation(
    body: SignedAuthorisation, principal: Participant, platform: PlatformDep, write: MoneyWrite
) -> JSONResponse:
    """Hand in the message you signed: the operator brings it to the chain and pays.

    It is tried first and queued only if the contract would take it now. Refused with
    `bad_signature`, `wrong_nonce`, `change_pending` (another change uses this nonce),
    `deadline_passed`, `deadline_too_close`, `no_credential`, `relay_limit`. The same message handed
    in again is answered, not sent again. Its state is at /transactions/{digest}.
    """
    change = Authorisation(
        principal.address, body.market, _session(body), body.nonce, _seconds(body.deadline)
    )
    return _hand_in(platform, principal, write, change, body.signature)


@router.post("/revocations", status_code=202, responses=responses(401, 403, 404, 409, 422, 503))
def hand_in_revocation(
    body: SignedRevocation, principal: Participant, platform: PlatformDep, write: MoneyWrite
) -> JSONResponse:
    """Hand in the message you signed: the operator brings it to the chain and pays.

    Refused as an authorisation is, and with `no_session` where there is nothing to revoke.
    """
    change = Revocation(principal.address, body.market, body.nonce, _seconds(body.deadline))
    return _hand_in(platform, principal, write, change, body.signature)


def _hand_in(
    platform: Platform,
    principal: Principal,
    write: MoneyWrite,
    change: Authorisation | Revocation,
    given: str,
) -> JSONResponse:
    answered = write.answered()
    if answered is not None:
        return answered
    _require_market(platform, change.market)
    signature = compact_signature(given)
    with platform.transaction() as session:
        known = relay.find(platform, session, change)
    if known is None:
        relay.check(platform, principal, change, signature)

    def queue(session: Session) -> RelayedOut:
        row = relay.queue(platform, session, change, signature)
        return relayed_out(relay.digest_of(platform, change), row)

    return write.once(queue, status=202)


def _may_read(session: Session, market: int, account: str, principal: Principal) -> bool:
    return (
        account == principal.address
        or bool(principal.scopes & {Scope.OPERATOR, Scope.REGULATOR})
        or service.is_named(session, market, account, principal.address)
    )


def _require_market(platform: Platform, market: int) -> None:
    with platform.transaction() as session:
        service.require_market(session, market)


def _session(body: SessionFields) -> delegation.Session:
    """Raises InvalidError."""
    try:
        return delegation.Session(
            delegate=body.delegate,
            until=_seconds(body.until),
            buy_wh=body.buy_wh,
            sell_wh=body.sell_wh,
            max_price=body.max_price_nano_per_kwh,
            min_price=body.min_price_nano_per_kwh,
        )
    except delegation.DelegationError as error:
        raise InvalidError(str(error), code="bad_session") from error


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _deadline(platform: Platform, wanted: datetime | None) -> int:
    return platform.clock.now() + _MESSAGE_S if wanted is None else _seconds(wanted)


def _message(platform: Platform, change: Authorisation | Revocation) -> MessageToSign:
    return MessageToSign(
        nonce=change.nonce,
        deadline=datetime.fromtimestamp(change.deadline, UTC),
        typed_data=change.typed_data(service.domain(platform)),
    )


def _out(found: Delegated) -> DelegationOut:
    return DelegationOut(
        market=found.market,
        account=found.account,
        from_round=found.from_round,
        session=_fields(found.session),
        before=_fields(found.before),
    )


def _fields(session: delegation.Session | None) -> SessionFields | None:
    if session is None:
        return None
    return SessionFields(
        delegate=session.delegate,
        until=datetime.fromtimestamp(min(session.until, _LAST_SECOND), UTC),
        buy_wh=session.buy_wh,
        sell_wh=session.sell_wh,
        max_price_nano_per_kwh=session.max_price,
        min_price_nano_per_kwh=session.min_price,
    )
