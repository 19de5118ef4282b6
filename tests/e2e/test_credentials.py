"""A credential's whole life: an independent issuer, a holder, a market, and the end of it."""

from __future__ import annotations

import json

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data

from identity.roles import role_id
from market.rules import MarketRules
from tests.platform.cli.credential_desk import ZONE, opened
from wattproof import audit
from wattproof.accounts.service import fund_margin, post_bond
from wattproof.cli.rest import signed_in_by
from wattproof.errors import RefusedError
from wattproof.gateway.clock import ChainClock
from wattproof.gateway.keys import Role
from wattproof.participants import service as participants
from wattproof.rounds import service as rounds
from wattproof.tasks.flow import run_until_idle

RULES = MarketRules(
    carriers=1,
    zones=1,
    slot_seconds=900,
    period_slots=8,
    price_cap=3_000_000_000,
    imbalance_cap=500_000_000,
    shortfall_bp=2_000,
    surplus_bp=2_000,
    gap_floor_micro=1_000,
    gap_cap_micro=1_000_000,
)
BOND = 1_000_000_000


@pytest.fixture
def desk(tmp_path):
    with opened(tmp_path, 31_362) as made:
        yield made


@pytest.fixture
def market(desk):
    """For EV owners; the holder and somebody else have margin, the other one has the role too."""
    platform = desk.platform
    with platform.transaction() as session:
        rounds.create_market(platform, session, "cars", RULES, role=role_id("ev_owner"))
    run_until_idle(platform)
    with platform.transaction() as session:
        row = rounds.market_named(session, "cars")
        assert row is not None
        number = row.market
        for role in (Role.OPERATOR, Role.BALANCING):
            post_bond(platform, session, role, number, BOND)
        for who in ("holder", "other"):
            fund_margin(platform, session, number, desk.signer(who).address, BOND, key="first")
        seller = desk.signer("other").address
        participants.register(platform, session, seller, name="Bob", role="ev_owner")
    run_until_idle(platform)
    return number


def open_round(desk, market):
    platform = desk.platform
    gate_at = platform.clock.now() + 300
    period = gate_at // (900 * RULES.period_slots) + 1
    with platform.transaction() as session:
        first = period * RULES.period_slots
        row = rounds.open_round(
            platform, session, market, gate_at=gate_at, first_slot=first, slots=2
        )
        number = row.number
    run_until_idle(platform)
    return number, gate_at


def order(desk, who, market, number, side, price):
    """Sign and hand in an order over REST; its hash."""
    signer = desk.signer(who)
    with signed_in_by(desk.url, None, signer, ["participant"]) as client:
        product = client.get(f"/rounds/{market}/{number}/products")["items"][0]["product"]
        wanted = {
            "market": market,
            "round": number,
            "side": side,
            "product": product,
            "energy_wh": 2_000,
            "price_nano_per_kwh": price,
        }
        made = client.post("/orders/template", wanted)
        digest = bytes(_hash_eip191_message(encode_typed_data(full_message=made["typed_data"])))
        signature = "0x" + signer.sign_digest(digest).hex()
        return client.post("/orders", {"order": made["order"], "signature": signature})[
            "order_hash"
        ]


def state_of(desk, market, number):
    with desk.platform.transaction() as session:
        return next(r.state for r in rounds.list_rounds(session, market) if r.number == number)


def failed_checks(desk, path):
    result = desk.run("verify", path, "--json")
    assert result.exit_code == 1
    return [each["check"] for each in json.loads(result.stdout)["checks"] if not each["passed"]]


def test_a_credential_opens_gates_until_it_is_revoked_and_what_was_gated_settles(desk, market):
    platform, clock = desk.platform, desk.platform.clock
    assert isinstance(clock, ChainClock)
    number, gate_at = open_round(desk, market)
    with pytest.raises(RefusedError) as caught:
        order(desk, "holder", market, number, "buy", 300_000_000)
    assert caught.value.code == "no_credential"

    issued = desk.issue("car.vc", grant=True)
    assert desk.done("accept", desk.path("car.vc"), who="holder")["kept"]
    shown = desk.done("present", "--kind", "ev_owner", "--disclose", "zone", who="holder")
    assert shown["learnt"][0]["claims"] == {"role": "ev_owner", "zone": ZONE}

    bid = order(desk, "holder", market, number, "buy", 300_000_000)
    order(desk, "other", market, number, "sell", 200_000_000)

    # One second after the gate, before anything of the round is on the chain.
    clock.advance_to(gate_at + 1)
    done = desk.done("revoke", issued["hash"], "--on-chain", who="issuer")
    assert done["on_chain"] == "revoked"
    assert state_of(desk, market, number) == "open"
    assert failed_checks(desk, desk.path("car.vc")) == ["status", "grant"]

    run_until_idle(platform)
    assert state_of(desk, market, number) == "confirmed"
    with signed_in_by(desk.url, None, desk.signer("holder"), ["participant"]) as client:
        settled = client.get(f"/orders/{bid}")
    assert (settled["state"], settled["fill_units"]) == ("settled", 2_000)

    following, _ = open_round(desk, market)
    with pytest.raises(RefusedError) as caught:
        order(desk, "holder", market, following, "buy", 300_000_000)
    assert caught.value.code == "no_credential"
    said = desk.refused("present", "--kind", "ev_owner", "--disclose", "zone", who="holder")
    assert "revocation" in said


def test_a_revocation_before_the_gate_leaves_the_order_out_and_the_round_settles(desk, market):
    clock = desk.platform.clock
    assert isinstance(clock, ChainClock)
    number, gate_at = open_round(desk, market)
    issued = desk.issue("car.vc", grant=True)
    bid = order(desk, "holder", market, number, "buy", 300_000_000)
    order(desk, "other", market, number, "sell", 200_000_000)
    desk.done("revoke", issued["hash"], "--on-chain", who="issuer")
    clock.advance_to(gate_at + 1)
    run_until_idle(desk.platform)
    assert state_of(desk, market, number) == "confirmed"
    with signed_in_by(desk.url, None, desk.signer("holder"), ["participant"]) as client:
        assert client.get(f"/orders/{bid}")["fill_units"] == 0
    platform = desk.platform
    report = audit.replay(platform.chain.rpc_url, platform.deployment, database=platform.engine)
    assert report.ok, report
