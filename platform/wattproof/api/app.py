"""The application: routes, errors, limits, documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from wattproof.api import documentation, problems
from wattproof.api.access import check_every_route_is_guarded
from wattproof.api.limits import Limits
from wattproof.api.routes import (
    accounts,
    analytics,
    audit,
    auth,
    certificate_actions,
    certificates,
    comfort,
    credentials,
    credits,
    delegations,
    dispatch,
    events,
    explanations,
    flexibility,
    identities,
    identity_changes,
    installation,
    instructions,
    issuers,
    markets,
    meters,
    openadr,
    orders,
    participants,
    presentations,
    privacy,
    profiles,
    quotas,
    status_lists,
    surveillance,
)
from wattproof.profiles import open_platform
from wattproof.runtime import Platform
from wattproof.settings import Settings

_DESCRIPTION = """
Trade energy in markets whose every settlement can be proven. Any Ethereum key takes part:

1. `POST /auth/nonce`, sign the message, `POST /auth/sessions`: a token.
2. `POST /participants`: register.
3. `POST /accounts/...`: transactions to sign with your wallet; `POST /transactions` sends them.
4. `POST /orders/template`: typed data for `eth_signTypedData_v4`; `POST /orders`: a signed receipt.
5. `GET /orders/{hash}`: what became of it.
6. `GET /markets/{market}/rounds/{number}/orders/{hash}/explanation`: why, or why not.

Errors are problem details (RFC 9457). Lists are paged by cursor. Writes take an `Idempotency-Key`.
Energy is in Wh, positive to the trader; money in micro-units; prices in nano-units per kWh; times
in UTC. Integers beyond 2^53 are text.
"""


def create_app(settings: Settings | None = None, *, platform: Platform | None = None) -> FastAPI:
    """The REST application.

    Args:
        settings: how to open the platform; it is opened and closed with the application.
        platform: an open platform instead; whoever opened it closes it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if platform is not None:
            yield
            return
        with open_platform(settings or Settings()) as opened:
            app.state.platform = opened
            yield

    app = FastAPI(
        title="Wattproof",
        version=version("wattproof"),
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.responses(429),
    )
    if platform is not None:
        app.state.platform = platform
    problems.install(app)
    for routes in (
        installation,
        auth,
        participants,
        privacy,
        identities,
        identity_changes,
        issuers,
        credentials,
        status_lists,
        presentations,
        profiles,
        accounts,
        markets,
        orders,
        delegations,
        explanations,
        meters,
        analytics,
        comfort,
        credits,
        dispatch,
        instructions,
        events,
        openadr,
        flexibility,
        certificates,
        certificate_actions,
        quotas,
        audit,
        surveillance,
    ):
        app.include_router(routes.router)
    app.include_router(documentation.router)
    check_every_route_is_guarded(app)
    app.add_middleware(Limits)
    return app
