"""What the platform holds about the caller: handed out, and erased."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from wattproof.api.access import Anyone, PlatformDep, Token, require_session
from wattproof.api.problems import responses
from wattproof.auth.sessions import token_hash
from wattproof.privacy import erasure
from wattproof.privacy.export import FORMAT, export
from wattproof.privacy.held import Fate

router = APIRouter(prefix="/me", tags=["privacy"])

_ADDRESS: Final = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"


class ExportedTable(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    purpose: str
    on_erasure: Fate = Field(alias="onErasure", description="What `DELETE /me` does to the rows.")
    why: str
    withheld: dict[str, str] = Field(description="Columns that are not handed out, and why.")
    rows: list[dict[str, Any]] = Field(description="By column; integers beyond 2^53 are text.")


class Export(BaseModel):
    """Everything that is held about an address, by table (docs/privacy.md)."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "example": {
                "format": FORMAT,
                "address": _ADDRESS,
                "did": f"did:ethr:0x7a69:{_ADDRESS}",
                "chainId": 31337,
                "madeAt": "2026-11-01T12:00:00+00:00",
                "onChain": "What contracts hold ... is on the chain, for everybody and for good.",
                "tables": {
                    "participant": {
                        "purpose": "Who registered, under what name, for which role.",
                        "onErasure": "erased",
                        "why": "Nothing needs it: roles stand on the chain.",
                        "withheld": {},
                        "rows": [
                            {
                                "address": _ADDRESS,
                                "name": "Ada's car",
                                "role": "ev_owner",
                                "registered_at": 1793534400,
                            }
                        ],
                    }
                },
            }
        },
    )

    format: Literal["wattproof-personal-data-1"]
    address: str
    did: str
    chain_id: int = Field(alias="chainId")
    made_at: datetime = Field(alias="madeAt")
    on_chain: str = Field(alias="onChain")
    tables: dict[str, ExportedTable]


class KeptOut(BaseModel):
    table: str
    rows: int | None = Field(description="None: not counted.")
    fate: Fate = Field(description="later: goes once its reason is over; kept, reduced: stays.")
    why: str


class ErasureOut(BaseModel):
    """What went, and what is still held: why, and until when."""

    address: str
    requested_at: datetime
    erased: dict[str, int] = Field(description="Rows that went or were reduced, by table.")
    kept: list[KeptOut]
    finished: bool = Field(description="False: something waits, and goes by itself in time.")
    on_chain: str


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The document, as it is read.", "content": {"application/json": {}}},
        **responses(401, 403, 503),
    },
)
def export_mine(principal: Anyone, platform: PlatformDep) -> StreamingResponse:
    """Everything that is held about you off the chain, and the copies of what is on it.

    One JSON document (schema `Export` in docs/privacy.md), written as it is read. If it ends before
    its last brace it is not whole: ask again. A session is needed: an API key (`session_needed`)
    belongs to a machine, which has no business with all of it.
    """
    require_session(principal)
    return StreamingResponse(
        export(platform, principal.address),
        media_type="application/json",
        headers={
            "Content-Disposition": 'attachment; filename="wattproof-personal-data.json"',
            "Cache-Control": "no-store",
        },
    )


@router.delete("", responses=responses(401, 403, 409, 422, 503))
def erase_me(
    principal: Anyone,
    token: Token,
    platform: PlatformDep,
    confirm: Annotated[
        Literal["erase"], Query(description="That you mean it; what went does not come back.")
    ],
) -> ErasureOut:
    """Erase what is held about you, and be signed out everywhere.

    Sign in with your wallet within the last five minutes; an API key cannot. Names, credentials,
    sessions, keys and venues go at once; what settlement, claims or disputes need is listed with
    its reason, and goes when that is over. What is on the chain stays. Asking again is harmless.
    """
    with platform.transaction() as session:
        erasure.require_fresh(session, token_hash(token))
        done = erasure.erase(platform, session, principal.address)
    erasure.overwrite_freed(platform)
    return ErasureOut(
        address=done.address,
        requested_at=datetime.fromtimestamp(done.requested_at, UTC),
        erased=done.erased,
        kept=[KeptOut(table=r.table, rows=r.rows, fate=r.fate, why=r.why) for r in done.kept],
        finished=done.finished,
        on_chain="Contracts keep your address and what it did; nobody can erase that.",
    )
