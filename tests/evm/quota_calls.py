"""Random calls to the quotas, valid and hostile, beside those to the certificates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from market.reference.meters import encode_values
from market.reference.quotas import Basis
from market.reference.token import ZERO_ADDRESS
from tests.evm.certificate_calls import STRANGERS, CertificateCalls
from tests.evm.certificate_world import (
    CONSUMER,
    FUND,
    HOLDERS,
    METERED,
    PASSER_BY,
    QUOTAS,
    SUN,
    WIND,
    WIND_OWNER,
)
from tests.evm.world import ADMIN, DAY, Person

OBLIGED = (CONSUMER, CONSUMER, WIND_OWNER, METERED[2])
RATIOS = (0, 1, 100_000, 333_333, 10**6)


class QuotaCalls(CertificateCalls):
    """Two quotas whose days overlap, so that one certificate would do for both."""

    def __init__(self) -> None:
        super().__init__()
        for at, technologies in enumerate((1 << WIND | 1 << SUN, 1 << WIND)):
            terms = self.world.terms(
                first_period=self.world.today + 9 + at,
                periods=3,
                surrender_by=(self.world.today + 19 + at) * DAY,
                technologies=technologies,
            )
            assert self.world.open_quota(terms) is None
            for account, basis in ((CONSUMER, Basis.CONSUMPTION), (WIND_OWNER, Basis.GENERATION)):
                assert self.world.oblige(at + 1, account, basis, RATIOS[3]) is None
                self.bond(at + 1, account, 10**6)
        for holder in (CONSUMER, WIND_OWNER):
            self.world.approve_quotas(holder)

    def bond(self, quota: int, account: Person, amount: int) -> None:
        if self.world.post_bond(quota, account, amount) is None:
            self.books.bonds[quota, account.address] += amount

    def any_quota(self, rng: Random) -> int:
        return rng.choice([*range(1, self.world.quotas.quota_count + 1)] * 4 + [0, 99])

    # The government

    def open_quota(self, rng: Random) -> None:
        first = self.world.today + rng.choice((0, 6, 8, 9))
        terms = self.world.terms(first_period=first, surrender_by=(first + 9) * DAY)
        changes: tuple[dict[str, Any], ...] = (
            {},
            {},
            {"market": 9},
            {"carrier": 1},
            {"periods": 0},
            {"periods": 401},
            {"penalty": 2**62 + 1},
            {"bank_limit": 10**6 + 1},
            {"technologies": 0},
            {"technologies": 3},
            {"beneficiary": ZERO_ADDRESS},
            {"surrender_by": (first + 9) * DAY - 1},
        )
        changed = replace(terms, **rng.choice(changes))
        sender = rng.choice((ADMIN, ADMIN, ADMIN, CONSUMER))
        if self.world.quotas.quota_count < 5 or sender is CONSUMER:
            self.world.open_quota(changed, sender=sender)

    def oblige(self, rng: Random) -> None:
        quota, account = self.any_quota(rng), rng.choice((*OBLIGED, PASSER_BY, PASSER_BY))
        ratio = rng.choice((*RATIOS, 10**6 + 1))
        sender = rng.choice((ADMIN, ADMIN, ADMIN, CONSUMER))
        self.world.oblige(quota, account, rng.choice(tuple(Basis)), ratio, sender=sender)

    # The obliged

    def post_bond(self, rng: Random) -> None:
        quota, account = self.any_quota(rng), rng.choice((*OBLIGED, PASSER_BY))
        amount = rng.choice((0, 1, 10**6))
        if rng.random() < 0.8:
            self.bond(quota, account, amount)
        else:
            bonded = (quota, account.address, rng.choice((10**12, 2**63)))
            self.world.do(QUOTAS, "postBond", *bonded, sender=rng.choice(STRANGERS))

    def report_anything(self, rng: Random) -> None:
        quota, account = self.any_quota(rng), rng.choice(OBLIGED)
        period = self.period(rng)
        values = self.world.reading_of(account, period)
        if rng.random() < 0.2:
            values = rng.choice((b"", encode_values(self.day_of(account, rng))))
        self.world.report(quota, account, period, values)

    def report_what_is_due(self, rng: Random) -> None:
        for quota, account in list(self.world.quotas.obligations):
            person = next(p for p in METERED if p.address == account)
            first = self.world.quotas.quotas[quota - 1].terms.first_period
            for period in range(first - 1, min(first + 4, self.world.today - 1)):
                if rng.random() < 0.2:
                    self.world.report(quota, person, period)

    def surrender_something(self, rng: Random) -> None:
        account = rng.choice(OBLIGED)
        ids, amounts = self.lots(account, rng)
        self.surrender(self.any_quota(rng), account, ids, amounts)

    def surrender_what_is_owed(self, rng: Random) -> None:
        """As a willing account would: what it holds, up to what it owes."""
        for (quota, address), known in list(self.world.quotas.obligations.items()):
            account = next(p for p in METERED if p.address == address)
            left = known.owed_wh - known.surrendered_wh
            held = self.held(account)
            rng.shuffle(held)
            for token_id in held[:4]:
                most = self.world.certificates.balances[address, token_id]
                amount = min(left, rng.randint(1, most))
                if amount and self.surrender(quota, account, [token_id], [amount]):
                    left -= amount

    def surrender(self, quota: int, account: Person, ids: list[int], amounts: list[int]) -> bool:
        arguments = (quota, ids, amounts)
        if self.world.do(QUOTAS, "surrender", *arguments, sender=account) is not None:
            return False
        for token_id, amount in zip(ids, amounts, strict=True):
            self.books.surrendered[token_id] += amount
            self.books.claimed[token_id] += amount
        return True

    def settle_anything(self, rng: Random) -> None:
        self.world.settle_quota(self.any_quota(rng), rng.choice(OBLIGED))

    def settle_what_is_over(self, rng: Random) -> None:
        """Everybody's money is where it belongs afterwards."""
        asset, ledger = self.world.token.address, self.world.ledger
        for (quota, address), known in list(self.world.quotas.obligations.items()):
            account = next(p for p in METERED if p.address == address)
            before = ledger.free[asset, address] + ledger.free[asset, FUND.address]
            if self.world.settle_quota(quota, account) is None:
                after = ledger.free[asset, address] + ledger.free[asset, FUND.address]
                assert after - before == known.bond

    def change_hands(self, rng: Random) -> None:
        """Who is obliged gets certificates of all ages."""
        for giver in HOLDERS:
            held = self.held(giver)
            for token_id in rng.sample(held, min(2, len(held))):
                to = rng.choice((CONSUMER, CONSUMER, WIND_OWNER))
                most = self.world.certificates.balances[giver.address, token_id]
                self.world.give(giver, to, token_id, rng.randint(1, most))

    @property
    def actions(self) -> tuple[Callable[[Random], None], ...]:
        return (
            *super().actions,
            *(self.open_quota, self.oblige, self.post_bond, self.report_anything),
            *(self.surrender_something, self.surrender_something, self.settle_anything),
        )
