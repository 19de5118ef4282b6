"""Erasing what the platform alone knows about an address.

What nothing needs goes at once, in one transaction. What settlement, claims or a dispute still need
waits for its reason to be over; upkeep looks again. Nothing that came after the request is touched:
who comes back begins anew, as the same address.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, or_, text
from sqlalchemy import select as core_select
from sqlmodel import Session, SQLModel, col, select

from wattproof.api.models import IdempotencyRow, erased_key
from wattproof.auth.models import ApiKeyRow, FamilyRow, NonceRow, RefreshRow, SessionRow
from wattproof.comfort.models import CastVoteRow, VenueRow
from wattproof.credentials.models import IssuedRow, PresentationRequestRow, PresentationRow
from wattproof.dispatch.models import (
    DispatchDocumentRow,
    DispatchOrderRow,
    DispatchRow,
    DispatchStepRow,
)
from wattproof.errors import RefusedError
from wattproof.meters.models import DeviceRow, ReadingRow
from wattproof.meters.service import POST_WINDOW_S, period_end
from wattproof.orders.models import OrderRow
from wattproof.participants.models import ParticipantRow
from wattproof.privacy.held import Fate, Held, about
from wattproof.privacy.inventory import TABLES
from wattproof.privacy.models import ErasureRow, KeptCancellationRow
from wattproof.relaying.models import RelayAllowanceRow
from wattproof.rounds.facts import get_market
from wattproof.rounds.models import RoundRow
from wattproof.runtime import Platform
from wattproof.store import metadata
from wattproof.trust.models import ProfileConsentRow, ProfileCredentialRow, ProfileReadingRow

FRESH_SECONDS: Final = 300
"""How long ago the wallet may have signed in whose data is to be erased."""
LOOK_AGAIN_S: Final = 3_600
_DAY_S: Final = 86_400
_OVER: Final = ("closed", "void")


@dataclass(frozen=True, slots=True)
class Rest:
    """Rows of a table that are still there, and why; ``rows`` is None where nobody counted."""

    table: str
    rows: int | None
    fate: Fate
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request for erasure came to.

    Attributes:
        erased: rows that went or were reduced, by table, of all requests so far.
        kept: what is still held about the address.
        finished: whether nothing waits to be erased later.
    """

    address: str
    requested_at: int
    erased: dict[str, int]
    kept: list[Rest]
    finished: bool


def require_fresh(session: Session, token_hash: str) -> None:
    """Erasure takes a session that a wallet opened just now.

    Raises:
        RefusedError: an API key, or a session that was signed in to a while ago.
    """
    row = session.get(SessionRow, token_hash)
    family = session.get(FamilyRow, row.family) if row is not None and row.family else None
    signed_in_at = family.created_at if family is not None else row.created_at if row else 0
    if int(time.time()) - signed_in_at > FRESH_SECONDS:
        raise RefusedError(
            f"sign in with your wallet and ask again within {FRESH_SECONDS} seconds; an API key "
            "or an older session cannot erase",
            code="fresh_sign_in_needed",
        )


def erase(platform: Platform, session: Session, address: str) -> Outcome:
    """Erase what can go now and note what goes later; repeating it changes nothing more."""
    row = _request(platform, session, address)
    done = Counter[str]()
    for step in (_sessions, _venues, _registration, _presentations, _profile, _answers):
        done.update(step(session, address))
    _finish(platform, session, row, done)
    return outcome(session, row)


def finish_due(platform: Platform, session: Session) -> int:
    """Erase what waited and no longer must. Returns the number of rows that went."""
    waiting = select(ErasureRow.address).where(col(ErasureRow.look_at).is_not(None)).limit(1)
    if session.exec(waiting).first() is None:
        return 0
    now = platform.clock.now()
    due = session.exec(
        select(ErasureRow).where(col(ErasureRow.look_at) <= now).with_for_update()
    ).all()
    return sum(_finish(platform, session, row, Counter()) for row in due)


def outcome(session: Session, row: ErasureRow) -> Outcome:
    """What is gone and what is left."""
    kept = []
    session.flush()
    for name, held in TABLES.items():
        if isinstance(held, Held) and held.fate is not Fate.CHAIN:
            searched = held.mentions is not None or name == "outbox_attempt"
            found = None if searched else _count(session, name, row.address)
            if found != 0:
                kept.append(Rest(name, found, held.fate, held.why))
    return Outcome(row.address, row.requested_at, dict(row.erased), kept, row.look_at is None)


def overwrite_freed(platform: Platform) -> None:
    """Leave no trace of deleted rows in SQLite's log; its pages are overwritten as they go."""
    if platform.engine.dialect.name == "sqlite":
        connection = platform.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        finally:
            connection.close()


