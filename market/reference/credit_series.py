"""Series of energy credits, the escrow behind each, and what holders get out of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from eth_utils.address import to_checksum_address

from market.reference.authority import Authority
from market.reference.baseline import BaselineRule, check_rule
from market.reference.errors import (
    ERC6909InsufficientBalance,
    ERC6909InvalidReceiver,
    EscrowBound,
    ExpiryPassed,
    NotExpired,
    NotIssuer,
    OtherAsset,
    SeriesExists,
    SeriesExpired,
    SeriesFull,
    UnknownCarrier,
    UnknownSeries,
    WorthNothing,
    ZeroAddress,
    ZeroAmount,
)
from market.reference.exchange import Exchange
from market.reference.ledger import Ledger
from market.reference.multi_token import MultiToken
from market.reference.token import ZERO_ADDRESS, SettlementToken

SCALE = 1_000_000
MAX_64_BITS = 2**64 - 1
EXPIRY_BITS = 40
MAX_EXPIRY = (1 << EXPIRY_BITS) - 1


@dataclass(frozen=True, slots=True)
class SeriesTerms:
    """For ever; `redemption` in nano-units per kWh."""

    market: int
    carrier: int
    redemption: int
    rule: BaselineRule


@dataclass(frozen=True, slots=True)
class Series:
    """Escrow in micro-units of `asset`, the rest in Wh; `budget_wh` is what windows may issue."""

    terms: SeriesTerms
    asset: str
    slot_seconds: int
    period_slots: int
    escrow: int = 0
    budget_wh: int = 0
    issued_wh: int = 0
    spent_wh: int = 0

    @property
    def owed(self) -> int:
        """Micro-units that credits and open budgets are worth, rounded up."""
        energy_wh = self.issued_wh - self.spent_wh + self.budget_wh
        return -(-energy_wh * self.terms.redemption // SCALE)

    def start_of(self, period: int, slot: int) -> int:
        """Seconds."""
        return (period * self.period_slots + slot) * self.slot_seconds


def series_id(issuer: str, expiry: int) -> int:
    return int(issuer, 16) << EXPIRY_BITS | expiry


def issuer_of(series: int) -> str:
    return str(to_checksum_address((series >> EXPIRY_BITS).to_bytes(20, "big")))


def expiry_of(series: int) -> int:
    return series & MAX_EXPIRY


@dataclass(slots=True, kw_only=True)
class CreditSeries(MultiToken):
    """An escrow always covers what its credits and open budgets are worth, rounded up."""

    address: str
    authority: Authority
    exchange: Exchange
    ledger: Ledger
    series: dict[int, Series] = field(default_factory=dict)

    # Views

    def owed(self, series: int, *, now: int) -> int:
        known = self.series.get(series)
        return known.owed if known and now < expiry_of(series) else 0

    def value(self, series: int, amount: int) -> int:
        known = self.series.get(series)
        return amount * known.terms.redemption // SCALE if known else 0

    # The issuer

    def open_series(self, expiry: int, terms: SeriesTerms, *, sender: str, now: int) -> int:
        self.authority.require("CREDIT_ISSUER", sender)
        if terms.redemption == 0:
            raise ZeroAmount("credits that are worth nothing")
        if expiry <= now:
            raise ExpiryPassed(str(expiry))
        series = series_id(sender, expiry)
        if series in self.series:
            raise SeriesExists(str(series))
        params = self.exchange.market(terms.market)
        if terms.carrier >= params.carriers:
            raise UnknownCarrier(str(terms.carrier))
        check_rule(terms.rule, params.slot_seconds, params.period_slots)
        self.series[series] = Series(terms, params.asset, params.slot_seconds, params.period_slots)
        return series

    def fund(self, series: int, amount: int, *, sender: str, now: int) -> None:
        if amount == 0:
            raise ZeroAmount("an escrow of nothing")
        known = self._live(series, now)
        if amount > MAX_64_BITS - known.escrow:
            raise SeriesFull("the escrow")
        self._asset(known).transfer_from(sender, self.address, amount, sender=self.address)
        self.series[series] = replace(known, escrow=known.escrow + amount)

    def defund(self, series: int, amount: int, to: str, *, sender: str, now: int) -> None:
        if amount == 0:
            raise ZeroAmount("nothing")
        if to == ZERO_ADDRESS:
            raise ZeroAddress("the tokens would be lost")
        known = self._live(series, now)
        self._require_issuer(series, sender)
        unbound = known.escrow - known.owed
        if amount > unbound:
            raise EscrowBound(f"{unbound} of {known.escrow} are free")
        self._asset(known).transfer(to, amount, sender=self.address)
        self.series[series] = replace(known, escrow=known.escrow - amount)

    # Holders

    def redeem(self, series: int, amount: int, to: str, *, sender: str, now: int) -> int:
        if to == ZERO_ADDRESS:
            raise ZeroAddress("the tokens would be lost")
        known = self._live(series, now)
        value = self._worth(series, amount, sender)
        self._asset(known).transfer(to, value, sender=self.address)
        self._use_up(series, amount, value, sender)
        return value

    def spend(self, series: int, amount: int, market: int, *, sender: str, now: int) -> int:
        known = self._live(series, now)
        asset = self.exchange.market(market).asset
        if asset != known.asset:
            raise OtherAsset(asset)
        value = self._worth(series, amount, sender)
        self._asset(known).approve(self.ledger.address, value, sender=self.address)
        self.ledger.deposit_margin(market, value, sender, sender=self.address, now=now)
        self._use_up(series, amount, value, sender)
        return value

    def sweep(self, series: int, *, now: int) -> None:
        known = self._known(series)
        if now < expiry_of(series):
            raise NotExpired(str(expiry_of(series)))
        if known.escrow == 0:
            raise ZeroAmount("the escrow is empty")
        issuer = issuer_of(series)
        self._asset(known).transfer(issuer, known.escrow, sender=self.address)
        self.series[series] = replace(known, escrow=0)

    # Parts

    def _worth(self, series: int, amount: int, holder: str) -> int:
        """Micro-units that the holder gets. Raises where it has not that much, or gets nothing."""
        if amount == 0:
            raise ZeroAmount("no credits")
        held = self.balances[holder, series]
        if held < amount:
            raise ERC6909InsufficientBalance(f"{holder} holds {held}, not {amount}")
        value = self.value(series, amount)
        if value == 0:
            raise WorthNothing(str(amount))
        return value

    def _use_up(self, series: int, amount: int, value: int, holder: str) -> None:
        known = self.series[series]
        self.balances[holder, series] -= amount
        self.series[series] = replace(
            known, spent_wh=known.spent_wh + amount, escrow=known.escrow - value
        )

    def _refuse_move(self, receiver: str, token_id: int, now: int) -> None:
        if receiver == self.address:
            raise ERC6909InvalidReceiver("it could not give them back")
        if now >= expiry_of(token_id):
            raise SeriesExpired(str(expiry_of(token_id)))

    def _known(self, series: int) -> Series:
        if series not in self.series:
            raise UnknownSeries(str(series))
        return self.series[series]

    def _live(self, series: int, now: int) -> Series:
        known = self._known(series)
        if now >= expiry_of(series):
            raise SeriesExpired(str(expiry_of(series)))
        return known

    def _require_issuer(self, series: int, sender: str) -> None:
        if sender != issuer_of(series):
            raise NotIssuer(sender)

    def _asset(self, known: Series) -> SettlementToken:
        return self.ledger.tokens[known.asset]
