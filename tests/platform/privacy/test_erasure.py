"""Erasure takes what nothing needs, keeps what something needs, and is never half done."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from tests.platform.privacy.people import ADA, BOB, NOW, fill, installation
from wattproof.api.models import IdempotencyRow, erased_key
from wattproof.credentials.models import PresentationRow
from wattproof.dispatch.models import DispatchDocumentRow, DispatchOrderRow, DispatchStepRow
from wattproof.meters.models import ReadingRow
from wattproof.orders.models import OrderRow
from wattproof.participants.models import ParticipantRow
from wattproof.privacy import erasure
from wattproof.privacy.export import export
from wattproof.privacy.held import Fate, Held
from wattproof.privacy.inventory import TABLES
from wattproof.privacy.models import ErasureRow, KeptCancellationRow
from wattproof.relaying.models import RelayAllowanceRow
from wattproof.rounds.models import RoundRow
from wattproof.store.engine import transaction

AT_ONCE = sorted(n for n, h in TABLES.items() if isinstance(h, Held) and h.fate is Fate.ERASED)
LATER = sorted(n for n, h in TABLES.items() if isinstance(h, Held) and h.fate is Fate.LATER)
DAY = 86_400
YEAR = 365 * DAY


@pytest.fixture
def rows(engine):
    made = fill(engine)
    change(engine, update(RoundRow).values(state="open"))
    change(engine, update(ReadingRow).values(chain_status="Posted"))
    change(engine, update(ErasureRow).values(look_at=None))
    change(engine, update(RelayAllowanceRow).values(day=NOW // DAY))
    return made


def change(engine, statement):
    with engine.begin() as connection:
        connection.execute(statement)


def ask(engine, address=ADA, now=NOW):
    platform = installation(engine, now)
    with platform.transaction() as session:
        return erasure.erase(platform, session, address)


def look(engine, now):
    platform = installation(engine, now)
    with platform.transaction() as session:
        return erasure.finish_due(platform, session)


def exported(engine, address=ADA):
    made = json.loads("".join(export(installation(engine), address)))
    return {name: table["rows"] for name, table in made["tables"].items()}


def count(engine, model):
    with transaction(engine) as session:
        return session.execute(select(func.count()).select_from(model)).scalar_one()


def test_what_nothing_needs_is_gone_at_once(engine, rows):
    done = ask(engine)
    left = exported(engine)
    assert {name: left[name] for name in AT_ONCE} == {name: [] for name in AT_ONCE}
    assert {name for name in AT_ONCE if not done.erased.get(name)} == set()


def test_what_others_have_stays(engine, rows):
    before = exported(engine, BOB)
    ask(engine)
    assert exported(engine, BOB) == before


def test_a_name_is_nowhere_in_the_database_afterwards(engine, rows):
    name = rows["participant"][ADA]["name"]
    with transaction(engine) as session:
        answer = IdempotencyRow(
            address=ADA, key="k", fingerprint="f", body=f'{{"name": "{name}"}}', created_at=0
        )
        session.add(answer)
    ask(engine)
    assert name not in json.dumps(exported(engine))


def test_what_waits_is_told_with_its_reason_and_not_touched(engine, rows):
    before = exported(engine)
    done = ask(engine)
    assert not done.finished
    told = {rest.table: rest for rest in done.kept}
    after = exported(engine)
    for name in LATER:
        assert after[name] == before[name]
        assert told[name].fate is Fate.LATER
        assert told[name].why
    assert {"idempotency", "outbox", "erasure", "kept_cancellation"} <= set(told)
    assert not set(told) & set(AT_ONCE)


def test_asking_twice_changes_nothing_more(engine, rows):
    first = ask(engine)
    left = exported(engine)
    second = ask(engine)
    assert second.erased == first.erased
    assert {k: v for k, v in exported(engine).items() if k != "erasure"} == {
        k: v for k, v in left.items() if k != "erasure"
    }


def test_two_requests_at_once_are_one(engine, rows):
    failed = []

    def run():
        try:
            ask(engine)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert count(engine, ErasureRow) == 2
    assert exported(engine)["participant"] == []


@pytest.mark.parametrize(
    "step", ["_sessions", "_venues", "_registration", "_presentations", "_answers", "_finish"]
)
def test_a_crash_in_between_leaves_everything_as_it_was(engine, rows, monkeypatch, step):
    before = exported(engine)
    whole = getattr(erasure, step)

    def crash(*args):
        whole(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(erasure, step, crash)
    with pytest.raises(KeyboardInterrupt):
        ask(engine)
    assert exported(engine) == before
    monkeypatch.undo()
    ask(engine)
    assert exported(engine)["participant"] == []


def test_an_answered_write_is_remembered_without_what_it_said(engine, rows):
    key = rows["idempotency"][ADA]["key"]
    ask(engine)
    with transaction(engine) as session:
        row = session.get_one(IdempotencyRow, (ADA, erased_key(ADA, key)))
        assert (row.fingerprint, row.body, row.status) == ("", "", 0)
        assert session.get(IdempotencyRow, (ADA, key)) is None


def test_of_a_credential_what_revokes_it_stays(engine, rows):
    ask(engine)
    (row,) = exported(engine)["verifiable_credential"]
    assert (row["document"], row["jwt"], row["sd_jwt"]) == (None, None, None)
    assert row["credential_hash"] == rows["verifiable_credential"][ADA]["credential_hash"]
    assert exported(engine, BOB)["verifiable_credential"][0]["jwt"] is not None


@pytest.mark.parametrize("to_market", [False, True])
def test_who_asked_for_itself_forgets_what_it_learnt_and_the_market_does_not(
    engine, rows, to_market
):
    shown = PresentationRow(**rows["presentation"][BOB])
    change(
        engine,
        update(PresentationRow)
        .where(col(PresentationRow.id) == shown.id)
        .values(asker=ADA, to_market=to_market),
    )
    ask(engine)
    assert len(exported(engine, BOB)["presentation"]) == (1 if to_market else 0)


# -- orders ----------------------------------------------------------------------------------------


def orders(engine, *, state, **columns):
    change(engine, update(RoundRow).values(state=state))
    change(engine, update(OrderRow).values(received_at=NOW, **columns))
    change(engine, update(DispatchOrderRow).values(digest=DispatchOrderRow.digest + "x"))
    change(engine, update(RelayAllowanceRow).values(day=NOW // DAY + 10_000))


@pytest.mark.parametrize("state", ["open", "gate_closed", "cleared", "submitted", "confirmed"])
def test_an_order_of_a_round_that_is_not_over_stays(engine, rows, state):
    orders(engine, state=state, book_index=0)
    ask(engine)
    assert exported(engine)["signed_order"][0]["receipt_signature"] is not None
    assert look(engine, NOW + 2 * erasure.LOOK_AGAIN_S) == 0


def test_an_order_of_a_void_round_goes(engine, rows):
    orders(engine, state="void", book_index=0)
    ask(engine)
    assert exported(engine)["signed_order"] == []
    assert exported(engine, BOB)["signed_order"] != []


def test_of_a_settled_order_only_what_the_chain_has_stays(engine, rows):
    orders(engine, state="closed", book_index=0)
    ask(engine)
    (row,) = exported(engine)["signed_order"]
    assert (row["receipt_signature"], row["received_at"]) == (None, 0)
    assert row["signature"] == rows["signed_order"][ADA]["signature"]


def test_of_a_cancelled_order_the_cancellation_alone_stays(engine, rows):
    orders(engine, state="closed", book_index=None, cancellation_signature="0xcc")
    ask(engine)
    assert exported(engine)["signed_order"] == []
    digest = rows["signed_order"][ADA]["digest"]
    with transaction(engine) as session:
        kept = session.get_one(KeptCancellationRow, digest)
        assert (kept.trader, kept.signature) == (ADA, "0xcc")


def test_an_uncancelled_order_outside_the_book_leaves_nothing(engine, rows):
    orders(engine, state="closed", book_index=None, cancellation_signature=None)
    before = count(engine, KeptCancellationRow)
    ask(engine)
    assert exported(engine)["signed_order"] == []
    assert count(engine, KeptCancellationRow) == before


def test_what_waited_goes_when_its_round_is_over(engine, rows):
    orders(engine, state="open", book_index=None, cancellation_signature=None)
    assert not ask(engine).finished
    change(engine, update(RoundRow).values(state="void"))
    assert look(engine, NOW) == 0  # not looked at yet
    assert look(engine, NOW + erasure.LOOK_AGAIN_S) == 1
    assert exported(engine)["signed_order"] == []


def test_what_came_after_the_request_is_not_touched(engine, rows):
    orders(engine, state="void", book_index=None, cancellation_signature=None)
    change(engine, update(OrderRow).values(received_at=NOW + 1))
    ask(engine)
    with transaction(engine) as session:
        session.add(ParticipantRow(address=ADA, name="Ada again", registered_at=NOW + 1))
    look(engine, NOW + 10 * erasure.LOOK_AGAIN_S)
    assert len(exported(engine)["signed_order"]) == 1
    assert exported(engine)["participant"][0]["name"] == "Ada again"


# -- plans of dispatch, readings -------------------------------------------------------------------


def test_plans_go_as_a_whole_when_they_can_no_longer_be_disputed(engine, rows):
    change(engine, update(RoundRow).values(state="closed"))
    ask(engine)
    ends = rows["dispatch_plan"][ADA]["period"] + 1
    look(engine, ends + YEAR)
    assert exported(engine)["dispatch_plan"] != []
    look(engine, max(ends + YEAR, NOW) + 10 * erasure.LOOK_AGAIN_S)
    left = exported(engine)
    assert {name: left[name] for name in LATER if name.startswith("dispatch")} == {
        name: [] for name in LATER if name.startswith("dispatch")
    }
    for model in (DispatchStepRow, DispatchDocumentRow, DispatchOrderRow):
        assert count(engine, model) == 1  # the other's


def test_an_order_that_a_kept_plan_refers_to_waits_for_it(engine, rows):
    change(engine, update(RoundRow).values(state="void"))
    change(engine, update(DispatchOrderRow).values(digest="x" + DispatchOrderRow.digest))
    digest = rows["signed_order"][ADA]["digest"]
    plan = rows["dispatch_plan"][ADA]["id"]
    of_plan = col(DispatchOrderRow.dispatch) == plan
    change(engine, update(DispatchOrderRow).where(of_plan).values(digest=digest))
    ask(engine)
    assert len(exported(engine)["signed_order"]) == 1
    look(engine, NOW + YEAR + 10)
    assert exported(engine)["signed_order"] == []


def test_a_document_that_anothers_plan_refers_to_stays(engine, rows):
    digest = rows["dispatch_document"][ADA]["hash"]
    other = col(DispatchStepRow.dispatch) == rows["dispatch_plan"][BOB]["id"]
    change(engine, update(DispatchStepRow).where(other).values(payload=f'["{digest}"]'))
    ask(engine)
    look(engine, NOW + 2 * YEAR)
    assert exported(engine)["dispatch_plan"] == []
    with transaction(engine) as session:
        assert session.get(DispatchDocumentRow, digest) is not None


def test_a_reading_that_never_reached_the_chain_goes_when_it_no_longer_can(engine, rows):
    change(engine, update(ReadingRow).values(chain_status="None", period=NOW))
    ask(engine)
    assert look(engine, NOW + erasure.LOOK_AGAIN_S) == 0
    look(engine, NOW + 2 * DAY + 2)
    assert exported(engine)["reading"] == []
    assert len(exported(engine, BOB)["reading"]) == 1


def test_a_reading_on_the_chain_stays(engine, rows):
    ask(engine)
    look(engine, NOW + 2 * YEAR)
    assert len(exported(engine)["reading"]) == 1


def test_a_days_allowance_stays_until_the_day_is_over(engine, rows):
    today = NOW // DAY
    change(engine, update(RelayAllowanceRow).values(day=today))
    ask(engine)
    assert len(exported(engine)["relay_allowance"]) == 1
    look(engine, (today + 1) * DAY)
    assert exported(engine)["relay_allowance"] == []
    assert len(exported(engine, BOB)["relay_allowance"]) == 1


def test_the_allowance_of_a_day_after_the_request_stays(engine, rows):
    change(engine, update(RelayAllowanceRow).values(day=NOW // DAY + 1))
    ask(engine)
    look(engine, NOW + 10 * DAY)
    assert len(exported(engine)["relay_allowance"]) == 1
