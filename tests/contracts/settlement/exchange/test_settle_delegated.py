"""Orders that a session delegate signed (docs/protocol.md section 16)."""

from __future__ import annotations

from dataclasses import replace

import pytest

CENT = 10_000_000
MONEY = 1_000_000
SCALE = 1_000_000


@pytest.fixture
def pair(round, alice, bob, dora):
    """`pair(**changes)`: alice's bid, signed by dora, and bob's ask; and how they settle."""

    def made(energy=1_000, limit=30 * CENT, ask=20 * CENT, signer=dora):
        bid = round.order(alice, energy, limit, signer=signer)
        return bid, round.order(bob, -energy, ask)

    return made


def traded(round, bid, ask, price=25 * CENT):
    units = bid.order.max_units
    return round.batch([(bid, units), (ask, units)], price)


def counts(round, *orders, price=0, ties=None):
    """The orders in a book that fills nothing: which of them count decides the price."""
    return round.batch([(signed, 0) for signed in orders], price, ties)


@pytest.fixture
def settles_only_as_nothing(refused, kit):
    """`check(round, bid, ask)`: the bid counts with m = 0. Filling it is refused, and the book
    settles without it, at the limit of the ask, which then stands alone."""

    def check(round, bid, ask):
        batch = traded(round, bid, ask)
        round.close_gate(batch)
        with refused("FillAboveMaximum", market=round.market):
            round.settle(batch)
        tie = {0: kit.Tie(2, ask.order.max_units, 0)}
        round.settle(counts(round, bid, ask, price=-ask.order.limit, ties=tie))
        assert round.status == "Settled"

    return check


def test_a_delegates_order_fills_and_its_principal_pays(world, round, pair, alice, bob, dora):
    world.name(round.market, alice, dora)
    bid, ask = pair()
    before = {who: world.ledger.account(round.market, who) for who in (alice, bob, dora)}
    batch = traded(round, bid, ask)
    round.gate_and_settle(batch)
    debit, _ = batch.effects()[alice.address]
    after = world.ledger.account(round.market, alice)
    assert before[alice].margin - after.margin == debit
    assert world.ledger.account(round.market, dora) == before[dora]
    assert world.free(dora) == 0


def test_an_account_of_code_trades_through_its_delegate(world, round, bob, dora, chain):
    """It cannot sign orders; it names a plain key."""
    wallet = world.token
    chain.set_balance(wallet.address, 10**20)
    world.fund(wallet, 100 * MONEY)
    caller = world.impersonate(wallet.address)
    world.ledger.addMargin(round.market, 100 * MONEY, sender=caller)
    world.name(round.market, caller, dora)
    bid, ask = (
        round.order(wallet, 1_000, 30 * CENT, signer=dora),
        round.order(bob, -1_000, 20 * CENT),
    )
    round.gate_and_settle(traded(round, bid, ask))
    assert world.ledger.account(round.market, wallet).margin < 100 * MONEY


def test_a_delegation_in_the_last_second_before_the_gate_counts(world, round, pair, alice, dora):
    world.clock.next_at(round.gate_at - 1)
    world.name(round.market, alice, dora)
    round.gate_and_settle(traded(round, *pair()))
    assert round.status == "Settled"


def test_one_in_the_second_of_the_gate_does_not(
    world, round, pair, alice, dora, settles_only_as_nothing
):
    world.clock.next_at(round.gate_at)
    world.name(round.market, alice, dora)
    settles_only_as_nothing(round, *pair())


def test_a_revocation_before_the_gate_counts_and_the_round_settles(
    world, round, pair, alice, dora, settles_only_as_nothing
):
    world.name(round.market, alice, dora)
    bid, ask = pair()
    world.clock.next_at(round.gate_at - 1)
    world.delegations.revoke(round.market, sender=alice)
    settles_only_as_nothing(round, bid, ask)