def _request(platform: Platform, session: Session, address: str) -> ErasureRow:
    session.execute(
        text(
            "INSERT INTO erasure (address, requested_at, until, erased) "
            "VALUES (:address, 0, 0, '{}') ON CONFLICT DO NOTHING"
        ),
        {"address": address},
    )
    row = session.get_one(ErasureRow, address, with_for_update=True)
    row.requested_at, row.until = int(time.time()), platform.clock.now()
    return row


def _finish(platform: Platform, session: Session, row: ErasureRow, done: Counter[str]) -> int:
    now = platform.clock.now()
    plans, left = _plans(platform, session, row, now)
    orders, open_orders = _orders(session, row)
    readings, open_readings = _unposted_readings(session, row, now)
    allowances, today = _allowances(session, row, now)
    for erased in (plans, orders, readings, allowances):
        done.update(erased)
    waits = left + open_orders + open_readings + today > 0
    row.look_at = now + LOOK_AGAIN_S if waits else None
    row.erased = dict(Counter(row.erased) + done)
    session.add(row)
    return done.total()


# -- at once ---------------------------------------------------------------------------------------


def _sessions(session: Session, address: str) -> Counter[str]:
    # Families first, held: whoever renews one at this moment waits, and then finds it gone.
    families = session.exec(
        select(FamilyRow.id).where(FamilyRow.address == address).with_for_update()
    ).all()
    return Counter(
        auth_refresh=_delete(session, RefreshRow, col(RefreshRow.family).in_(families)),
        auth_session=_delete(session, SessionRow, col(SessionRow.address) == address),
        auth_family=_delete(session, FamilyRow, col(FamilyRow.id).in_(families)),
        auth_nonce=_delete(session, NonceRow, col(NonceRow.address) == address),
        auth_api_key=_delete(session, ApiKeyRow, col(ApiKeyRow.address) == address),
    )


def _venues(session: Session, address: str) -> Counter[str]:
    venues = session.exec(select(VenueRow.id).where(VenueRow.owner == address)).all()
    return Counter(
        comfort_vote=_delete(session, CastVoteRow, col(CastVoteRow.venue).in_(venues)),
        comfort_venue=_delete(session, VenueRow, col(VenueRow.id).in_(venues)),
    )


def _registration(session: Session, address: str) -> Counter[str]:
    return Counter(
        participant=_delete(session, ParticipantRow, col(ParticipantRow.address) == address)
    )


def _profile(session: Session, address: str) -> Counter[str]:
    credential, consent = col(ProfileCredentialRow.owner), col(ProfileConsentRow.owner)
    reading = col(ProfileReadingRow.owner)
    return Counter(
        profile_credential=_delete(session, ProfileCredentialRow, credential == address),
        profile_consent=_delete(session, ProfileConsentRow, consent == address),
        profile_reading=_delete(session, ProfileReadingRow, reading == address),
    )


def _presentations(session: Session, address: str) -> Counter[str]:
    its = col(PresentationRow.address) == address
    learnt = (col(PresentationRow.asker) == address) & ~col(PresentationRow.to_market)
    documents = session.exec(
        select(IssuedRow).where(
            IssuedRow.address == address,
            or_(
                col(IssuedRow.document).is_not(None),
                col(IssuedRow.jwt).is_not(None),
                col(IssuedRow.sd_jwt).is_not(None),
            ),
        )
    ).all()
    for row in documents:
        row.document = row.jwt = row.sd_jwt = None
        session.add(row)
    return Counter(
        presentation=_delete(session, PresentationRow, or_(its, learnt)),
        presentation_request=_delete(
            session, PresentationRequestRow, col(PresentationRequestRow.asker) == address
        ),
        verifiable_credential=len(documents),
    )


def _answers(session: Session, address: str) -> Counter[str]:
    """Keep that a write was made, under a name that only its own repetition finds."""
    rows = session.exec(
        select(IdempotencyRow).where(
            IdempotencyRow.address == address, IdempotencyRow.fingerprint != ""
        )
    ).all()
    for row in rows:
        session.delete(row)
    session.flush()
    session.add_all(
        IdempotencyRow(
            address=address,
            key=erased_key(address, row.key),
            fingerprint="",
            created_at=row.created_at,
        )
        for row in rows
    )
    return Counter(idempotency=len(rows))


# -- when its reason is over -----------------------------------------------------------------------


