from __future__ import annotations

import ape
import pytest

DAY = 86_400
HOUR = 3_600


def test_a_programme_is_its_creators_and_announced(response, terms, token, owner):
    receipt = response.createProgramme(terms(), sender=owner)
    number = response.programmeCount()
    (event,) = [log for log in receipt.events if log.event_name == "ProgrammeCreated"]
    assert (event.programme, event.owner, event.asset) == (number, owner.address, token.address)
    view = response.programmeOf(number)
    assert (view.owner, view.asset) == (owner.address, token.address)
    assert (view.escrow, view.setAside) == (0, 0)
    assert view.terms.incentive == terms()[8]
    assert view.terms.rule.adjustCapBp == 2_000


def test_only_programme_owners_create(response, terms, alice):
    with ape.reverts(response.AccessManagedUnauthorized, caller=alice.address):
        response.createProgramme(terms(), sender=alice)


def test_the_market_and_its_carrier_exist(world, response, terms, owner):
    with ape.reverts(world.exchange.UnknownMarket):
        response.createProgramme(terms(of_market=999), sender=owner)
    with ape.reverts(response.UnknownCarrier, carrier=1):
        response.createProgramme(terms(carrier=1), sender=owner)


@pytest.mark.parametrize(
    "changes",
    [
        {"refusalLead": 2 * HOUR},
        {"toleranceBp": 10_001},
        {"maxEventSlots": 0},
        {"maxEventSlots": 25},
        {"disputeWindow": 3 * DAY + 1},
        {"incentive": 2**62 + 1},
        {"penalty": 2**62 + 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_terms_that_contradict_themselves_are_refused(response, terms, owner, changes):
    with ape.reverts(response.BadTerms):
        response.createProgramme(terms(**changes), sender=owner)


def test_terms_reach_their_bounds(response, terms, owner):
    widest = {
        "refusalLead": 2 * HOUR - 1,
        "toleranceBp": 10_000,
        "maxEventSlots": 24,
        "disputeWindow": 3 * DAY,
        "incentive": 2**62,
        "penalty": 2**62,
    }
    response.createProgramme(terms(**widest), sender=owner)


def test_a_baseline_that_no_day_gives_is_refused(world, response, terms, owner):
    with ape.reverts(response.BadRule):
        response.createProgramme(terms(rule=(0, 0, 4, 3, 2_000)), sender=owner)
    of_hours = world.create_market(slotSeconds=900, periodSlots=4)
    short = terms(of_market=of_hours, maxEventSlots=1, rule=(0, 127, 1, 1, 0))
    with ape.reverts(response.BadRule):
        response.createProgramme(short, sender=owner)
