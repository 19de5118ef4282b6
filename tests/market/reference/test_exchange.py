from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from market.order import order_from_json
from market.reference import Exchange, Status, errors
from market.reference.verification import encode_effects
from tests.market.reference.sandbox import ALICE, OPERATOR, Sandbox

VECTORS = Path(__file__).parents[2] / "vectors" / "rounds.json"
ROUNDS: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))
DESCRIPTION = b"lines with their limits and losses"
PARAMETERS = {"gap_floor_micro": "gap_floor", "gap_cap_micro": "gap_cap"}


def data(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.removeprefix("0x"))


def gated(vector: dict[str, Any]) -> Sandbox:
    """A world in which the vector's book is committed."""
    rules = {
        PARAMETERS.get(name, name): value
        for name, value in vector["rules"].items()
        if name != "tokenised"  # said by the capacity source and its unit
    }
    if vector["network"]:
        rules |= {"network": vector["network"], "network_hash": keccak(DESCRIPTION)}
    sandbox = Sandbox()
    market = sandbox.create_market(**rules)
    if vector["network"]:
        sandbox.exchange.publish_network(market, DESCRIPTION)
    for trader, margin in vector["margins"].items():
        if margin:
            sandbox.give_margin(market, trader, margin)
    grid = vector["grid"]
    gate_at = grid["first_slot"] * vector["rules"]["slot_seconds"]
    sandbox.now = gate_at - 100
    exchange = sandbox.exchange
    exchange.open_round(
        market, gate_at, grid["first_slot"], grid["slots"], sender=OPERATOR, now=sandbox.now
    )
    for entry in vector["orders"]:
        if entry["hash"] in vector["forced"]:
            order = order_from_json(entry["order"])
            exchange.submit_order(order, data(entry["signature"]), now=sandbox.now)
    sandbox.now = gate_at
    count = len(vector["orders"])
    exchange.close_gate(
        market, 1, data(vector["bookRoot"]), count, sender=OPERATOR, now=sandbox.now
    )
    return sandbox


def check_outcome(vector: dict[str, Any], sandbox: Sandbox) -> None:
    outcome = sandbox.exchange.round(1, 1).outcome
    assert outcome is not None
    assert outcome.positions_root == data(vector["positionsRoot"])
    assert outcome.positions_count == len(vector["positions"])
    assert outcome.prices_hash == data(vector["pricesHash"])
    assert (outcome.gap, outcome.welfare) == (vector["gapMicro"], vector["welfareMicro"])
    assert outcome.dust == vector["dustMicro"]
    asset = sandbox.exchange.market(1).asset
    assert sandbox.ledger.dust[asset] == vector["dustMicro"]
    assert sandbox.ledger.held(asset) == sandbox.ledger.total_deposited[asset]


@pytest.mark.parametrize("vector", ROUNDS, ids=[vector["name"] for vector in ROUNDS])
def test_the_shared_rounds_settle_at_once(vector):
    sandbox = gated(vector)
    arguments = (1, 1, data(vector["results"]), data(vector["callData"]))
    outcome = sandbox.exchange.settle(*arguments, sender=OPERATOR, now=sandbox.now)
    assert outcome is sandbox.exchange.round(1, 1).outcome
    check_outcome(vector, sandbox)
    with pytest.raises(errors.WrongStatus):
        sandbox.exchange.settle(*arguments, sender=OPERATOR, now=sandbox.now)


@pytest.mark.parametrize(
    "vector", [v for v in ROUNDS if v["chunks"]], ids=[v["name"] for v in ROUNDS if v["chunks"]]
)
def test_the_shared_rounds_settle_in_chunks(vector):
    sandbox = gated(vector)
    exchange, now = sandbox.exchange, sandbox.now
    state = b""
    for chunk in vector["chunks"]:
        parts = (data(vector["results"]), state, data(chunk["orders"]))
        state, effects = exchange.verify_chunk(1, 1, *parts, sender=OPERATOR, now=now)
        assert effects == data(chunk["effects"])
    assert exchange.status(1, 1, now=now + 10**6) is Status.VERIFIED
    late = now + 10**6
    for number in reversed(range(len(vector["chunks"]))):
        effects = data(vector["chunks"][number]["effects"])
        exchange.apply_chunk(1, 1, number, effects, now=late)
        with pytest.raises((errors.EffectsMismatch, errors.WrongStatus)):
            exchange.apply_chunk(1, 1, number, effects, now=late)
    assert exchange.status(1, 1, now=late) is Status.SETTLED
    every = [effect for chunk in exchange.round(1, 1).chunks for effect in chunk]
    assert encode_effects(every) == data(vector["allEffects"])
    check_outcome(vector, sandbox)


