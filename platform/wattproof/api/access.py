"""Who may call an endpoint. Every endpoint says so, or the application does not start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, cast

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from wattproof.auth.rate_limits import RateLimitedError, Standing
from wattproof.auth.scopes import Principal, Scope
from wattproof.auth.service import authenticate
from wattproof.auth.sessions import UnauthenticatedError
from wattproof.errors import RefusedError
from wattproof.runtime import Platform

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A session token of POST /auth/sessions, or an API key of POST /auth/keys.",
)
_GUARD = "__wattproof_guard__"


def platform_of(request: Request) -> Platform:
    """The running platform."""
    return cast(Platform, request.app.state.platform)


def token_of(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """The bearer token of the request. Raises UnauthenticatedError."""
    if credentials is None or not credentials.credentials:
        raise UnauthenticatedError("send a token: Authorization: Bearer <token>")
    return credentials.credentials


def public(request: Request) -> None:
    """Marks an endpoint that anybody may call, within the limit of its address."""
    _count_address(request)


setattr(public, _GUARD, True)


def principal_of(
    request: Request,
    token: Annotated[str, Depends(token_of)],
) -> Principal:
    """The caller, looked up once a request. Raises UnauthenticatedError, RateLimitedError."""
    return _counted(request, token)


def visitor_of(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal | None:
    """The caller of an endpoint that anybody may call: None without a token.

    Raises UnauthenticatedError for a token that is not valid.
    """
    if credentials is None or not credentials.credentials:
        _count_address(request)
        return None
    return _counted(request, credentials.credentials)


setattr(visitor_of, _GUARD, True)


def allow(*scopes: Scope) -> Callable[..., Principal]:
    """A dependency: the caller, who must have one of the scopes."""
    wanted = frozenset(scopes)

    def guard(principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
        if not principal.scopes & wanted:
            names = " or ".join(sorted(wanted))
            raise RefusedError(f"this needs the scope {names}", code="scope_missing")
        return principal

    setattr(guard, _GUARD, True)
    return guard


def check_every_route_is_guarded(app: FastAPI) -> None:
    """Denied by default: an endpoint without ``allow(...)`` or ``public`` is a bug.

    Raises:
        RuntimeError: naming the endpoint.
    """
    for route in app.routes:
        if isinstance(route, APIRoute) and not any(
            getattr(call, _GUARD, False) for call in _calls(route.dependant)
        ):
            raise RuntimeError(f"{route.path} says neither who may call it nor that all may")


def require_session(principal: Principal) -> None:
    """For what a wallet decides and a machine that holds its key must not.

    Raises:
        RefusedError: the caller uses an API key.
    """
    if principal.api_key is not None:
        raise RefusedError(
            "an API key cannot do this; sign in with your wallet", code="session_needed"
        )


def _counted(request: Request, token: str) -> Principal:
    platform = platform_of(request)
    try:
        principal = authenticate(platform, token)
    except UnauthenticatedError:
        _count_address(request)
        raise
    _within(request, platform.rate_limits.caller(principal.address))
    return principal


def _count_address(request: Request) -> None:
    host = request.client.host if request.client is not None else "unknown"
    _within(request, platform_of(request).rate_limits.address(host))


def _within(request: Request, standing: Standing | None) -> None:
    request.state.rate_limit = standing
    if standing is not None and not standing.allowed:
        raise RateLimitedError(standing)


def _calls(dependant: Dependant) -> Iterator[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)


PlatformDep = Annotated[Platform, Depends(platform_of)]
Token = Annotated[str, Depends(token_of)]
Participant = Annotated[Principal, Depends(allow(Scope.PARTICIPANT))]
Anyone = Annotated[Principal, Depends(allow(*Scope))]
Dispatcher = Annotated[Principal, Depends(allow(Scope.DISPATCHER))]
Operator = Annotated[Principal, Depends(allow(Scope.OPERATOR))]
Analyst = Annotated[Principal, Depends(allow(Scope.ANALYST))]
ReleaseReader = Annotated[Principal, Depends(allow(Scope.ANALYST, Scope.OPERATOR, Scope.REGULATOR))]
Regulator = Annotated[Principal, Depends(allow(Scope.REGULATOR))]
MeterReader = Annotated[Principal, Depends(allow(Scope.METER, Scope.PARTICIPANT, Scope.OPERATOR))]
ReadingReader = Annotated[
    Principal, Depends(allow(Scope.PARTICIPANT, Scope.OPERATOR, Scope.REGULATOR))
]
CredentialReader = Annotated[
    Principal, Depends(allow(Scope.PARTICIPANT, Scope.OPERATOR, Scope.REGULATOR))
]
MarketVisitor = Annotated[Principal, Depends(allow(Scope.PARTICIPANT, Scope.OPERATOR))]
Visitor = Annotated[Principal | None, Depends(visitor_of)]
Public = Depends(public)
