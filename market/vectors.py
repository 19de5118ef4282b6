"""Writes the vectors that Python and Solidity suites share: `python -m market.vectors FOLDER`.

Everything in them is computed here by the Python core; the contracts and the reference model must
agree. Integers beyond 53 bits inside orders are decimal strings, elsewhere plain JSON integers.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from eth_account import Account

from market import merkle
from market.book import Book
from market.certificate import check
from market.clearing import clear
from market.eligibility import TraderFacts, effective_maxima
from market.messages import Cancellation, Receipt
from market.order import Leg, Order, order_hash, order_to_json
from market.payment import leg_energy_wh, payment_micro
from market.product import Product, ProductGrid
from market.rules import MarketRules
from market.settlement import Settlement, encode_effects, encode_entries
from market.synthetic import DOMAIN, random_orders, rules_for, sign_all, trader_keys
from market.units import SCALE, ceil_div, floor_div

_MARGIN_MICRO = 10**13
_ORDERS_PER_CHUNK = 7


def write_vectors(folder: Path) -> None:
    """Writes every file of vectors into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {
        "payments": payment_vectors(),
        "orders": order_vectors(),
        "merkle": merkle_vectors(),
        "rounds": round_vectors(),
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def payment_vectors() -> dict[str, Any]:
    """Division, leg energies and payments, around zero and at the ends of the types."""
    random = Random(1)
    numbers = [0, 1, -1, 999_999, -999_999, 10**6, -(10**6), 10**6 + 1, -(10**6) - 1]
    numbers += [random.randint(-(2**80), 2**80) for _ in range(8)]
    legs = [
        (c, u)
        for c in (1_000_000, -1_000_000, 1, -1, 333_333, -333_333, 2**31 - 1, -(2**31))
        for u in (0, 1, 2, 3, 2_999_999, 2**64 - 1)
    ]
    payments = [([p], [q]) for p in (0, 1, -1, 2**63 - 1, -(2**63)) for q in (0, 1, -1, 2**75)]
    for _ in range(20):
        count = random.randint(1, 5)
        payments.append(
            (
                [random.randint(-(10**9), 10**9) for _ in range(count)],
                [random.randint(-(10**6), 10**6) for _ in range(count)],
            )
        )
    return {
        "division": [
            {"a": a, "b": 10**6, "floor": floor_div(a, 10**6), "ceil": ceil_div(a, 10**6)}
            for a in numbers
        ],
        "legs": [{"coefficient": c, "units": u, "energyWh": leg_energy_wh(c, u)} for c, u in legs],
        "payments": [
            {"prices": p, "quantitiesWh": q, "paymentMicro": payment_micro(p, q)}
            for p, q in payments
        ],
    }


def order_vectors() -> dict[str, Any]:
    """Orders with hash and signature, and the other signed messages."""
    random = Random(2)
    grid = ProductGrid(carriers=2, zones=2, first_slot=1_000, slots=4)
    keys = trader_keys(3)
    drawn = random_orders(random, grid, 12, keys=keys, multi_leg_share=0.5)
    extreme = drawn[0]
    drawn.append(
        (
            dataclasses.replace(
                extreme[0],
                market=2**32 - 1,
                round=2**32 - 1,
                max_units=2**64 - 1,
                limit=-(2**63),
                epoch=2**32 - 1,
                salt=2**64 - 1,
            ),
            extreme[1],
        )
    )
    digest = order_hash(DOMAIN, drawn[0][0])
    cancellation = Cancellation(1, 1, digest)
    receipt = Receipt(1, 1, digest, 1_760_000_000)
    return {
        "domain": {
            "chainId": DOMAIN.chain_id,
            "verifyingContract": DOMAIN.exchange,
            "separator": _hex(DOMAIN.separator),
        },
        "orders": [
            {
                "order": order_to_json(signed.order),
                "hash": _hex(signed.digest),
                "signature": _hex(signed.signature),
            }
            for signed in sign_all(drawn)
        ],
        "cancellation": {
            "market": 1,
            "round": 1,
            "order": _hex(digest),
            "hash": _hex(cancellation.digest(DOMAIN)),
            "signature": _hex(cancellation.sign(DOMAIN, keys[0])),
        },
        "receipt": {
            "market": 1,
            "round": 1,
            "order": _hex(digest),
            "receivedAt": receipt.received_at,
            "hash": _hex(receipt.digest(DOMAIN)),
            "signature": _hex(receipt.sign(DOMAIN, keys[0])),
        },
    }


def merkle_vectors() -> list[dict[str, Any]]:
    """Trees of every small size with the proof of every leaf."""
    trees: list[dict[str, Any]] = []
    for count in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13):
        leaves = trader_keys(count)  # any 32 bytes will do
        trees.append(
            {
                "leaves": [_hex(leaf) for leaf in leaves],
                "root": _hex(merkle.root(leaves)),
                "proofs": [[_hex(s) for s in merkle.proof(leaves, i)] for i in range(count)],
            }
        )
    return trees


