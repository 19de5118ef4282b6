"""Why an order did not count at the gate, and what its trader can do about it."""

from __future__ import annotations

from datetime import UTC, datetime

from market.delegation import Session, SessionBreach
from market.eligibility import traded_energy
from market.explanation.cleared import ClearedRound
from market.explanation.wording import energy, money, price
from market.order import Order
from market.units import floor_div


def price_cap(cleared: ClearedRound, position: int) -> list[str]:
    cap = price(cleared.rules.price_cap)
    return [
        f"It did not count at the gate: its limit is beyond the market's price cap of {cap} a kWh. "
        "Sign it with a limit within the cap."
    ]


def epoch(cleared: ClearedRound, position: int) -> list[str]:
    order = cleared.book.orders[position].order
    epoch = cleared.facts[order.trader].epoch
    return [
        f"It did not count at the gate: it was signed with epoch {order.epoch}, and its trader's "
        f"epoch was {epoch}, which cancels what was signed with another one. Sign with epoch "
        f"{epoch}."
    ]


def credential(cleared: ClearedRound, position: int) -> list[str]:
    return [
        "It did not count at the gate: the credential that this market asks of traders did not "
        "stand. Have it issued or renewed before the next gate."
    ]


def margin_missing(cleared: ClearedRound, position: int) -> list[str]:
    judgement = cleared.judgements[position]
    trader = cleared.book.orders[position].order.trader
    in_all = cleared.facts[trader].margin_micro
    left, need = judgement.margin_left_micro, judgement.need_micro
    rest = money(left) if left == in_all else f"{money(left)} of {money(in_all)}"
    after = "" if left == in_all else ", the trader's orders before it in the book took the others"
    return [
        f"It did not count at the gate: at full fill it needs {money(need)} of margin (what it may "
        f"cost, and collateral for imbalance) and {rest} was there{after}. {money(need - left)} "
        "was missing: add margin before the gate, or order less."
    ]


def margin_untold(cleared: ClearedRound, position: int) -> list[str]:
    need = money(cleared.judgements[position].need_micro)
    return [
        f"It did not count at the gate: at full fill it needs {need} of margin (what it may cost, "
        "and collateral for imbalance), and that was not left of its trader's. Order less, or ask "
        "its trader for more margin."
    ]


def capacity_untold(cleared: ClearedRound, position: int) -> list[str]:
    sold = energy(cleared.judgements[position].sold_wh)
    what = "what its trader offered for sale" if cleared.rules.tokenised else "attested capacity"
    return [
        f"It did not count at the gate: it sells up to {sold}, and so much was not left of "
        f"{what}. Sell less."
    ]


def capacity(cleared: ClearedRound, position: int) -> list[str]:
    judgement = cleared.judgements[position]
    left = judgement.capacity_left_wh or 0
    what, way = (
        ("what its trader offered for sale", "offer it before the gate")
        if cleared.rules.tokenised
        else ("its trader's attested capacity", "have it attested and synced before the gate")
    )
    return [
        f"It did not count at the gate: it sells up to {energy(judgement.sold_wh)}, and of {what} "
        f"{energy(left)} was left. {energy(judgement.sold_wh - left)} was missing: {way}, or sell "
        "less."
    ]


def delegation(cleared: ClearedRound, position: int) -> list[str]:
    signed, judgement = cleared.book.orders[position], cleared.judgements[position]
    session = cleared.facts[signed.order.trader].session
    breach = judgement.breach
    assert breach is not None
    head = f"It did not count at the gate: {signed.signer} signed it for its trader, and "
    if session is None or breach is SessionBreach.DELEGATE:
        now = "nobody" if session is None else session.delegate
        return [
            f"{head}the trader's delegate for this round was {now}. Have the delegate named "
            "before the gate, or let the trader sign itself."
        ]
    if breach is SessionBreach.ENDED:
        end = datetime.fromtimestamp(session.until, UTC)
        return [
            f"{head}its session had ended at {end:%Y-%m-%d %H:%M:%S} UTC. Have it prolonged before "
            "the next gate."
        ]
    if breach is SessionBreach.PRICE:
        return [
            f"{head}its session bounds what is taken at {price(session.max_price)} a kWh at most "
            f"and what is given at {price(session.min_price)} at least; the order's limit lies "
            f"beyond that. {_bounded_price(signed.order, session)}"
        ]
    amount, before = traded_energy(signed.order), judgement.delegated
    verb, wanted, spent, bound = (
        ("buys", amount.bought_wh, before.bought_wh, session.buy_wh)
        if breach is SessionBreach.BUY
        else ("sells", amount.sold_wh, before.sold_wh, session.sell_wh)
    )
    after = ", less what its orders before it in the book took" if spent else ""
    return [
        f"{head}it {verb} up to {energy(wanted)}, while its session had {energy(bound - spent)} "
        f"left in this round (of {energy(bound)}{after}). Order less, or have the bound raised "
        "before the gate."
    ]


def _bounded_price(order: Order, session: Session) -> str:
    """What a limit within the session would be."""
    amount = traded_energy(order)
    worth = session.max_price * amount.bought_wh - session.min_price * amount.sold_wh
    limit = floor_div(worth, order.max_units)
    if not order.multi_leg:
        side = "asks for" if order.sells else "bids"
        more = "or more" if order.sells else "or less"
        return f"Sign an order that {side} {price(-limit if order.sells else limit)} {more}."
    return f"Sign it with {price(limit)} a thousand units or less."
