"""Signing in with Ethereum, sessions and API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from wattproof.api.access import Anyone, Participant, PlatformDep, Public, Token
from wattproof.api.fields import Address, WalletSignature, hex_bytes
from wattproof.api.problems import responses
from wattproof.auth import service, sessions
from wattproof.auth.models import ApiKeyRow
from wattproof.auth.scopes import Principal, Scope

router = APIRouter(prefix="/auth", tags=["auth"])

_DAY = 86_400
KeyId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", examples=["00112233445566aa"])]


class SignInRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    address: Address


class SignInMessage(BaseModel):
    """Sign ``message`` with the wallet (``personal_sign``) and post it to /auth/sessions."""

    message: str = Field(
        examples=[
            "localhost:8000 wants you to sign in with your Ethereum account:\n"
            "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2\n\n..."
        ]
    )
    nonce: str
    expires_at: datetime


class SignedMessage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: str = Field(max_length=4000, description="Exactly the text that was signed.")
    signature: WalletSignature
    scopes: list[Scope] = Field(
        default=[Scope.PARTICIPANT],
        min_length=1,
        max_length=len(Scope),
        description="What the session is for; all but participant need a credential.",
    )


class SessionOut(BaseModel):
    """Who you are, and what your token may do."""

    address: str
    scopes: list[Scope]
    expires_at: datetime
    api_key: str | None = Field(default=None, description="Set when the token is an API key.")


class NewSession(SessionOut):
    token: str = Field(description="Send it as Authorization: Bearer <token>.")

    refresh_token: str | None = Field(
        description="Good once, for POST /auth/sessions/refresh. None for a wallet not deployed."
    )
    refresh_expires_at: datetime | None


class RefreshRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: str = Field(min_length=1, max_length=100)


class ApiKeyRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[ -~]{1,80}$", examples=["charger 17"])
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    lifetime_seconds: int = Field(
        default=90 * _DAY, ge=60, le=service.API_KEY_SECONDS_MAX, strict=True
    )


class ApiKeyOut(BaseModel):
    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class ApiKeys(BaseModel):
    items: list[ApiKeyOut]


class NewApiKey(BaseModel):
    id: str
    key: str = Field(description="Shown this once. Send it as Authorization: Bearer <key>.")
    scopes: list[Scope]
    expires_at: datetime


@router.post("/nonce", status_code=201, dependencies=[Public], responses=responses(422, 503))
def ask_to_sign_in(body: SignInRequest, platform: PlatformDep) -> SignInMessage:
    """A message to sign in with (EIP-4361), good for five minutes and one session."""
    with platform.transaction() as session:
        message = service.request_sign_in(platform, session, body.address)
    assert message.expiration_time is not None
    return SignInMessage(
        message=message.text(),
        nonce=message.nonce,
        expires_at=datetime.fromisoformat(message.expiration_time),
    )


@router.post(
    "/sessions", status_code=201, dependencies=[Public], responses=responses(401, 403, 422, 503)
)
def sign_in(body: SignedMessage, platform: PlatformDep, response: Response) -> NewSession:
    """Exchange the signed message for a session token, good for fifteen minutes.

    Contract wallets sign in too. Orders are another matter: only plain keys sign those.
    """
    opened = service.sign_in(
        platform,
        message=body.message,
        signature=hex_bytes(body.signature),
        scopes=body.scopes,
    )
    return _new_session(opened, response)


@router.post(
    "/sessions/refresh", status_code=201, dependencies=[Public], responses=responses(401, 422, 503)
)
def refresh(body: RefreshRequest, platform: PlatformDep, response: Response) -> NewSession:
    """Exchange a refresh token for new tokens; those before are worth nothing afterwards.

    A refresh token that comes a second time ends its whole session, the newest tokens too: it was
    copied. Never send one twice, not even when the answer was lost: sign in again.
    """
    return _new_session(sessions.refresh(platform, body.refresh_token), response)


@router.get("/session", responses=responses(401, 503))
def who_am_i(principal: Anyone) -> SessionOut:
    """The caller, as the platform sees it."""
    return _session(principal)


@router.delete("/session", status_code=204, responses=responses(401, 503))
def sign_out(principal: Anyone, token: Token, platform: PlatformDep) -> None:
    """End the session; its tokens are worth nothing afterwards, refresh tokens included."""
    with platform.transaction() as session:
        sessions.sign_out(session, token)


@router.get("/keys", responses=responses(401, 403, 503))
def list_api_keys(principal: Participant, platform: PlatformDep) -> ApiKeys:
    """Your API keys, newest first."""
    with platform.transaction() as session:
        rows = service.api_keys(session, principal.address)
    return ApiKeys(items=[_api_key(row) for row in rows])


@router.post("/keys", status_code=201, responses=responses(401, 403, 409, 422, 503))
def create_api_key(
    body: ApiKeyRequest, principal: Participant, platform: PlatformDep, response: Response
) -> NewApiKey:
    """Make a key for a machine, with no more rights than this session has.

    The secret is stored as an argon2id hash alone, so the answer cannot be had twice: a request
    that is sent again makes another key.
    """
    with platform.transaction() as session:
        issued = service.create_api_key(
            platform,
            session,
            principal,
            name=body.name,
            scopes=body.scopes,
            lifetime_seconds=body.lifetime_seconds,
        )
    response.headers["Cache-Control"] = "no-store"
    made = issued.principal
    assert made.api_key is not None
    return NewApiKey(
        id=made.api_key,
        key=issued.secret,
        scopes=sorted(made.scopes),
        expires_at=_moment(made.expires_at),
    )


@router.delete("/keys/{key_id}", responses=responses(401, 403, 404, 422, 503))
def revoke_api_key(key_id: KeyId, principal: Participant, platform: PlatformDep) -> ApiKeyOut:
    """Make a key worthless at once."""
    with platform.transaction() as session:
        return _api_key(service.revoke_api_key(session, principal.address, key_id))


def _new_session(opened: sessions.Opened, response: Response) -> NewSession:
    response.headers["Cache-Control"] = "no-store"
    until = opened.refresh_expires_at
    return NewSession(
        token=opened.token,
        refresh_token=opened.refresh_token,
        refresh_expires_at=None if until is None else _moment(until),
        **_session(opened.principal).model_dump(),
    )


def _session(principal: Principal) -> SessionOut:
    return SessionOut(
        address=principal.address,
        scopes=sorted(principal.scopes),
        expires_at=_moment(principal.expires_at),
        api_key=principal.api_key,
    )


def _api_key(row: ApiKeyRow) -> ApiKeyOut:
    return ApiKeyOut(
        id=row.id,
        name=row.name,
        scopes=row.scopes,
        created_at=_moment(row.created_at),
        expires_at=_moment(row.expires_at),
        revoked_at=None if row.revoked_at is None else _moment(row.revoked_at),
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
