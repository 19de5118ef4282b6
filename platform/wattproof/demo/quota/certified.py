"""What must hold of every certificate of the year."""

from __future__ import annotations

from collections import Counter

from wattproof.certificates.ids import BatchId
from wattproof.certificates.service import CONTRACT
from wattproof.demo.quota.lived import Results
from wattproof.demo.quota.provenance import Chain, read_chain, readings_wh
from wattproof.demo.report import Check

_MWH = 1e6


def certificate_checks(results: Results) -> list[Check]:
    """Issue, conservation, provenance, the store, once-only surrender."""
    chain = read_chain(results)
    return [
        _issued(results, chain),
        conserved(chain),
        _in_order(results, chain),
        _provenance(results, chain),
        _store(results, chain),
        surrendered_once(chain),
    ]


def _issued(results: Results, chain: Chain) -> Check:
    proved = readings_wh(results)
    store = str(results.joined.cast[results.scene.store.name].device.address)
    issued = {
        batch: view["issuedWh"]
        for batch, view in chain.batches.items()
        if BatchId.of(batch).device != store
    }
    return Check(
        "green certificates are the final readings of wind, day by day, each once",
        issued == proved and bool(proved),
        f"{sum(issued.values()) / _MWH:,.0f} MWh in {len(issued):,} batches",
    )


def conserved(chain: Chain) -> Check:
    """Whether nothing was lost or made on the way."""
    wrong = [
        batch
        for batch, view in chain.batches.items()
        if view["issuedWh"] != chain.held[batch] + view["retiredWh"] + view["expiredWh"]
    ]
    total = sum(view["issuedWh"] for view in chain.batches.values())
    retired = sum(view["retiredWh"] for view in chain.batches.values())
    return Check(
        "of every batch, what was issued is held, retired or expired",
        not wrong,
        f"{total / _MWH:,.0f} = {sum(chain.held.values()) / _MWH:,.0f} + {retired / _MWH:,.0f} MWh",
    )


def _in_order(results: Results, chain: Chain) -> Check:
    """Positions leave a pool from its head, without a gap, as many as were sold."""
    heads: Counter[int] = Counter()
    gaps = 0
    for each in chain.assigned:
        slot = int(each["slot"])
        gaps += int(each["start"]) != heads[slot]
        heads[slot] = int(each["start"]) + int(each["length"])
    sold = {results.year.slot(vintage): month.sold_wh for vintage, month in enumerate(results.sold)}
    return Check(
        "what was sold left every pool first in, first out",
        not gaps and +heads == +Counter(sold),
        f"{len(chain.assigned)} parcels of {len(sold)} pools",
    )


def _provenance(results: Results, chain: Chain) -> Check:
    """Re-derived from what went into the pools; the contract's view and what arrived agree."""
    node, market = results.stage.platform.chain, results.joined.certificates
    derived: Counter[tuple[str, int]] = Counter()
    wrong = 0
    for each in chain.assigned:
        slot, start, length = int(each["slot"]), int(each["start"]), int(each["length"])
        pieces = chain.pieces(slot, start, length)
        ids, amounts = node.call(CONTRACT, "certificatesAt", market, slot, start, length)
        said: Counter[int] = Counter()
        for batch, amount in zip(ids, amounts, strict=True):
            said[batch] += amount
        wrong += said != pieces or sum(pieces.values()) != length
        derived.update({(each["to"], batch): wh for batch, wh in pieces.items()})
    unknown = [batch for _, batch in derived if batch not in chain.batches]
    return Check(
        "every certificate bought is traced to a device and a day, sold and collected alike",
        not wrong and not unknown and derived == chain.collected and bool(derived),
        f"{len(derived):,} batches bought from {len({BatchId.of(b).device for _, b in derived})} "
        "devices",
    )


def _store(results: Results, chain: Chain) -> Check:
    """What came out is less than what went in, at most by the store's efficiency."""
    store = str(results.joined.cast[results.scene.store.name].device.address)
    out = sum(
        view["issuedWh"]
        for batch, view in chain.batches.items()
        if BatchId.of(batch).device == store
    )
    into = sum(month.given_wh for month in results.stored)
    inside = sum(results.stored[-1].after.green_wh.values())
    passed = into * results.scene.store.efficiency_bp // 10_000
    return Check(
        "the store gave out fewer green certificates than it took, less its losses",
        0 < out + inside <= passed and out == sum(month.issued_wh for month in results.stored),
        f"{into / _MWH:,.1f} MWh in, {out / _MWH:,.1f} out, {inside / _MWH:,.1f} still stored",
    )


def surrendered_once(chain: Chain) -> Check:
    """Whether every surrender retired what it counted, for who was obliged, and nothing twice."""
    by_batch: Counter[int] = Counter()
    for (_, batch), wh in chain.surrendered.items():
        by_batch[batch] += wh
    twice = [b for b, wh in by_batch.items() if wh > chain.batches[b]["retiredWh"]]
    return Check(
        "a certificate surrendered counts once and moves no more",
        not twice and chain.surrendered == chain.claimed and bool(by_batch),
        f"{sum(by_batch.values()) / _MWH:,.0f} MWh of {len(by_batch):,} batches",
    )
