"""Certificates from end to end, read from the contracts: issued, held, sold, surrendered, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wattproof.certificates.ids import BatchId
from wattproof.certificates.service import CONTRACT
from wattproof.demo.quota.lived import Results
from wattproof.indexer import history
from wattproof.quotas.service import CONTRACT as QUOTAS

Amounts = Mapping[int, int]
"""Wh by certificate id."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What the contracts say of every certificate at the year's end.

    Attributes:
        batches: as the contract has them, by id.
        held: Wh by id, of all participants and the contract's own escrow together.
        pooled, assigned: what went into sale pools and left them, in order.
        collected: Wh by buyer's address and id.
        surrendered, claimed: Wh by account's address and id.
    """

    batches: Mapping[int, Mapping[str, Any]]
    held: Amounts
    pooled: Sequence[Mapping[str, Any]]
    assigned: Sequence[Mapping[str, Any]]
    collected: Mapping[tuple[str, int], int]
    surrendered: Mapping[tuple[str, int], int]
    claimed: Mapping[tuple[str, int], int]

    def pieces(self, slot: int, start: int, length: int) -> Amounts:
        """Which certificates stand at positions of a pool, from what went into it alone."""
        found: Counter[int] = Counter()
        for each in self.pooled:
            if int(each["slot"]) != slot:
                continue
            begins = int(each["start"])
            overlap = min(start + length, begins + int(each["amount"])) - max(start, begins)
            if overlap > 0:
                found[int(each["id"])] += overlap
        return found


def read_chain(results: Results) -> Chain:
    """Read all of it: views of the contracts, and the events that the index keeps."""
    chain, cast = results.stage.platform.chain, results.joined.cast
    escrow = chain.address(CONTRACT)
    with results.stage.platform.transaction() as session:
        told = {
            name: [event.args for event in history.events(session, contract, name)]
            for contract, name in (
                (CONTRACT, "BatchIssued"),
                (CONTRACT, "Pooled"),
                (CONTRACT, "Assigned"),
                (CONTRACT, "TransferSingle"),
                (CONTRACT, "TransferBatch"),
                (QUOTAS, "Surrendered"),
            )
        }
    ids = [int(args["id"]) for args in told["BatchIssued"]]
    views = chain.call_many([(CONTRACT, "batchOf", (batch,)) for batch in ids])
    held: Counter[int] = Counter()
    for address in (*cast.names, escrow):
        balances = chain.call(CONTRACT, "balanceOfBatch", [address] * len(ids), ids)
        held.update(dict(zip(ids, balances, strict=True)))
    surrendered: Counter[tuple[str, int]] = Counter()
    for args in told["Surrendered"]:
        surrendered[args["account"], int(args["id"])] += int(args["amount"])
    places = list(surrendered)
    claimed = chain.call(
        CONTRACT, "claimedBalanceOfBatch", [place[0] for place in places], [p[1] for p in places]
    )
    return Chain(
        batches=dict(zip(ids, views, strict=True)),
        held=held,
        pooled=told["Pooled"],
        assigned=told["Assigned"],
        collected=_collected(escrow, told),
        surrendered=surrendered,
        claimed=dict(zip(places, claimed, strict=True)),
    )


def readings_wh(results: Results) -> dict[int, int]:
    """Certificates that the wind parks' final readings prove, Wh by id."""
    proved: dict[int, int] = {}
    for vintage, month in enumerate(results.power):
        period = results.year.period(vintage)
        for park in results.scene.wind:
            device = str(results.joined.cast[park.name].device.address)
            for day, wh in enumerate(month.metered_wh[park.name]):
                if wh < 0:
                    batch = BatchId(device, period, day, int(results.technology)).number
                    proved[batch] = -wh
    return proved


def _collected(
    escrow: str, told: Mapping[str, Iterable[Mapping[str, Any]]]
) -> Counter[tuple[str, int]]:
    moved: Counter[tuple[str, int]] = Counter()
    for args in told["TransferSingle"]:
        if args["from"] == escrow:
            moved[args["to"], int(args["id"])] += int(args["value"])
    for args in told["TransferBatch"]:
        if args["from"] == escrow:
            for batch, value in zip(args["ids"], args["values"], strict=True):
                moved[args["to"], int(batch)] += int(value)
    return moved