@pytest.mark.parametrize("late", [0, 30])
def test_a_revocation_from_the_gate_on_changes_nothing_of_this_round(
    world, round, pair, alice, dora, erik, late
):
    world.name(round.market, alice, dora)
    batch = traded(round, *pair())
    if late:
        round.close_gate(batch)
    else:
        world.clock.next_at(round.gate_at)
    world.delegations.revoke(round.market, sender=alice)
    world.name(round.market, alice, erik)
    if not late:
        round.close_gate(batch)
    round.settle(batch)
    assert round.status == "Settled"


def test_a_revocation_after_the_gate_counts_in_the_next_round(
    world, round, pair, market, alice, bob, dora, settles_only_as_nothing
):
    world.name(market, alice, dora)
    batch = traded(round, *pair())
    round.close_gate(batch)
    world.delegations.revoke(market, sender=alice)
    round.settle(batch)
    following = world.open_round(market)
    bid = following.order(alice, 1_000, 30 * CENT, signer=dora)
    settles_only_as_nothing(following, bid, following.order(bob, -1_000, 20 * CENT))


def test_a_session_ends_at_its_end(world, round, pair, alice, dora, settles_only_as_nothing):
    """`until` is excluded: a gate at it is too late."""
    world.name(round.market, alice, dora, until=round.gate_at)
    settles_only_as_nothing(round, *pair())


def test_a_session_holds_until_the_second_before_its_end(world, round, pair, alice, dora):
    world.name(round.market, alice, dora, until=round.gate_at + 1)
    batch = traded(round, *pair())
    round.close_gate(batch)
    # what counts is the gate, not when the round is settled
    world.clock.move_to(round.gate_at + 100)
    round.settle(batch)
    assert round.status == "Settled"


def test_a_delegate_of_another_market_is_a_stranger(world, round, pair, alice, dora, refused):
    world.name(world.create_market(), alice, dora)
    batch = traded(round, *pair())
    round.close_gate(batch)
    with refused("BadSignature", market=round.market):
        round.settle(batch)


def test_a_delegate_of_another_account_is_a_stranger(world, round, pair, alice, bob, dora, refused):
    world.name(round.market, bob, dora)
    batch = traded(round, *pair())
    round.close_gate(batch)
    with refused("BadSignature", market=round.market):
        round.settle(batch)


def test_a_strangers_signature_reverts_with_and_without_a_session(
    world, round, pair, alice, dora, erik, refused
):
    bid, ask = pair(signer=erik)
    batch = traded(round, bid, ask)
    round.close_gate(batch)
    with refused("BadSignature", market=round.market):
        round.settle(batch)
    following_session = world.name(round.market, alice, dora)
    assert following_session[0] == dora.address
    with refused("BadSignature", market=round.market):
        round.settle(batch)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(
    "signature",
    [bytes(64), b"\xff" * 32 + b"\x7f" + b"\x00" * 31],
    ids=["zero", "beyond the curve"],
)
def test_a_signature_of_nobody_is_not_the_session_of_nobodys(
    world, round, pair, alice, dora, refused, named, signature
):
    """ecrecover answers nothing, and the session of nobody has delegate 0."""
    if named:
        world.name(round.market, alice, dora)
        world.delegations.revoke(round.market, sender=alice)
    bid, ask = pair()
    batch = traded(round, replace(bid, signature=signature), ask)
    round.close_gate(batch)
    with refused("BadSignature", market=round.market):
        round.settle(batch)


def test_only_the_low_s_of_a_delegates_signature_is_one(world, round, alice, bob, with_s, refused):
    """What is above half the curve's order and fits 255 bits no key signs by chance: here the key
    is made for the signature, which a delegate's can be."""
    own, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    delegate, low, high = with_s(own.digest)
    world.name(round.market, alice, delegate)
    bid = round.sign(alice, own.order, signer=delegate)
    for signature in (low, high):
        with_it = traded(round, replace(bid, signature=signature), ask)
        if signature == low:
            round.close_gate(with_it)
        else:
            with refused("BadSignature", market=round.market):
                round.settle(with_it)
    round.settle(traded(round, replace(bid, signature=low), ask))


