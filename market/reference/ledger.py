"""Ledger: what every account has free, behind its orders, locked and bonded (protocol section 3).

Tokens enter by `deposit` and leave only by the owner's `withdraw`. For every asset, exactly:

    tokens held = sum(free) + sum(margin) + sum(locked) + sum(bonds) + dust
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from market.reference.account import AccountWord
from market.reference.errors import (
    DepositCapExceeded,
    EpochExhausted,
    ExitNotDue,
    ExitPending,
    InsufficientBond,
    InsufficientFree,
    InsufficientLocked,
    InsufficientMargin,
    MarketFrozen,
    NoCapacitySource,
    NoExitPending,
    NotExchange,
    NotImbalance,
    ZeroAddress,
    ZeroAmount,
)
from market.reference.params import MarketParams
from market.reference.token import ZERO_ADDRESS, SettlementToken

DEPOSIT_CAP = 2**63 - 1
MAX_EPOCH = 2**24 - 1
MAX_CAPACITY = 2**32 - 1


class Rounds(Protocol):
    """What the ledger asks the exchange."""

    address: str

    def market(self, market: int) -> MarketParams: ...
    def last_gate(self, market: int) -> int: ...
    def effective_round(self, market: int, *, now: int) -> int: ...
    def is_frozen(self, market: int, *, now: int) -> bool: ...
    def is_terminal(self, market: int, round_number: int, *, now: int) -> bool: ...


class CapacitySource(Protocol):
    """Where a market reads attested energy: Wh an account may sell in a round."""

    def capacity_wh(self, owner: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Exit:
    """A withdrawal announced: micro-units, and when."""

    amount: int
    requested_at: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a settled round does to one trader's account.

    Micro-units: margin falls by `debit`, locked rises by `lock`. In a market of tokens nothing is
    locked: free rises by `proceeds`, and `moved` tokens come (negative: go).
    """

    trader: str
    debit: int
    lock: int
    proceeds: int = 0
    moved: int = 0


