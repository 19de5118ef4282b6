"""An OpenADR 3 program and event as JSON texts, carried out on the chain, and the report on it."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from market.openadr import (
    Calendar,
    Directory,
    EventCall,
    EventReport,
    MeasuredSlot,
    NamedProgramme,
    Version,
    read_event,
    read_programme,
    read_report,
    write_event,
    write_programme,
    write_report,
)
from market.reference.baseline import Subject, measure
from market.reference.programmes import ProgrammeTerms
from tests.evm.credit_world import HOUR, MALLS, SLOTS, less, usual_day
from tests.evm.demand_world import MONEY, OWNER, PASSER_BY, TERMS, DemandWorld
from tests.evm.world import DAY

HOURS = Calendar(slot_seconds=HOUR, period_slots=SLOTS)
WINDOW = range(17, 20)
TARGETS_W = {MALLS[0].address: 2_000, MALLS[1].address: 2_000, MALLS[2].address: 500}


def sent(document):
    """As it arrives at the other side."""
    return json.loads(json.dumps(document))


@pytest.mark.parametrize("version", list(Version))
def test_documents_are_carried_out_as_they_say(version):
    world = DemandWorld()
    names = {f"VEN-{place}": mall.address for place, mall in enumerate(MALLS)}
    directory = Directory(names, programmes={"program-1": 1}, events={"event-1": 1})

    program = sent(write_programme(NamedProgramme("Evenings", TERMS), HOURS, version))
    programme = world.programme(100 * MONEY, **fields_of(read_programme(program, HOURS).terms))
    for mall in MALLS:
        world.enrol(programme, mall)

    start = world.today * DAY + WINDOW.start * HOUR
    events = sent(write_event(call_of(world, programme), directory, HOURS, version))
    assert len(events) == 2
    call = read_event(events, directory, HOURS)
    assert HOURS.start_of(call.period, call.first_slot) == start
    number = world.call_event(call.programme, call.period, call.first_slot, call.slots)
    for account, target_w in call.targets_w.items():
        world.must_ask("instruct", number, account, target_w, sender=OWNER)

    world.chain.now = (call.period + 1) * DAY
    for mall in MALLS:
        world.must_post(mall, call.period, less(usual_day(3), 1_000, WINDOW))
    world.wait(DAY + 1)
    for mall in MALLS:
        assert world.report(number, mall) is None
        report = report_of(world, number, mall)
        counted = sum(slot.performance_wh for slot in report.slots)
        assert counted == world.demand.parts[number, mall.address].performance_wh
        document = sent(write_report(report, programme, directory, HOURS, version))
        assert read_report(document, directory, HOURS) == report
    world.wait(DAY + 1)
    for mall in MALLS:
        world.must_ask("settle", number, mall.address, sender=PASSER_BY)
    world.check_demand()
    world.check_demand_invariants()


def fields_of(terms: ProgrammeTerms):
    assert terms == TERMS
    return {field.name: getattr(terms, field.name) for field in fields(terms)}


def call_of(world, programme):
    return EventCall(programme, world.today, WINDOW.start, len(WINDOW), TARGETS_W)


def report_of(world, number, mall):
    """From the same measurement as the contract's."""
    window = world.demand.events[number - 1]
    subject = Subject(
        market=world.market,
        account=mall.address,
        carrier=0,
        period=window.period,
        first_slot=window.first_slot,
        slots=window.slots,
        since=0,
        period_slots=SLOTS,
    )
    baseline, metered = measure(
        world.meters,
        world.deviations,
        TERMS.rule,
        subject,
        world.claim_for(number, mall),
        now=world.now,
    )
    _, used = world.deviations.used_of(1, mall.address, 0, window.period, now=world.now)
    slots = tuple(
        MeasuredSlot(usual, wh - usual, used[window.first_slot + place])
        for place, (usual, wh) in enumerate(zip(baseline, metered, strict=True))
    )
    return EventReport(number, mall.address, window.period, window.first_slot, slots)