def test_an_order_with_the_high_s_is_not_forced(world, round, alice, bob, with_s, kit, refused):
    order = round.order(alice, 1_000, 30 * CENT).order
    delegate, low, high = with_s(round.sign(alice, order).digest)
    world.name(round.market, alice, delegate)
    with refused("InvalidSignature", market=round.market):
        world.exchange.submitOrder(kit.as_tuple(order), high, sender=bob)
    world.exchange.submitOrder(kit.as_tuple(order), low, sender=bob)


def test_the_principal_needs_margin_for_a_delegates_order(
    world, round, bob, erik, dora, settles_only_as_nothing
):
    """Erik has none; the delegate's own would not help."""
    world.back(round.market, dora, 100 * MONEY)
    world.name(round.market, erik, dora)
    bid = round.order(erik, 1_000, 30 * CENT, signer=dora)
    settles_only_as_nothing(round, bid, round.order(bob, -1_000, 20 * CENT))


def test_a_bump_of_the_epoch_ends_what_a_delegate_signed_before(
    world, round, pair, alice, dora, settles_only_as_nothing
):
    world.name(round.market, alice, dora)
    bid, ask = pair()
    world.ledger.bumpEpoch(round.market, sender=alice)
    settles_only_as_nothing(round, bid, ask)


# ------------------------------------------------------------------ energy a round


def test_the_energy_bound_is_inclusive(world, round, pair, alice, dora):
    world.name(round.market, alice, dora, buyWh=1_000, sellWh=0)
    round.gate_and_settle(traded(round, *pair(1_000)))
    assert round.status == "Settled"


def test_an_order_beyond_the_energy_bound_counts_as_nothing(
    world, round, pair, alice, dora, settles_only_as_nothing
):
    world.name(round.market, alice, dora, buyWh=999)
    settles_only_as_nothing(round, *pair(1_000))


def several(round, trader, signer, energies):
    """Bids of those energies that stand in the book in that order: salts are tried."""
    while True:
        found = [round.order(trader, energy, 30 * CENT, signer=signer) for energy in energies]
        if found == sorted(found, key=lambda signed: signed.digest):
            return found


def test_totals_run_in_book_order_over_all_orders_of_a_delegate(
    world, round, alice, bob, dora, refused, kit
):
    """700 + 400 exceed 1,000, so the second counts with nothing; the third still fits."""
    world.name(round.market, alice, dora, buyWh=1_000)
    first, second, third = several(round, alice, dora, (700, 400, 300))
    ask = round.order(bob, -1_400, 20 * CENT)
    everything = round.batch([(first, 700), (second, 400), (third, 300), (ask, 1_400)], 25 * CENT)
    round.close_gate(everything)
    with refused("FillAboveMaximum", market=round.market, order=second_place(everything, second)):
        round.settle(everything)
    right = round.batch(
        [(first, 700), (second, 0), (third, 300), (ask, 1_000)],
        20 * CENT,
        {0: kit.Tie(2, 1_400, 1_000)},
    )
    round.settle(right)
    assert round.status == "Settled"


def second_place(batch, signed):
    return next(i for i, s in enumerate(batch.book.orders) if s.digest == signed.digest)


