"""OpenADR 3: what a virtual end node (VEN) reads, and documents taken as calls to sign."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query

from wattproof.api.access import Anyone, Participant, PlatformDep
from wattproof.api.problems import responses
from wattproof.api.transactions import TransactionsToSign, to_sign
from wattproof.flexibility import openadr, service, transactions

router = APIRouter(tags=["OpenADR 3"])

ObjectId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,128}$", examples=["programme-1"])]
ProgramId = Annotated[
    str | None,
    Query(alias="programID", pattern=r"^[A-Za-z0-9_-]{1,128}$", examples=["programme-1"]),
]
ProgrammePath = Annotated[int, Path(ge=1, le=2**32 - 1, examples=[1])]
Market = Annotated[
    int, Query(ge=1, le=2**32 - 1, description="Where the programme's meters are registered.")
]


@router.get("/openadr3/programs", responses=responses(401, 403, 503))
def list_programs(principal: Anyone, platform: PlatformDep) -> list[dict[str, Any]]:
    """Every programme as an OpenADR 3.1 program."""
    with platform.transaction() as session:
        return openadr.programmes(platform, session)


@router.get("/openadr3/programs/{program_id}", responses=responses(401, 403, 404, 422, 503))
def get_program(program_id: ObjectId, principal: Anyone, platform: PlatformDep) -> dict[str, Any]:
    """One programme as an OpenADR 3.1 program."""
    with platform.transaction() as session:
        return openadr.programme(platform, session, program_id)


@router.get("/openadr3/events", responses=responses(401, 403, 404, 422, 503))
def list_events(
    principal: Participant, platform: PlatformDep, program_id: ProgramId = None
) -> list[dict[str, Any]]:
    """What you are asked to do, as OpenADR 3.1 events; all events of programmes you own."""
    with platform.transaction() as session:
        return openadr.events(platform, session, principal.address, program_id)


@router.get("/openadr3/events/{event_id}", responses=responses(401, 403, 404, 422, 503))
def get_event(event_id: ObjectId, principal: Participant, platform: PlatformDep) -> dict[str, Any]:
    """One of your events as an OpenADR 3.1 event."""
    with platform.transaction() as session:
        return openadr.event(platform, session, principal.address, event_id)


@router.post("/flexibility/programmes/openadr", responses=responses(401, 403, 404, 409, 422, 503))
def import_program(
    market: Market,
    document: Annotated[dict[str, Any], Body(description="An OpenADR 3 program.")],
    principal: Participant,
    platform: PlatformDep,
) -> TransactionsToSign:
    """A transaction that creates the programme an OpenADR 3 program describes."""
    with platform.transaction() as session:
        terms = openadr.terms_from(session, market, document)
    transaction = transactions.create_programme(platform, terms)
    return to_sign(platform, principal.address, [transaction], tried=True)


@router.post(
    "/flexibility/programmes/{programme}/events/openadr",
    responses=responses(401, 403, 404, 409, 422, 503),
)
def import_events(
    programme: ProgrammePath,
    documents: Annotated[
        list[dict[str, Any]],
        Body(min_length=1, max_length=64, description="OpenADR 3 events of one window."),
    ],
    principal: Participant,
    platform: PlatformDep,
) -> TransactionsToSign:
    """Transactions that call the event and instruct its targets; sign and send them in order."""
    with platform.transaction() as session:
        call = openadr.call_from(platform, session, programme, documents)
    number = service.next_event(platform)
    in_order = [
        transactions.call_event(
            platform,
            programme,
            period=call.period,
            first_slot=call.first_slot,
            slots=call.slots,
        ),
        *(
            transactions.instruct(platform, number, account, target_w)
            for account, target_w in call.targets_w.items()
        ),
    ]
    return to_sign(platform, principal.address, in_order, tried=True)
