"""The suite's own books of certificates, kept from call data, and what must hold whatever happens.

Everything is asked of the contracts; nothing of the model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from market.reference.certified_devices import CertificateId
from market.reference.meters import MISSING, decode_values
from tests.evm.certificate_world import (
    CERTIFICATES,
    EFFICIENCY_BP,
    HOLDERS,
    METERED,
    QUOTAS,
    SECOND_STORE_OWNER,
    STORE_OWNER,
    CertificateWorld,
    meter_of,
)

FULL_BP = 10_000


class Books:
    """What calls that took effect said: retired, stored, surrendered, collected, bonded."""

    def __init__(self, world: CertificateWorld) -> None:
        self.world = world
        self.claimed: Counter[int] = Counter()
        self.stored: Counter[int] = Counter()
        self.surrendered: Counter[int] = Counter()
        self.given: Counter[str] = Counter()
        """By store, Wh."""
        self.claims_seen: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.collected: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        """By market and slot: positions, `[start, end)`."""
        self.bonds: Counter[tuple[int, str]] = Counter()
        self.most_owed: defaultdict[tuple[int, str], int] = defaultdict(int)

    def parcels(self, market: int, slot: int, who: str) -> list[tuple[int, int]]:
        """Positions `[start, end)` that somebody has not collected."""
        parcels = self.world.view(CERTIFICATES, "parcelsOf", market, slot, who)
        return [(start, start + length) for start, length in parcels]

    def note_collected(self, place: tuple[int, int], before: Any, after: Any) -> None:
        """Parcels of one account before and after it collected some."""
        left = after[0][0] if after else None
        for start, end in before:
            if left is not None and start >= left:
                break
            cut = min(end, left) if left is not None and start < left else end
            self.collected[place].append((start, cut))

    # What must hold

    def check(self) -> None:
        self.check_batches()
        self.check_meters()
        self.check_stores()
        for place in self.world.certificates.pools:
            self.check_pool(*place)
        self.check_quotas()

    def check_batches(self) -> None:
        """Issued = held + retired + expired, and who retired what is remembered for ever."""
        keepers = self.world.keepers
        for token_id in self.world.certificates.batches:
            *_, issued, retired, expired = self.world.view(CERTIFICATES, "batchOf", token_id)
            arguments = (keepers, [token_id] * len(keepers))
            certificates = self.world.contracts[CERTIFICATES]
            held = certificates.call("balanceOfBatch", *arguments)
            claims = certificates.call("claimedBalanceOfBatch", *arguments)
            assert issued == sum(held) + retired + expired
            assert retired == self.claimed[token_id] + self.stored[token_id]
            assert sum(claims) == self.claimed[token_id]
            assert self.surrendered[token_id] <= self.claimed[token_id]
            for who, claim in zip(keepers, claims, strict=True):
                assert claim >= self.claims_seen[who, token_id]
                self.claims_seen[who, token_id] = claim

    def check_meters(self) -> None:
        """Nothing is issued beyond the final reading of its interval."""
        by_interval: Counter[tuple[str, int, int]] = Counter()
        for token_id in self.world.certificates.batches:
            named = CertificateId.of(token_id)
            issued = self.world.view(CERTIFICATES, "batchOf", token_id)[6]
            by_interval[named.device, named.period, named.slot] += issued
        producers = {meter_of(owner).address for owner in METERED[:2]}
        for (device, period, slot), issued in by_interval.items():
            assert self.world.view("MeterRegistry", "finalReading", device, period)[0]
            metered = decode_values(self.world.values[device, period])[slot]
            fed_in = 0 if metered == MISSING else max(0, -metered)
            assert issued == fed_in if device in producers else issued <= fed_in

    def check_stores(self) -> None:
        """What came out is at most what was given less the losses, and so is what is in."""
        for owner in (STORE_OWNER, SECOND_STORE_OWNER):
            device = meter_of(owner).address
            capacity, energy, _, _, green = self.world.view(CERTIFICATES, "storeOf", device)
            issued = sum(
                self.world.view(CERTIFICATES, "batchOf", token_id)[6]
                for token_id in self.world.certificates.batches
                if CertificateId.of(token_id).device == device
            )
            assert (issued + sum(green)) * FULL_BP <= self.given[device] * EFFICIENCY_BP
            assert sum(green) <= energy <= capacity

    def check_pool(self, market: int, slot: int) -> None:
        """Positions are sold in order, each to one account, and nothing in the pool is lost."""
        head, tail = self.world.view(CERTIFICATES, "poolOf", market, slot)
        assert head <= tail
        waiting = [
            part for holder in HOLDERS for part in self.parcels(market, slot, holder.address)
        ]
        parts = sorted(waiting + self.collected[market, slot])
        assert [start for start, _ in parts] == [0, *(end for _, end in parts)][: len(parts)]
        assert (parts[-1][1] if parts else 0) == head
        offered = sum(
            self.world.view(CERTIFICATES, "offerOf", market, slot, holder.address)[0]
            for holder in HOLDERS
        )
        assert offered - self.in_flight(market, slot) == tail - head
        held: Counter[int] = Counter()
        for start, end in [*waiting, (head, tail)]:
            at = (market, slot, start, end - start)
            ids, amounts = self.world.view(CERTIFICATES, "certificatesAt", *at)
            for token_id, amount in zip(ids, amounts, strict=True):
                held[token_id] += amount
        address = self.world.certificates.address
        for token_id, amount in held.items():
            assert self.world.view(CERTIFICATES, "balanceOf", address, token_id) == amount

    def in_flight(self, market: int, slot: int) -> int:
        """What applied chunks of an unfinished round moved out of the pool, less out of offers."""
        number = self.world.exchange.last_round(market)
        if not number:
            return 0
        record = self.world.exchange.round(market, number)
        if record.first_slot != slot or len(record.applied) == len(record.chunks):
            return 0
        return sum(effect.moved for at in record.applied for effect in record.chunks[at])

    def check_quotas(self) -> None:
        """Surrendered is at most owed, penalties at most bonds, and bonds are the tokens held."""
        held = 0
        for number in range(1, self.world.view(QUOTAS, "quotaCount") + 1):
            terms, _ = self.world.view(QUOTAS, "quotaOf", number)
            for person in METERED:
                place = (number, person.address)
                known = self.world.view(QUOTAS, "obligationOf", *place)
                if not int(known[0], 16):
                    continue
                *_, settled, energy, surrendered, banked, shortfall, bond, paid = known
                owed = self.world.view(QUOTAS, "owedWh", *place)
                assert owed == -(-energy * known[2] // 10**6)
                assert surrendered <= owed
                assert banked <= min(surrendered, owed * terms[5] // 10**6)
                assert paid <= self.bonds[place]
                assert shortfall == (owed - surrendered if settled else 0)
                assert bond == (0 if settled else self.bonds[place])
                held += bond
        address = self.world.quotas.address
        assert self.world.view("SettlementToken", "balanceOf", address) == held