@pytest.mark.parametrize("cut", [1, 2])
def test_totals_go_from_chunk_to_chunk_inside_a_traders_group(
    world, round, alice, bob, dora, refused, cut, kit
):
    world.name(round.market, alice, dora, buyWh=1_000)
    bids = several(round, alice, dora, (700, 400, 300))
    ask = round.order(bob, -1_400, 20 * CENT)
    fills = dict(zip((bid.digest for bid in bids), (700, 0, 300), strict=True))
    batch = round.batch(
        [*((bid, fills[bid.digest]) for bid in bids), (ask, 1_000)],
        20 * CENT,
        {0: kit.Tie(2, 1_400, 1_000)},
    )
    round.close_gate(batch)
    start = second_place(batch, bids[0])
    cheating = batch.refilled({bids[1].digest: 400})
    _, state = round.verify(batch, 0, start + cut, b"")
    if cut == 1:
        with refused("FillAboveMaximum", market=round.market):
            round.verify(cheating, start + cut, 4, state)
    words = [int.from_bytes(state[i : i + 32], "big") for i in range(0, 22 * 32, 32)]
    assert words[9] == int(alice.address, 16)
    assert words[20:22] == [700, 0]
    round.verify(batch, start + cut, 4, state)
    assert round.status == "Verified"


def test_the_totals_of_one_trader_are_not_the_next_ones(world, round, alice, bob, carol, dora):
    """Both name the same delegate with the same bounds."""
    for trader in (alice, carol):
        world.name(round.market, trader, dora, buyWh=1_000)
    bids = [round.order(trader, 1_000, 30 * CENT, signer=dora) for trader in (alice, carol)]
    ask = round.order(bob, -2_000, 20 * CENT)
    round.gate_and_settle(round.batch([*((bid, 1_000) for bid in bids), (ask, 2_000)], 25 * CENT))
    assert round.status == "Settled"


def test_the_principals_own_orders_use_nothing_of_the_bounds(world, round, alice, bob, dora):
    world.name(round.market, alice, dora, buyWh=1_000)
    bids = [
        round.order(alice, 5_000, 30 * CENT),
        round.order(alice, 1_000, 30 * CENT, signer=dora),
        round.order(alice, 7_000, 30 * CENT),
    ]
    ask = round.order(bob, -13_000, 20 * CENT)
    fills = [(bid, bid.order.max_units) for bid in bids]
    round.gate_and_settle(round.batch([*fills, (ask, 13_000)], 25 * CENT))
    assert round.status == "Settled"


def test_what_does_not_count_uses_nothing_of_the_bounds(world, round, alice, bob, dora):
    """The first order is of another epoch; were it added, the second would exceed the bound."""
    world.name(round.market, alice, dora, buyWh=1_000)
    while True:
        old = round.order(alice, 900, 30 * CENT, signer=dora, epoch=7)
        bid = round.order(alice, 1_000, 30 * CENT, signer=dora)
        if old.digest < bid.digest:
            break
    ask = round.order(bob, -1_000, 20 * CENT)
    round.gate_and_settle(round.batch([(old, 0), (bid, 1_000), (ask, 1_000)], 25 * CENT))
    assert round.status == "Settled"


def test_a_delegate_that_only_buys_cannot_sell(world, round, alice, bob, dora, refused, kit):
    world.name(round.market, alice, dora, sellWh=0)
    ask = round.order(alice, -1_000, 20 * CENT, signer=dora)
    bid = round.order(bob, 1_000, 30 * CENT)
    batch = round.batch([(bid, 1_000), (ask, 1_000)], 25 * CENT)
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=round.market):
        round.settle(batch)
    tie = {0: kit.Tie(1, 1_000, 0)}
    round.settle(counts(round, bid, ask, price=30 * CENT, ties=tie))


# ------------------------------------------------------------------ prices


@pytest.mark.parametrize(("limit", "within"), [(30 * CENT, True), (30 * CENT + 1, False)])
def test_a_bid_is_at_most_at_the_highest_price(
    world, round, pair, alice, dora, limit, within, settles_only_as_nothing
):
    world.name(round.market, alice, dora, maxPrice=30 * CENT)
    bid, ask = pair(limit=limit)
    if within:
        round.gate_and_settle(traded(round, bid, ask))
        assert round.status == "Settled"
    else:
        settles_only_as_nothing(round, bid, ask)