def round_vectors() -> list[dict[str, Any]]:
    """Whole rounds: book, maxima, clearing, certificate, effects, positions and call data."""
    one = ProductGrid(carriers=1, zones=1, first_slot=1_000, slots=1)
    several = ProductGrid(carriers=1, zones=2, first_slot=1_000, slots=3)
    coupled = ProductGrid(carriers=2, zones=1, first_slot=1_000, slots=4)
    return [
        _round("empty", Random(3), one, 0, 0.0, 1),
        _round("one product", Random(4), one, 24, 0.0, 1),
        _round("ties", Random(5), one, 40, 0.0, 50_000_000),
        _round("nobody trades", Random(6), one, 1, 0.0, 1),
        _round("several products", Random(7), several, 60, 0.0, 25_000_000),
        _round("some do not count", Random(8), several, 30, 0.0, 25_000_000, without_margin=2),
        _round("coupled", Random(9), coupled, 60, 0.3, 1),
        _network_round("network", Random(10), slots=2, count=40),
    ]


def _round(
    name: str,
    random: Random,
    grid: ProductGrid,
    count: int,
    multi_leg_share: float,
    price_step: int,
    without_margin: int = 0,
) -> dict[str, Any]:
    drawn = random_orders(
        random,
        grid,
        count,
        keys=trader_keys(6),
        multi_leg_share=multi_leg_share,
        price_step=price_step,
    )
    return _settled(name, grid, rules_for(grid), drawn, without_margin=without_margin)


def _network_round(name: str, random: Random, slots: int, count: int) -> dict[str, Any]:
    """Two open carriers in two zones, connected in both directions with losses of 3 %.

    Every line is a zone of carrier 2, whose capacity the network account sells and its own
    transport buys.
    """
    grid = ProductGrid(carriers=3, zones=2, first_slot=1_000, slots=slots)
    everybody = ProductGrid(carriers=2, zones=2, first_slot=1_000, slots=slots)
    keys = trader_keys(6)
    drawn = random_orders(random, everybody, count, keys=keys[:-1], multi_leg_share=0.3)
    account = Account.from_key(keys[-1]).address
    offers: list[tuple[dict[int, int], int]] = []
    for carrier in range(everybody.carriers):
        for slot in range(grid.first_slot, grid.first_slot + slots):
            line = Product(2, carrier, slot).id
            offers.append(({line: -SCALE}, 3_000))
            for source in (0, 1):
                taken, given = Product(carrier, source, slot), Product(carrier, 1 - source, slot)
                legs = {taken.id: SCALE, given.id: -970_000, line: SCALE}
                offers.append((legs, 15_000))
    for salt, (legs, units) in enumerate(offers):
        signed = tuple(Leg(product, c) for product, c in sorted(legs.items()))
        drawn.append((Order(1, 1, signed, units, 0, account, 0, salt), keys[-1]))
    rules = dataclasses.replace(rules_for(grid), open_carriers=everybody.carriers)
    return _settled(name, grid, rules, drawn, network=account)


def _settled(
    name: str,
    grid: ProductGrid,
    rules: MarketRules,
    drawn: Sequence[tuple[Order, bytes]],
    *,
    without_margin: int = 0,
    network: str | None = None,
) -> dict[str, Any]:
    book = Book.build(1, 1, grid, sign_all(drawn))
    traders = [trader for trader, _ in book.traders()]
    facts = {
        trader: TraderFacts(0 if n < without_margin else _MARGIN_MICRO, 0, True)
        for n, trader in enumerate(traders)
    }
    maxima = effective_maxima(book, facts, rules)
    clearing = clear(book, maxima, rules)
    certificate = check(book, maxima, clearing, rules)
    settlement = Settlement.build(book, maxima, clearing, rules)
    forced = [signed.digest for signed in book.orders[:2]]
    return {
        "name": name,
        "market": book.market,
        "round": book.round,
        "grid": dataclasses.asdict(grid),
        "rules": dataclasses.asdict(rules),
        "network": network,
        "margins": {trader: facts[trader].margin_micro for trader in traders},
        "orders": [
            {
                "order": order_to_json(signed.order),
                "hash": _hex(signed.digest),
                "signature": _hex(signed.signature),
                "maximum": maximum,
                "fill": fill,
                "paymentMicro": payment,
            }
            for signed, maximum, fill, payment in zip(
                book.orders, maxima, clearing.fills, settlement.payments_micro, strict=True
            )
        ],
        "bookRoot": _hex(book.root),
        "prices": list(clearing.prices),
        "indicative": list(clearing.indicative),
        "gapMicro": certificate.gap_micro,
        "welfareMicro": certificate.welfare_micro,
        "coupled": certificate.coupled,
        "effects": [dataclasses.asdict(effect) for effect in settlement.effects],
        "dustMicro": settlement.dust_micro,
        "positions": [
            {
                "trader": position.trader,
                "lockMicro": position.lock_micro,
                "entries": _hex(encode_entries(position.entries)),
                "chain": _hex(position.chain),
                "leaf": _hex(position.leaf),
            }
            for position in settlement.positions
        ],
        "positionsRoot": _hex(settlement.positions_root),
        "pricesHash": _hex(settlement.prices_hash),
        "forced": [_hex(digest) for digest in forced],
        "results": _hex(settlement.results()),
        "callData": _hex(settlement.orders(forced)),
        "allEffects": _hex(encode_effects(settlement.effects)),
        "chunks": [
            {"orders": _hex(orders), "effects": _hex(effects)}
            for orders, effects in settlement.chunks(_ORDERS_PER_CHUNK, forced)
        ],
    }


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


if __name__ == "__main__":
    write_vectors(Path(sys.argv[1]))
