"""The market supervisor's report. For the regulator alone: it names accounts and accuses nobody."""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from market.surveillance import FindingKind
from wattproof.api.access import PlatformDep, Regulator
from wattproof.api.problems import responses
from wattproof.errors import UnavailableError
from wattproof.surveillance import survey_chain
from wattproof.surveillance.document import document_of
from wattproof.surveillance.render import as_html, as_markdown
from wattproof.surveillance.service import canonical_json, selection_of

router = APIRouter(prefix="/surveillance", tags=["surveillance"])

_surveying = threading.Lock()
_SELLER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

_EXAMPLE: dict[str, Any] = {
    "source": {
        "version": 1,
        "chain_id": 31_337,
        "genesis_hash": "0x" + "11" * 32,
        "exchange": "0x" + "22" * 20,
        "first_block": 1,
        "block": 412,
        "block_hash": "0x" + "33" * 32,
        "block_time": 1_795_867_200,
        "selection": {
            "market": 1,
            "rounds_from": None,
            "rounds_to": None,
            "gate_from": None,
            "gate_to": None,
        },
        "costs_sha256": "",
        "groups_sha256": "",
        "unproven": [],
        "inputs_sha256": "0x" + "44" * 32,
    },
    "findings": [
        {
            "kind": "pivotal_supplier",
            "market": 1,
            "accounts": [_SELLER],
            "sentence": f"{_SELLER} could set the price in 12 of 30 rounds of market 1 in which it "
            "offered: without its offers the demand that was served could not have been met (40 of "
            "120 products, 33.3 % of the hours).",
        }
    ],
    "report": {
        "markets": [],
        "stock": [],
        "identities": {"groups": [], "hubs": [], "loose": []},
        "names": {},
    },
}


class ReportFormat(StrEnum):
    """How the report is answered."""

    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class FindingOut(BaseModel):
    """Something that stands out; a question, not a verdict."""

    kind: FindingKind
    market: int | None = Field(description="None where it is not about one.")
    accounts: list[str]
    sentence: str


class SurveillanceReportOut(BaseModel):
    """Findings in sentences, all figures behind them, and what they were made from."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    source: dict[str, Any] = Field(
        description="Range of blocks, selection, and `inputs_sha256` over all of it: the same "
        "inputs give the same bytes on any node (`wattproof surveillance report`)."
    )
    findings: list[FindingOut]
    report: dict[str, Any] = Field(
        description="Markets (sellers, margins, pivotal suppliers, wash trades, round trips, "
        "withheld certificates, idle output, cancellations), certificates held, related accounts. "
        "Energy in Wh, prices in nano-units per kWh, indices and shares in millionths."
    )


@router.get(
    "/report",
    response_model=SurveillanceReportOut,
    responses=responses(401, 403, 422, 503)
    | {200: {"content": {"text/markdown": {}, "text/html": {}}, "description": "The report."}},
)
def report(
    principal: Regulator,
    platform: PlatformDep,
    market: Annotated[
        int | None, Query(ge=0, le=2**32 - 1, description="All markets without it.")
    ] = None,
    lower: Annotated[
        str | None,
        Query(
            alias="from",
            max_length=40,
            description="First round: its number, or the time of its gate (ISO 8601, UTC).",
            examples=["12"],
        ),
    ] = None,
    upper: Annotated[
        str | None,
        Query(
            alias="to",
            max_length=40,
            description="Last round: its number, or the time of its gate; a day is all of it.",
            examples=["2026-11-28"],
        ),
    ] = None,
    block: Annotated[
        int | None, Query(ge=0, le=2**63 - 1, description="The last block; the latest without it.")
    ] = None,
    form: Annotated[ReportFormat, Query(alias="format")] = ReportFormat.JSON,
) -> Response:
    """Market power, withholding, wash trades and related accounts over settled rounds.

    Computed from the chain alone. Declared costs and declared groups are files of the regulator's
    own: `wattproof surveillance report --costs FILE` on its own node takes them, this does not. It
    reads the whole chain, so one runs at a time.
    """
    selection = selection_of(market, lower, upper)
    if not _surveying.acquire(blocking=False):
        raise UnavailableError("a report is being made; try again when it is done")
    try:
        made = survey_chain(
            platform.chain.rpc_url, platform.deployment, selection=selection, block=block
        )
    finally:
        _surveying.release()
    if form is ReportFormat.HTML:
        return HTMLResponse(as_html(document_of(made)))
    if form is ReportFormat.MARKDOWN:
        return PlainTextResponse(as_markdown(document_of(made)), media_type="text/markdown")
    return Response(canonical_json(made), media_type=JSONResponse.media_type)