@pytest.mark.parametrize("price", [20 * CENT, 0, -5 * CENT])
@pytest.mark.parametrize("below", [0, 1])
def test_an_ask_is_at_least_at_the_lowest_price(
    world, round, alice, bob, dora, refused, price, below, kit
):
    world.name(round.market, alice, dora, minPrice=price)
    ask = round.order(alice, -1_000, price - below, signer=dora)
    bid = round.order(bob, 1_000, 30 * CENT)
    middle = (30 * CENT + price - below) // 2
    batch = round.batch([(bid, 1_000), (ask, 1_000)], middle)
    round.close_gate(batch)
    if below:
        with refused("FillAboveMaximum", market=round.market):
            round.settle(batch)
        tie = {0: kit.Tie(1, 1_000, 0)}
        round.settle(counts(round, bid, ask, price=30 * CENT, ties=tie))
    else:
        round.settle(batch)
    assert round.status == "Settled"


@pytest.mark.parametrize(("limit", "within"), [(-3 * CENT, True), (-3 * CENT + 1, False)])
def test_a_negative_highest_price_only_takes_energy_with_money(
    world, round, pair, alice, dora, limit, within, settles_only_as_nothing
):
    world.name(round.market, alice, dora, maxPrice=-3 * CENT)
    bid, ask = pair(limit=limit, ask=-10 * CENT)
    if within:
        round.gate_and_settle(traded(round, bid, ask, (limit - 10 * CENT) // 2))
        assert round.status == "Settled"
    else:
        settles_only_as_nothing(round, bid, ask)


# A unit takes 1 Wh (at most at 0.12) and gives 0.8 Wh (at least at 0.10): at most 0.04 a unit.
@pytest.mark.parametrize(
    ("bounds", "within"),
    [
        ({"maxPrice": 12 * CENT, "minPrice": 10 * CENT}, True),
        ({"maxPrice": 12 * CENT - 1, "minPrice": 10 * CENT}, False),
        ({"maxPrice": 12 * CENT, "minPrice": 10 * CENT + 1}, False),
        ({"maxPrice": -4 * CENT, "minPrice": -10 * CENT}, True),
        ({"maxPrice": -4 * CENT - 1, "minPrice": -10 * CENT}, False),
        ({"buyWh": 10_000, "sellWh": 8_000}, True),
        ({"buyWh": 9_999}, False),
        ({"sellWh": 7_999}, False),
    ],
)
def test_an_order_of_several_legs_is_one_inequality(
    world, round, alice, bob, carol, dora, refused, bounds, within
):
    world.name(round.market, carol, dora, **bounds)
    storage = round.coupled_order(carol, {0: SCALE, 1: -800_000}, 10_000, 4 * CENT, signer=dora)
    ask, bid = round.order(bob, -10_000, 10 * CENT), round.order(alice, 8_000, 30 * CENT, index=1)
    batch = round.batch(
        [(storage, 10_000), (ask, 10_000), (bid, 8_000)], {0: 12 * CENT, 1: 20 * CENT}
    )
    round.close_gate(batch)
    if within:
        round.settle(batch)
    else:
        with refused("FillAboveMaximum", market=round.market):
            round.settle(batch)
        nothing = batch.refilled({signed.digest: 0 for signed in batch.book.orders})
        round.settle(nothing.changed(prices=(10 * CENT, 30 * CENT)))
    assert round.status == "Settled"


@pytest.mark.parametrize("units", [1, 7])
def test_legs_round_up_in_the_energy_bounds(world, round, alice, bob, carol, dora, units, refused):
    """7 units of 0.3 Wh are 3 Wh, not 2."""
    energy = -(-3 * units // 10)
    world.name(round.market, carol, dora, buyWh=energy - 1)
    order = round.coupled_order(carol, {0: 300_000, 1: -1}, units, 0, signer=dora)
    batch = round.batch([(order, 0)])
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=round.market):
        round.settle(batch.refilled({order.digest: 1}))
    round.settle(batch)


@pytest.mark.parametrize("sells", [False, True])
def test_the_widest_order_within_the_widest_bounds_overflows_nothing(
    world, alice, dora, kit, sells
):
    market = world.create_market(priceCap=2**62, imbalanceCap=0)
    round = world.open_round(market)
    world.name(
        market,
        alice,
        dora,
        buyWh=2**64 - 1,
        sellWh=2**64 - 1,
        maxPrice=2**63 - 1,
        minPrice=-(2**63),
    )
    # the operator pays the most for it, or gets the most: neither needs margin
    price = 2**62 if sells else -(2**62)
    order = round.order(alice, (2**64 - 1) * (-1 if sells else 1), price, signer=dora)
    tie = {0: kit.Tie(2 if sells else 1, 2**64 - 1, 0)}
    round.gate_and_settle(round.batch([(order, 0)], price, tie))
    assert round.status == "Settled"


# ------------------------------------------------------------------ nobody blocks a round


def test_a_former_delegates_order_cannot_block_the_round(
    world, round, alice, bob, dora, erik, kit, refused
):
    """Dora was dismissed long ago; she forces an order, which the book must contain."""
    world.name(round.market, alice, dora)
    world.name(round.market, alice, erik)
    forced = round.order(alice, 1_000, 30 * CENT, signer=dora)
    bid, ask = round.order(alice, 500, 30 * CENT, signer=erik), round.order(bob, -500, 20 * CENT)
    world.exchange.submitOrder(kit.as_tuple(forced.order), forced.signature, sender=bob)
    assert world.exchange.isForced(forced.digest)
    batch = round.batch([(forced, 0), (bid, 500), (ask, 500)], 25 * CENT, forced=[forced])
    round.close_gate(batch)
    with refused("FillAboveMaximum", market=round.market):
        round.settle(batch.refilled({forced.digest: 1}))
    round.settle(batch)
    assert round.status == "Settled"


def test_a_former_delegates_signature_does_not_stand_in_for_the_principals(
    world, round, alice, bob, dora, refused, kit
):
    """An operator that has alice's order and dora's signature of it cannot make it count with
    nothing: the book it committed has alice's, and one with dora's has another root."""
    world.name(round.market, alice, dora)
    world.delegations.revoke(round.market, sender=alice)
    own, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -1_000, 20 * CENT)
    again = round.sign(alice, own.order, signer=dora)
    assert again.order == own.order
    assert again.digest != own.digest
    fair = traded(round, own, ask)
    round.close_gate(fair)
    tie = {0: kit.Tie(2, 1_000, 0)}
    with refused("WrongBook", market=round.market):
        round.settle(counts(round, again, ask, price=20 * CENT, ties=tie))
    round.settle(fair)


def test_one_order_signed_by_two_is_two_orders(world, round, alice, bob, dora):
    world.name(round.market, alice, dora)
    own, ask = round.order(alice, 1_000, 30 * CENT), round.order(bob, -2_000, 20 * CENT)
    again = round.sign(alice, own.order, signer=dora)
    round.gate_and_settle(round.batch([(own, 1_000), (again, 1_000), (ask, 2_000)], 25 * CENT))
    assert round.status == "Settled"


def test_the_same_signed_order_twice_is_refused(world, round, alice, bob, dora, refused):
    world.name(round.market, alice, dora)
    bid, ask = round.order(alice, 500, 30 * CENT, signer=dora), round.order(bob, -1_000, 20 * CENT)
    batch = round.batch([(bid, 500), (ask, 500)], 25 * CENT)
    round.close_gate(batch)
    place = second_place(batch, bid)
    orders = batch.orders
    header = orders.index(bytes.fromhex(alice.address[2:]))
    one = batch.orders_between(place, place + 1)[22:]
    twice = orders[: header + 20] + (2).to_bytes(2, "big") + one + one
    if header == 0:
        twice += orders[22 + len(one) :]
    with refused("OrdersNotSorted", market=round.market):
        round.settle(batch, orders=twice if header == 0 else orders[:header] + twice[header:])
