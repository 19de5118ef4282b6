"""A fleet's day, from a dispatcher's edit to the settled round: the EV market over the desk."""

from __future__ import annotations

import numpy as np
import pytest

from devnet import accounts
from market.bid import orders
from market.dispatch import Edit
from market.ev_battery.bids import fleet_bids
from market.ev_battery.dispatch import PLANNER, approved_fleet
from market.ev_battery.rules import RULES
from market.order import order_hash, sign_order
from market.supply import supplier_bids
from wattproof import audit
from wattproof.accounts import service as ledger
from wattproof.dispatch import instruction, planning
from wattproof.errors import InvalidError
from wattproof.orders import service as order_desk
from wattproof.orders.models import OrderRow
from wattproof.tasks.flow import run_until_idle

DEAR = 40
OWNERS = {
    name: accounts.account(accounts.FIRST_TRADER + 4 + place)
    for place, name in enumerate(("ada", "bob", "cem"))
}
SUPPLIER = accounts.account(accounts.FIRST_TRADER + 7)
MARGIN = 10_000_000_000


@pytest.fixture
def funded(centre):
    """Owners and a supplier with margin in the market."""
    platform = centre.platform
    members = [*OWNERS.values(), SUPPLIER]
    for member in members:
        platform.keys.add(member)
    with platform.transaction() as session:
        ledger.send_gas(platform, session, [str(member.address) for member in members])
    run_until_idle(platform)
    with platform.transaction() as session:
        funds = ledger.fund_accounts(
            platform, session, {str(m.address): 2 * MARGIN for m in members}, key="fleet"
        )
        for member in members:
            ledger.ledger_call(
                platform,
                session,
                str(member.address),
                "addMargin",
                centre.market,
                MARGIN,
                key="fleet",
                after=funds,
            )
    run_until_idle(platform)
    return centre


def _hand_in(centre, bids, round, keys):
    platform = centre.platform
    made = orders(
        bids,
        market=centre.market,
        round=round,
        first_slot=centre.day * 96,
        traders={name: str(key.address) for name, key in keys.items()},
    )
    by_address = {str(key.address): bytes(key.key) for key in keys.values()}
    signed = [(each, sign_order(platform.domain, each, by_address[each.trader])) for each in made]
    with platform.transaction() as session:
        order_desk.submit_many(platform, session, signed)
    return ["0x" + order_hash(platform.domain, each).hex() for each, _ in signed]


def test_what_a_dispatcher_fixed_is_what_the_fleet_buys(funded):
    centre, platform = funded, funded.platform
    round = centre.open_round(gate_in=2_000)
    drafted = planning.draft(
        platform,
        planning.Proposal(
            market=centre.market,
            period=centre.day,
            participant=str(centre.participant.address),
            round=round,
            inputs=centre.inputs(),
            meters={name: (str(owner.address), 0) for name, owner in OWNERS.items()},
        ),
    )
    with platform.transaction() as session:
        number = planning.propose(platform, session, str(centre.dispatcher.address), drafted).number
    centre.edit(number, Edit("ada", DEAR, 8_000))
    centre.solve(number)
    for step in (centre.approve, centre.send, centre.acknowledge):
        step(number)
    with platform.transaction() as session:
        approved = instruction.approved_plan(
            platform,
            session,
            market=centre.market,
            period=centre.day,
            participant=str(centre.participant.address),
            round=round,
        )
    inputs = PLANNER.parse_inputs(approved.inputs)
    digests = _hand_in(centre, fleet_bids(approved_fleet(inputs, approved.plan)), round, OWNERS)
    price = np.array(approved.inputs["signal"]["price_per_kwh"])
    offers = supplier_bids("supplier", price, 100_000.0, 0.25, RULES.price_cap)
    others = _hand_in(centre, offers, round, {"supplier": SUPPLIER})
    assert set(centre.record_orders(number, *digests).orders) == set(digests)
    with pytest.raises(InvalidError, match="does not bid from this plan"):
        centre.record_orders(number, others[0])
    centre.move_to(centre.now() + 2_001)
    run_until_idle(platform)
    bought = dict.fromkeys(OWNERS, 0)
    at_edit = 0
    names = {str(owner.address): name for name, owner in OWNERS.items()}
    with platform.transaction() as session:
        for digest in digests:
            row = session.get(OrderRow, digest)
            assert row is not None
            assert row.fill == row.maximum == row.max_units
            bought[names[row.trader]] += row.fill
            if names[row.trader] == "ada" and row.legs[0][0] == str(centre.day * 96 + DEAR):
                at_edit += row.fill
    assert at_edit == 2_000
    for name in OWNERS:
        assert bought[name] == pytest.approx(sum(approved.plan.lines[name]) / 4, abs=48)
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.findings == []
    bundle = audit.export_round(
        platform.chain.rpc_url,
        platform.deployment,
        (centre.market, round),
        database=platform.engine,
    )
    assert audit.verify_bundle(bundle, platform.chain.rpc_url).findings == []
    assert [log["number"] for log in bundle["dispatch"]] == [number]
