from __future__ import annotations

import ape

INSTRUCTED = 1
HOUR = 3_600


def test_an_instruction_sets_aside_what_it_may_cost(
    world, response, kit, enrolled, event, owner, alice
):
    receipt = response.instruct(event, alice, 3_000, sender=owner)
    incentive = -(-kit.INCENTIVE * kit.TARGET_WH // 10**6)
    penalty = -(-kit.PENALTY * (kit.TARGET_WH * 9 // 10) // 10**6)
    part = response.participationOf(event, alice)
    assert (part.status, part.targetW) == (INSTRUCTED, 3_000)
    assert (part.incentiveSetAside, part.penaltySetAside) == (incentive, penalty)
    assert response.programmeOf(enrolled).setAside == incentive
    enrolment = response.enrolmentOf(enrolled, alice)
    assert (enrolment.setAside, enrolment.openEvents) == (penalty, 1)
    assert response.Instructed(
        eventId=event,
        account=alice.address,
        targetW=3_000,
        incentiveSetAside=incentive,
        penaltySetAside=penalty,
        reservation=part.reservation,
    ) in (receipt.events)


def test_the_hours_are_reserved_for_this_contract(
    world, response, market, instructed, alice, today
):
    part = response.participationOf(instructed, alice)
    reservation = world.deviations.reservationOf(part.reservation)
    assert reservation.claimant == response.address
    assert (reservation.account, reservation.period) == (alice.address, today)
    assert reservation.slots == 0b1111 << 14
    assert world.deviations.taken(market, alice, 0, today) == 0b1111 << 14


def test_hours_are_asked_for_once(response, enrolled, instructed, owner, alice, today, world):
    with ape.reverts(response.WrongStatus, status=INSTRUCTED):
        response.instruct(instructed, alice, 1_000, sender=owner)
    response.callEvent(enrolled, today, 17, 1, sender=owner)
    with ape.reverts(world.deviations.SlotsTaken, slots=1 << 17):
        response.instruct(response.eventCount(), alice, 1_000, sender=owner)


def test_only_the_owner_instructs(response, event, alice):
    with ape.reverts(response.NotOwner, caller=alice.address):
        response.instruct(event, alice, 3_000, sender=alice)


def test_only_the_enrolled_are_instructed(response, event, owner, bob):
    with ape.reverts(response.NotEnrolled, account=bob.address):
        response.instruct(event, bob, 3_000, sender=owner)


def test_no_more_is_asked_for_than_was_enrolled(response, event, owner, alice):
    with ape.reverts(response.BeyondCapacity, capacityW=5_000):
        response.instruct(event, alice, 5_001, sender=owner)
    response.instruct(event, alice, 5_000, sender=owner)


def test_a_target_of_nothing_is_refused(response, event, owner, alice):
    with ape.reverts(response.BadTarget, targetWh=0):
        response.instruct(event, alice, 0, sender=owner)


def test_the_escrow_covers_every_instruction(response, kit, enrolled, event, owner, alice):
    needed = -(-kit.INCENTIVE * kit.TARGET_WH // 10**6)
    escrow = response.programmeOf(enrolled).escrow
    response.defund(enrolled, escrow - needed + 1, sender=owner)
    with ape.reverts(response.EscrowBound, unbound=needed - 1):
        response.instruct(event, alice, 3_000, sender=owner)


def test_the_bond_covers_every_instruction(response, enrolled, event, owner, alice, today):
    response.instruct(event, alice, 5_000, sender=owner)
    response.callEvent(enrolled, today, 18, 4, sender=owner)
    enrolment = response.enrolmentOf(enrolled, alice)
    with ape.reverts(response.BondBound, unbound=enrolment.bond - enrolment.setAside):
        response.instruct(response.eventCount(), alice, 5_000, sender=owner)


def test_notice_is_given_to_the_last_second(response, event, owner, alice, today, clock, starts_at):
    clock.next_at(starts_at(today) - 2 * HOUR + 1)
    with ape.reverts(response.NoticeTooShort, startsAt=starts_at(today)):
        response.instruct(event, alice, 3_000, sender=owner)


def test_an_unknown_event_instructs_nobody(response, event, owner, alice):
    with ape.reverts(response.UnknownEvent, eventId=event + 1):
        response.instruct(event + 1, alice, 3_000, sender=owner)
