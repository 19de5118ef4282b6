"""Programmes and events of the chain as OpenADR 3 documents, and documents as calls.

Ids are `programme-<number>` and `event-<number>-<watts>` (OpenADR asks one power of all targets of
an event, so an event that asks several has a document each). Accounts are named by their address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from market.openadr import (
    Calendar,
    Directory,
    EventCall,
    NamedProgramme,
    OpenAdrError,
    read_event,
    read_programme,
    write_event,
    write_programme,
)
from market.reference.programmes import ProgrammeTerms
from wattproof.errors import InvalidError, NotFoundError
from wattproof.flexibility import service
from wattproof.flexibility.service import PartStatus
from wattproof.rounds.facts import get_market
from wattproof.runtime import Platform

_PROGRAMME = re.compile(r"programme-([1-9][0-9]{0,9})")
_EVENT = re.compile(r"event-([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")
_WITHDRAWN = (PartStatus.REFUSED, PartStatus.LAPSED)


def calendar(session: Session, market: int) -> Calendar:
    """Slots and periods of a market. Raises NotFoundError."""
    params = get_market(session, market).params
    return Calendar(int(params["slotSeconds"]), int(params["periodSlots"]))


def programmes(platform: Platform, session: Session) -> list[dict[str, Any]]:
    """Every programme as an OpenADR program."""
    return [_programme(session, each) for each in service.programmes(platform)]


def programme(platform: Platform, session: Session, program_id: str) -> dict[str, Any]:
    """One programme. Raises NotFoundError."""
    return _programme(session, service.get_programme(platform, _programme_number(program_id)))


def events(
    platform: Platform, session: Session, caller: str, program_id: str | None = None
) -> list[dict[str, Any]]:
    """What the caller is asked to do, and all events of programmes it owns."""
    wanted = (
        [service.get_programme(platform, _programme_number(program_id))]
        if program_id
        else service.programmes(platform)
    )
    found = []
    for each in wanted:
        for called in service.called(platform, session, each.programme):
            found += _event(platform, session, each, called, caller)
    return found


def event(platform: Platform, session: Session, caller: str, event_id: str) -> dict[str, Any]:
    """One of the caller's events. Raises NotFoundError."""
    match = _EVENT.fullmatch(event_id)
    if match is not None:
        called = service.get_event(platform, int(match[1]))
        owner = service.get_programme(platform, called.programme)
        for document in _event(platform, session, owner, called, caller):
            if document["id"] == event_id:
                return document
    raise NotFoundError(f"you have no event {event_id}; GET /openadr3/events lists yours")


def terms_from(session: Session, market: int, document: Any) -> ProgrammeTerms:
    """The terms that an OpenADR program describes.

    Raises:
        InvalidError: naming the JSON path of what is wrong.
    """
    try:
        terms = read_programme(document, calendar(session, market)).terms
    except OpenAdrError as error:
        raise InvalidError(str(error), code="openadr") from error
    if terms.market != market:
        raise InvalidError(f"the program is for market {terms.market}, not {market}")
    return terms


def call_from(
    platform: Platform, session: Session, programme_number: int, documents: Any
) -> EventCall:
    """The window and targets that OpenADR events call in a programme.

    Raises:
        InvalidError: naming the JSON path of what is wrong.
    """
    found = service.get_programme(platform, programme_number)
    enrolled = service.enrolments(platform, session, programme_number)
    directory = Directory(
        accounts={each.account: each.account for each in enrolled},
        programmes={_programme_id(programme_number): programme_number},
    )
    try:
        return read_event(documents, directory, calendar(session, found.terms.market))
    except OpenAdrError as error:
        raise InvalidError(str(error), code="openadr") from error


def _programme(session: Session, found: service.Programme) -> dict[str, Any]:
    name = _programme_id(found.programme)
    named = NamedProgramme(name, found.terms)
    return {"id": name} | write_programme(named, calendar(session, found.terms.market))


def _event(
    platform: Platform,
    session: Session,
    owner: service.Programme,
    called: service.Event,
    caller: str,
) -> list[dict[str, Any]]:
    targets: Mapping[str, int] = {
        part.account: part.target_w
        for part in service.parts(platform, session, called.event)
        if part.status not in _WITHDRAWN and caller in (owner.owner, part.account)
    }
    directory = Directory(
        accounts={account: account for account in targets},
        programmes={_programme_id(owner.programme): owner.programme},
    )
    call = EventCall(owner.programme, called.period, called.first_slot, called.slots, targets)
    documents = write_event(call, directory, calendar(session, owner.terms.market))
    powers = dict.fromkeys(targets.values())
    return [
        {"id": f"event-{called.event}-{power_w}"} | document
        for power_w, document in zip(powers, documents, strict=True)
    ]


def _programme_id(number: int) -> str:
    return f"programme-{number}"


def _programme_number(program_id: str) -> int:
    match = _PROGRAMME.fullmatch(program_id)
    if match is None or int(match[1]) >= 1 << 32:
        raise NotFoundError(f"there is no program {program_id}; GET /openadr3/programs lists all")
    return int(match[1])