def _plans(
    platform: Platform, session: Session, erasure: ErasureRow, now: int
) -> tuple[Counter[str], int]:
    """Plans of dispatch whose time to be disputed is over go as a whole. How many wait."""
    rows = session.exec(select(DispatchRow).where(DispatchRow.participant == erasure.address)).all()
    keep_s = platform.settings.keep_dispatch_days * 86_400
    over, waiting = [], 0
    for row in rows:
        begun = session.exec(
            select(func.min(DispatchStepRow.at)).where(DispatchStepRow.dispatch == row.id)
        ).one()
        if begun is not None and begun > erasure.until:
            continue  # of after the request
        ends = period_end(get_market(session, row.market), row.period)
        if now > ends + keep_s:
            over.append(row.id)
        else:
            waiting += 1
    if not over:
        return Counter(), waiting
    texts = _documents_of(session, over)
    counted = Counter(
        dispatch_order=_delete(session, DispatchOrderRow, col(DispatchOrderRow.dispatch).in_(over)),
        dispatch_step=_delete(session, DispatchStepRow, col(DispatchStepRow.dispatch).in_(over)),
        dispatch_plan=_delete(session, DispatchRow, col(DispatchRow.id).in_(over)),
        dispatch_document=sum(
            _delete(session, DispatchDocumentRow, col(DispatchDocumentRow.hash) == digest)
            for digest in texts
            if not _quoted(session, digest)
        ),
    )
    return counted, waiting


def _documents_of(session: Session, plans: Iterable[int | None]) -> list[str]:
    return list(
        session.exec(
            select(DispatchDocumentRow.hash)
            .join(
                DispatchStepRow,
                col(DispatchStepRow.payload).contains(col(DispatchDocumentRow.hash)),
            )
            .where(col(DispatchStepRow.dispatch).in_(plans))
            .distinct()
        ).all()
    )


def _quoted(session: Session, digest: str) -> bool:
    """Whether a step that is still there refers to a document."""
    found = select(DispatchStepRow.sequence).where(col(DispatchStepRow.payload).contains(digest))
    return session.exec(found.limit(1)).first() is not None


def _orders(session: Session, erasure: ErasureRow) -> tuple[Counter[str], int]:
    """Orders whose round is over. How many wait."""
    found: Sequence[Any] = session.exec(
        select(OrderRow, RoundRow.state, DispatchOrderRow.digest)
        .outerjoin(
            RoundRow,
            (col(RoundRow.market) == col(OrderRow.market))
            & (col(RoundRow.number) == col(OrderRow.round)),
        )
        .outerjoin(DispatchOrderRow, col(DispatchOrderRow.digest) == col(OrderRow.digest))
        .where(col(OrderRow.trader) == erasure.address, col(OrderRow.received_at) <= erasure.until)
    ).all()
    counted, waiting = Counter[str](), 0
    for order, state, planned in found:
        settled = state == "closed" and order.book_index is not None
        if state not in _OVER or (planned is not None and not settled):
            waiting += 1
        elif not settled:
            if state == "closed" and order.cancellation_signature is not None:
                session.merge(
                    KeptCancellationRow(
                        digest=order.digest,
                        market=order.market,
                        round=order.round,
                        trader=order.trader,
                        signature=order.cancellation_signature,
                    )
                )
            session.delete(order)
            counted["signed_order"] += 1
        elif order.receipt_signature is not None or order.received_at:
            order.receipt_signature, order.received_at = None, 0
            session.add(order)
            counted["signed_order"] += 1
    return counted, waiting


def _unposted_readings(session: Session, erasure: ErasureRow, now: int) -> tuple[Counter[str], int]:
    """Readings that never reached the chain and no longer can. How many still may."""
    found = session.exec(
        select(ReadingRow)
        .join(DeviceRow, col(DeviceRow.device) == col(ReadingRow.device))
        .where(
            col(DeviceRow.account) == erasure.address,
            col(ReadingRow.chain_status) == "None",
            col(ReadingRow.received_at) <= erasure.until,
        )
    )
    counted, waiting = Counter[str](), 0
    for row in found.all():
        if now > period_end(get_market(session, row.market), row.period) + POST_WINDOW_S:
            session.delete(row)
            counted["reading"] += 1
        else:
            waiting += 1
    return counted, waiting


def _allowances(session: Session, erasure: ErasureRow, now: int) -> tuple[Counter[str], int]:
    """Numbers of days that are over. How many are not."""
    its = col(RelayAllowanceRow.caller) == erasure.address
    over = col(RelayAllowanceRow.day) < min(now, erasure.until + _DAY_S) // _DAY_S
    counted = Counter(relay_allowance=_delete(session, RelayAllowanceRow, its & over))
    until = erasure.until // _DAY_S
    left = select(func.count()).where(its, col(RelayAllowanceRow.day) <= until)
    return counted, session.exec(left).one()


def _delete(session: Session, model: type[SQLModel], which: ColumnElement[bool] | Any) -> int:
    result: Any = session.execute(delete(model).where(which))
    return int(result.rowcount)


def _count(session: Session, name: str, address: str) -> int:
    table = metadata.load().tables[name]
    wanted = about(metadata.load(), TABLES, name, address)
    return int(
        session.execute(core_select(func.count()).select_from(table).where(wanted)).scalar_one()
    )
