"""One signed consent handed in by many at the same moment: on SQLite and on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

from sqlalchemy import Engine
from sqlmodel import select

from identity.trust import Consent
from wattproof.errors import ConflictError
from wattproof.runtime import Platform
from wattproof.trust import consents
from wattproof.trust.models import ConsentTakenRow, ProfileConsentRow

OWNER, AUDIENCE = "0x" + "11" * 20, "0x" + "22" * 20
AT_ONCE = 6


def test_it_is_taken_once(platform: Platform, shared_engine: Callable[[Platform], Engine]) -> None:
    shared = replace(platform, engine=shared_engine(platform))
    now = int(time.time())
    consent = Consent(OWNER, AUDIENCE, "audit", ("history",), now, now + 3_600, b"\x07" * 32)
    start = Barrier(AT_ONCE)

    def hand_in(_: int) -> str:
        start.wait()
        try:
            with shared.transaction() as session:
                return consents.hand_in(shared, session, consent, b"\x01" * 64, now=now).id
        except ConflictError as error:
            return error.code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(hand_in, range(AT_ONCE)))
    with shared.transaction() as session:
        (row,) = session.exec(select(ProfileConsentRow)).all()
        assert len(session.exec(select(ConsentTakenRow)).all()) == 1
    assert row.id in answers
    assert set(answers) <= {row.id, "consent_used"}