def test_a_refused_settlement_changes_nothing():
    vector = next(v for v in ROUNDS if v["name"] == "ties")
    sandbox = gated(vector)
    before = dict(sandbox.ledger.words)
    call_data = bytearray(data(vector["callData"]))
    call_data[-1] ^= 1
    with pytest.raises(errors.BadSignature):
        sandbox.exchange.settle(
            1, 1, data(vector["results"]), bytes(call_data), sender=OPERATOR, now=sandbox.now
        )
    assert sandbox.ledger.words == before
    assert sandbox.exchange.round(1, 1).outcome is None


@pytest.mark.parametrize(("late", "status"), [(300, Status.OPEN), (301, Status.VOID)])
def test_a_gate_that_was_not_closed_in_time_voids_the_round(late, status):
    sandbox = Sandbox()
    market = sandbox.create_market()
    number = sandbox.open_round(market)
    now = sandbox.exchange.round(market, number).gate_at + late
    assert sandbox.exchange.status(market, number, now=now) is status


def open_and_void(sandbox: Sandbox, market: int) -> int:
    number = sandbox.open_round(market)
    sandbox.void_after_gate(market)
    return number


def test_a_void_round_is_not_the_end_of_a_verified_one_before_it():
    """Otherwise the margin that waits to be debited could be spent again, or leave."""
    vector = next(v for v in ROUNDS if v["name"] == "one product")
    sandbox = gated(vector)
    exchange: Exchange = sandbox.exchange
    parts = (data(vector["results"]), b"", data(vector["callData"]))
    exchange.verify_chunk(1, 1, *parts, sender=OPERATOR, now=sandbox.now)
    deadline = sandbox.now + exchange.market(1).settle_window
    sandbox.open_round(1, gate_in=deadline - sandbox.now)
    sandbox.void_after_gate(1)
    assert exchange.status(1, 2, now=sandbox.now) is Status.VOID
    assert not exchange.is_terminal(1, 2, now=sandbox.now)
    with pytest.raises(errors.RoundNotClosed):
        sandbox.open_round(1)
    sandbox.fund(ALICE, 1)
    with pytest.raises(errors.MarketFrozen):
        sandbox.ledger.add_margin(1, 1, sender=ALICE, now=sandbox.now)
    effects = encode_effects(exchange.round(1, 1).chunks[0])
    exchange.apply_chunk(1, 1, 0, effects, now=sandbox.now)
    assert exchange.is_terminal(1, 2, now=sandbox.now)
    sandbox.open_round(1)


def test_rounds_are_opened_one_after_another():
    sandbox = Sandbox()
    market = sandbox.create_market()
    sandbox.open_round(market)
    with pytest.raises(errors.RoundNotClosed):
        sandbox.open_round(market, gate_in=10_000)
    sandbox.void_after_gate(market)
    assert open_and_void(sandbox, market) == 2
    assert open_and_void(sandbox, market) == 3


def test_slots_of_two_periods_or_gates_after_delivery_are_refused():
    sandbox = Sandbox()
    market = sandbox.create_market()
    now = sandbox.now
    with pytest.raises(errors.InvalidSlots):
        sandbox.exchange.open_round(market, now + 1, 2_003, 2, sender=OPERATOR, now=now)
    with pytest.raises(errors.InvalidGate):
        sandbox.exchange.open_round(market, 2_000 * 900 + 1, 2_000, 1, sender=OPERATOR, now=now)
    with pytest.raises(errors.NotOperator):
        sandbox.exchange.open_round(market, now + 1, 2_000, 1, sender=ALICE, now=now)