@dataclass(slots=True)
class Ledger:
    address: str
    exchange: Rounds
    imbalance_address: str
    tokens: dict[str, SettlementToken]
    capacity_sources: dict[str, CapacitySource] = field(default_factory=dict)
    free: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    words: dict[tuple[int, str], AccountWord] = field(default_factory=dict)
    exits: dict[tuple[int, str], Exit] = field(default_factory=dict)
    bonds: defaultdict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    bond_exits: dict[tuple[int, str], Exit] = field(default_factory=dict)
    dust: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    total_deposited: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    # Views

    def account(self, market: int, account: str) -> AccountWord:
        return self.words.get((market, account), AccountWord())

    def exit_of(self, market: int, account: str) -> Exit:
        return self.exits.get((market, account), Exit(0, 0))

    def available(self, market: int, round_number: int, account: str) -> int:
        """Micro-units that back the account's orders in that round."""
        word = self.account(market, account)
        if word.exit_round == 0 or round_number < word.exit_round:
            return word.margin
        return max(0, word.margin - self.exit_of(market, account).amount)

    def held(self, asset: str) -> int:
        """What the books say the ledger holds of an asset: the left side of the invariant."""
        markets = {m for m, _ in (*self.words, *self.bonds)}
        mine = {m for m in markets if self.exchange.market(m).asset == asset}
        return (
            sum(amount for (a, _), amount in self.free.items() if a == asset)
            + sum(w.margin + w.locked for (m, _), w in self.words.items() if m in mine)
            + sum(amount for (m, _), amount in self.bonds.items() if m in mine)
            + self.dust[asset]
        )

    # Tokens in and out

    def deposit(self, asset: str, amount: int, to: str, *, sender: str) -> None:
        if amount == 0:
            raise ZeroAmount("a deposit of nothing")
        if to == ZERO_ADDRESS:
            raise ZeroAddress("nobody could withdraw it")
        if self.total_deposited[asset] + amount > DEPOSIT_CAP:
            raise DepositCapExceeded(f"{asset}: more than {DEPOSIT_CAP} micro-units in all")
        self.tokens[asset].transfer_from(sender, self.address, amount, sender=self.address)
        self.total_deposited[asset] += amount
        self.free[asset, to] += amount

    def withdraw(self, asset: str, amount: int, to: str, *, sender: str) -> None:
        if amount == 0:
            raise ZeroAmount("a withdrawal of nothing")
        if to == ZERO_ADDRESS:
            raise ZeroAddress("the tokens would be lost")
        self._take_free(asset, sender, amount)
        self.total_deposited[asset] -= amount
        self.tokens[asset].transfer(to, amount, sender=self.address)

    # Margin

    def add_margin(self, market: int, amount: int, *, sender: str, now: int) -> None:
        asset = self.exchange.market(market).asset
        if amount == 0:
            raise ZeroAmount("a margin of nothing")
        if self.exchange.is_frozen(market, now=now):
            raise MarketFrozen(f"market {market} is between gate and settlement")
        self._take_free(asset, sender, amount)
        word = self.account(market, sender)
        self.words[market, sender] = replace(word, margin=word.margin + amount)

    def deposit_margin(self, market: int, amount: int, to: str, *, sender: str, now: int) -> None:
        """The sender's tokens become the margin of `to`."""
        asset = self.exchange.market(market).asset
        if self.exchange.is_frozen(market, now=now):
            raise MarketFrozen(f"market {market} is between gate and settlement")
        self.deposit(asset, amount, to, sender=sender)
        self._take_free(asset, to, amount)
        word = self.account(market, to)
        self.words[market, to] = replace(word, margin=word.margin + amount)

    def request_exit(self, market: int, amount: int, *, sender: str, now: int) -> None:
        """From the effective round on, `amount` backs no order of the sender."""
        self.exchange.market(market)
        effective = self.exchange.effective_round(market, now=now)
        word = self.account(market, sender)
        self._require_exit_amount(amount)
        if word.exit_round != 0:
            raise ExitPending(f"{sender} has an exit pending")
        self.words[market, sender] = replace(word, exit_round=effective)
        self.exits[market, sender] = Exit(amount, now)

    def complete_exit(self, market: int, *, sender: str, now: int) -> None:
        params = self.exchange.market(market)
        word = self.account(market, sender)
        if word.exit_round == 0:
            raise NoExitPending(f"{sender} asked for no exit")
        pending = self.exits[market, sender]
        due = pending.requested_at + params.exit_delay
        if now < due or not self.exchange.is_terminal(market, word.exit_round - 1, now=now):
            raise ExitNotDue(f"not before {due} and the end of round {word.exit_round - 1}")
        paid = min(pending.amount, word.margin)
        self.words[market, sender] = replace(word, margin=word.margin - paid, exit_round=0)
        del self.exits[market, sender]
        self.free[params.asset, sender] += paid

    def bump_epoch(self, market: int, *, sender: str, now: int) -> None:
        """Cancel all of the sender's orders from the effective round on."""
        self.exchange.market(market)
        effective = self.exchange.effective_round(market, now=now)
        word = self.account(market, sender)
        if word.epoch == MAX_EPOCH:
            raise EpochExhausted(f"{sender} has used {MAX_EPOCH} epochs")
        if effective > word.epoch_round:
            word = replace(word, prev_epoch=word.epoch, epoch_round=effective)
        self.words[market, sender] = replace(word, epoch=word.epoch + 1)

    def sync_capacity(self, market: int, account: str, *, now: int) -> None:
        params = self.exchange.market(market)
        if params.capacity_source == ZERO_ADDRESS:
            raise NoCapacitySource(f"market {market} bounds no capacity")
        if params.tokenised:
            raise NoCapacitySource(f"market {market} trades tokens: they are offered, not synced")
        if self.exchange.is_frozen(market, now=now):
            raise MarketFrozen(f"market {market} is between gate and settlement")
        attested_wh = self.capacity_sources[params.capacity_source].capacity_wh(account)
        units = min(attested_wh // params.capacity_unit_wh, MAX_CAPACITY)
        self.words[market, account] = replace(self.account(market, account), capacity=units)

    # Bonds

    def post_bond(self, market: int, amount: int, *, sender: str) -> None:
        asset = self.exchange.market(market).asset
        if amount == 0:
            raise ZeroAmount("a bond of nothing")
        self._take_free(asset, sender, amount)
        self.bonds[market, sender] += amount

    def request_bond_exit(self, market: int, amount: int, *, sender: str, now: int) -> None:
        self.exchange.market(market)
        self._require_exit_amount(amount)
        if (market, sender) in self.bond_exits:
            raise ExitPending(f"{sender} has a bond exit pending")
        self.bond_exits[market, sender] = Exit(amount, now)

    def complete_bond_exit(self, market: int, *, sender: str, now: int) -> None:
        """The delay counts from the request; the operator's also from the last round's gate."""
        params = self.exchange.market(market)
        if (market, sender) not in self.bond_exits:
            raise NoExitPending(f"{sender} asked for no bond exit")
        pending = self.bond_exits[market, sender]
        last_gate = self.exchange.last_gate(market) if sender == params.operator else 0
        due = max(pending.requested_at, last_gate) + params.bond_delay
        if now < due:
            raise ExitNotDue(f"not before {due}")
        paid = min(pending.amount, self.bonds[market, sender])
        del self.bond_exits[market, sender]
        self.bonds[market, sender] -= paid
        self.free[params.asset, sender] += paid

    # Calls of the exchange and of the imbalance contract

    def apply_effects(
        self, market: int, effects: Iterable[Effect], dust: int, *, sender: str
    ) -> None:
        """Margins pay the debits; proceeds and collateral become locked, the rest dust."""
        if sender != self.exchange.address:
            raise NotExchange(f"{sender} is not the exchange")
        changed: dict[str, AccountWord] = {}
        for effect in effects:
            word = changed.get(effect.trader, self.account(market, effect.trader))
            if effect.debit > word.margin:
                raise InsufficientMargin(f"{effect.trader}: {effect.debit} of {word.margin}")
            changed[effect.trader] = replace(
                word, margin=word.margin - effect.debit, locked=word.locked + effect.lock
            )
        for trader, word in changed.items():
            self.words[market, trader] = word
        self.dust[self.exchange.market(market).asset] += dust

    def apply_delivered(
        self, market: int, effects: Iterable[Effect], dust: int, *, sender: str
    ) -> None:
        """Margins pay the debits; proceeds become free, the rest dust."""
        if sender != self.exchange.address:
            raise NotExchange(f"{sender} is not the exchange")
        asset = self.exchange.market(market).asset
        for effect in effects:
            word = self.account(market, effect.trader)
            if effect.debit > word.margin:
                raise InsufficientMargin(f"{effect.trader}: {effect.debit} of {word.margin}")
            self.words[market, effect.trader] = replace(word, margin=word.margin - effect.debit)
            self.free[asset, effect.trader] += effect.proceeds
        self.dust[asset] += dust

    def pay_from_bond(self, market: int, payer: str, to: str, amount: int, *, sender: str) -> int:
        """Pay `amount` from the payer's bond as far as it goes; returns what was paid."""
        if sender != self.exchange.address:
            raise NotExchange(f"{sender} is not the exchange")
        paid = min(amount, self.bonds[market, payer])
        self.bonds[market, payer] -= paid
        self.free[self.exchange.market(market).asset, to] += paid
        return paid

    def close_position(
        self, market: int, account: str, lock: int, charge: int, balancing: str, *, sender: str
    ) -> None:
        """Release `lock`, less `charge`, to the account; the balancing bond takes the charge."""
        if sender != self.imbalance_address:
            raise NotImbalance(f"{sender} is not the imbalance contract")
        word = self.account(market, account)
        bond = self.bonds[market, balancing]
        if lock > word.locked or charge > lock:
            raise InsufficientLocked(f"{account}: lock {lock}, charge {charge} of {word.locked}")
        if -charge > bond:
            raise InsufficientBond(f"{-charge} of {bond}")
        self.words[market, account] = replace(word, locked=word.locked - lock)
        self.free[self.exchange.market(market).asset, account] += lock - charge
        self.bonds[market, balancing] = bond + charge

    def _take_free(self, asset: str, account: str, amount: int) -> None:
        if self.free[asset, account] < amount:
            raise InsufficientFree(f"{account} has {self.free[asset, account]} free, not {amount}")
        self.free[asset, account] -= amount

    @staticmethod
    def _require_exit_amount(amount: int) -> None:
        if amount == 0:
            raise ZeroAmount("an exit of nothing")
        if amount > DEPOSIT_CAP:
            raise DepositCapExceeded("more than anybody can have")
