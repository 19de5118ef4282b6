"""Why an order did not count at the gate, and what its trader can do about it."""

from __future__ import annotations

from market.explanation.cleared import ClearedRound
from market.explanation.wording import energy, money, price


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
