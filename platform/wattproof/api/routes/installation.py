"""What runs here: health, chain and contracts."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import text

from wattproof.api.access import PlatformDep, Public
from wattproof.api.problems import responses
from wattproof.errors import UnavailableError

router = APIRouter(tags=["installation"])


class Installation(BaseModel):
    """What a client must know to sign for this installation."""

    name: str
    version: str
    profile: str
    chain_id: int
    contracts: dict[str, str] = Field(description="Addresses by name.")
    domain: dict[str, Any] = Field(description="EIP-712 domain of orders and receipts.")
    documentation: str


class Health(BaseModel):
    """Whether database and chain answer."""

    status: str = Field(examples=["ok"])
    database: str
    chain: str
    indexed_block: int | None
    head_block: int | None


@router.get("/", dependencies=[Public])
def installation(platform: PlatformDep) -> Installation:
    """The chain, the contracts and what a signature must be bound to."""
    domain = platform.domain
    return Installation(
        name="Wattproof",
        version=version("wattproof"),
        profile=platform.settings.profile.value,
        chain_id=platform.deployment.chain_id,
        contracts=dict(platform.deployment.addresses),
        domain={
            "name": "Wattproof",
            "version": "1",
            "chainId": domain.chain_id,
            "verifyingContract": domain.exchange,
        },
        documentation=f"{platform.settings.public_address}/docs",
    )


@router.get(
    "/health",
    dependencies=[Public],
    responses=responses() | {503: {"model": Health, "description": "Something does not answer."}},
)
def health(platform: PlatformDep, response: Response) -> Health:
    """Whether database and chain answer, and how far the index has come."""
    database, chain = "ok", "ok"
    indexed = head = None
    try:
        with platform.transaction() as session:
            indexed = session.connection().execute(text("SELECT MAX(number) FROM block")).scalar()
    except Exception:
        database = "does not answer"
    try:
        head = platform.chain.head().number
    except UnavailableError:
        chain = "does not answer"
    well = database == chain == "ok"
    response.status_code = 200 if well else 503
    return Health(
        status="ok" if well else "degraded",
        database=database,
        chain=chain,
        indexed_block=indexed,
        head_block=head,
    )
