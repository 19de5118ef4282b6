"""The participant answers, bids from what it agreed to, and its orders are tied to the plan."""

from __future__ import annotations

import pytest
from sqlmodel import select

from market.dispatch import Edit
from market.ev_battery.bids import fleet_bids
from market.ev_battery.dispatch import PLANNER, approved_fleet
from wattproof.dispatch import instruction
from wattproof.dispatch.lifecycle import State
from wattproof.dispatch.models import DispatchOrderRow
from wattproof.errors import ConflictError, InvalidError, NotFoundError, RefusedError

DEAR, CHEAP = 40, 48


def _approved(centre, round=0):
    with centre.platform.transaction() as session:
        return instruction.approved_plan(
            centre.platform,
            session,
            market=centre.market,
            period=centre.day,
            participant=str(centre.participant.address),
            round=round,
        )


def test_bids_are_made_of_the_plan_that_was_approved_edits_included(centre):
    number = centre.propose()
    centre.edit(number, Edit("ada", DEAR, 8_000))
    centre.solve(number)
    for step in (centre.approve, centre.send, centre.acknowledge):
        step(number)
    approved = _approved(centre)
    bids = fleet_bids(approved_fleet(PLANNER.parse_inputs(approved.inputs), approved.plan))
    wanted = {(bid.owner_id, bid.slot): bid.energy_wh for bid in bids}
    assert wanted["ada", DEAR] == 2_000
    assert ("bob", DEAR) not in wanted
    for (owner, slot), energy in wanted.items():
        assert energy == pytest.approx(approved.plan.lines[owner][slot] / 4, abs=0.5)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_there_is_nothing_to_bid_from_before_the_participant_agreed(centre, steps):
    number = centre.propose()
    for step in (centre.approve, centre.send)[:steps]:
        step(number)
    with pytest.raises(RefusedError, match="acknowledged one"):
        _approved(centre)


def test_there_is_nothing_to_bid_from_where_nobody_planned(centre):
    with pytest.raises(NotFoundError, match="no dispatch plan"):
        _approved(centre)


def test_a_refusal_brings_the_plan_back_to_the_dispatcher(centre):
    number = centre.propose()
    centre.approve(number)
    version = centre.send(number).version
    participant = str(centre.participant.address)
    with (
        pytest.raises(InvalidError, match="say why"),
        centre.platform.transaction() as session,
    ):
        instruction.refuse(centre.platform, session, participant, number, version, " ")
    with centre.platform.transaction() as session:
        refused = instruction.refuse(
            centre.platform, session, participant, number, version, "pile 3 is broken"
        ).standing
    assert refused.state is State.REFUSED
    with pytest.raises(RefusedError, match="participant refused it"):
        centre.approve(number)
    centre.edit(number, Edit("cem", CHEAP, 0))
    centre.solve(number)
    centre.approve(number)
    centre.send(number)
    assert centre.acknowledge(number).state is State.ACKNOWLEDGED


def test_only_the_participant_answers(centre):
    number = centre.propose()
    centre.approve(number)
    centre.send(number)
    for actor in (centre.dispatcher, centre.stranger):
        with pytest.raises(NotFoundError):
            centre.acknowledge(number, actor)
    assert centre.standing(number).state is State.SENT


def test_nothing_is_acknowledged_that_was_not_sent(centre):
    number = centre.propose()
    centre.approve(number)
    with pytest.raises(RefusedError, match="not been sent"):
        centre.acknowledge(number)


def test_a_participant_sees_its_plans_once_they_were_sent(centre):
    number = centre.propose()
    participant = str(centre.participant.address)

    def seen():
        with centre.platform.transaction() as session:
            return [row.id for row in instruction.instructions(session, participant)]

    assert seen() == []
    centre.approve(number)
    centre.send(number)
    assert seen() == [number]


def test_orders_are_tied_to_the_plan_they_were_made_from(centre):
    round = centre.open_round()
    number = centre.acknowledged(round=round)
    first, second = centre.order(round, CHEAP, 2_000), centre.order(round, CHEAP + 1, 2_000)
    assert set(centre.record_orders(number, first).orders) == {first}
    version = centre.record_orders(number, first, second).version
    assert set(centre.standing(number).orders) == {first, second}
    # Saying it once more changes nothing.
    assert centre.record_orders(number, second, first).version == version
    with centre.platform.transaction() as session:
        rows = session.exec(select(DispatchOrderRow)).all()
    assert {(row.digest, row.dispatch) for row in rows} == {(first, number), (second, number)}


def test_orders_that_go_beyond_the_plan_are_not_of_it(centre):
    round = centre.open_round()
    number = centre.acknowledged(round=round)
    planned = centre.plan(number).lines["ada"][CHEAP] // 4
    centre.record_orders(number, centre.order(round, CHEAP, planned - 500))
    with pytest.raises(InvalidError, match=rf"ada\[{CHEAP}\]: orders buy {planned + 100} Wh"):
        centre.record_orders(number, centre.order(round, CHEAP, 600))
    with pytest.raises(InvalidError, match="planned are 0 Wh"):
        centre.record_orders(number, centre.order(round, DEAR, 600))
    assert len(centre.record_orders(number, centre.order(round, CHEAP, 500)).orders) == 2


def test_a_plan_whose_orders_are_out_is_edited_no_more(centre):
    round = centre.open_round()
    number = centre.acknowledged(round=round)
    centre.record_orders(number, centre.order(round, CHEAP, 2_000))
    with pytest.raises(RefusedError, match="later round"):
        centre.edit(number, Edit("ada", DEAR, 1_000))
    with pytest.raises(RefusedError, match="later round"):
        centre.renew(number, centre.inputs())


def test_an_order_that_came_before_the_plan_was_agreed_is_not_of_it(centre):
    round = centre.open_round()
    early = centre.order(round, CHEAP, 2_000)
    centre.move_to(centre.now() + 10)
    number = centre.acknowledged(round=round)
    with pytest.raises(InvalidError, match="before the plan was acknowledged"):
        centre.record_orders(number, early)


def test_an_order_of_another_round_or_nobody_is_not_of_the_plan(centre):
    first = centre.open_round(gate_in=100)
    number = centre.acknowledged()
    other = centre.acknowledged(round=first)
    order = centre.order(first, CHEAP, 2_000)
    with pytest.raises(NotFoundError, match="no order"):
        centre.record_orders(number, "0x" + "00" * 32)
    centre.record_orders(number, order)
    with pytest.raises(ConflictError, match=f"dispatch plan {number}"):
        centre.record_orders(other, order)


def test_who_does_not_bid_from_a_plan_records_no_orders(centre):
    round = centre.open_round()
    number = centre.acknowledged(round=round)
    order = centre.order(round, CHEAP, 2_000)
    with pytest.raises(NotFoundError), centre.platform.transaction() as session:
        instruction.record_orders(
            centre.platform, session, str(centre.stranger.address), number, [order]
        )


def test_orders_wait_for_the_participants_word(centre):
    round = centre.open_round()
    number = centre.propose(round=round)
    centre.approve(number)
    centre.send(number)
    with pytest.raises(RefusedError, match="acknowledge it first"):
        centre.record_orders(number, centre.order(round, CHEAP, 2_000))
