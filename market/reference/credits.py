"""EnergyCredits: covered tokens for metered reductions (protocol section 12)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from eth_utils.crypto import keccak

from market.reference.baseline import MISSING, Claim, Subject, measure
from market.reference.credit_series import (
    MAX_64_BITS,
    MAX_EXPIRY,
    CreditSeries,
    Series,
    expiry_of,
    series_id,
)
from market.reference.deviations import Deviations
from market.reference.errors import (
    BadLength,
    BadWindow,
    BaselineIsComputed,
    BaselineNotPublished,
    BaselinePublishedBefore,
    BeyondMeter,
    BoundBefore,
    ClaimableBeyondExpiry,
    ClaimedTooLate,
    InsufficientBudget,
    InsufficientEscrow,
    IssuedBefore,
    JoinedBefore,
    NotBound,
    NothingToRelease,
    NotJoined,
    NotTradable,
    SeriesExpired,
    SeriesFull,
    UnknownSeries,
    UnknownWindow,
    WindowBegan,
    WindowNotBegun,
    ZeroAddress,
    ZeroAmount,
)
from market.reference.exchange import Exchange
from market.reference.meters import SECONDS_PER_HOUR, MeterRegistry
from market.reference.token import ZERO_ADDRESS
from market.reference.tokenised import FungibleProducts, Offer

MAX_WH_A_SLOT = 2**31 - 1
BYTES_PER_SLOT = 4


@dataclass(frozen=True, slots=True)
class Window:
    """`budget_wh` may still be issued; accounts took `joined_wh` of it."""

    series: int
    period: int
    first_slot: int
    slots: int
    budget_wh: int
    joined_wh: int = 0


@dataclass(frozen=True, slots=True)
class Joined:
    cap_wh: int
    since: int
    reservation: int
    issued: bool = False


@dataclass(slots=True, kw_only=True)
class EnergyCredits(CreditSeries, FungibleProducts):
    """Offered credits are held by the contract's own address."""

    exchange: Exchange
    meters: MeterRegistry
    deviations: Deviations
    windows: list[Window] = field(default_factory=list)
    joined: dict[tuple[int, str], Joined] = field(default_factory=dict)
    published: dict[tuple[int, str], bytes] = field(default_factory=dict)
    issuers: dict[int, str] = field(default_factory=dict)
    """By market."""
    offers: dict[tuple[int, int, str], Offer] = field(default_factory=dict)

    # The issuer

    def announce(
        self,
        series: int,
        period: int,
        first_slot: int,
        slots: int,
        budget_wh: int,
        *,
        sender: str,
        now: int,
    ) -> int:
        if budget_wh == 0:
            raise ZeroAmount("a window that can issue nothing")
        known = self._live(series, now)
        self._require_issuer(series, sender)
        if (
            slots == 0
            or first_slot + slots > known.period_slots
            or first_slot < known.terms.rule.adjust_lead
        ):
            raise BadWindow(f"{slots} slots from {first_slot}")
        if now >= known.start_of(period, first_slot):
            raise WindowBegan(str(known.start_of(period, first_slot)))
        deadline = self.deviations.claim_by(known.terms.market, period)
        if deadline >= expiry_of(series):
            raise ClaimableBeyondExpiry(f"claims until {deadline}")
        if known.issued_wh + known.budget_wh + budget_wh > MAX_64_BITS:
            raise SeriesFull("energy")
        changed = replace(known, budget_wh=known.budget_wh + budget_wh)
        if changed.owed > known.escrow:
            raise InsufficientEscrow(f"{known.escrow}, needed {changed.owed}")
        self.series[series] = changed
        self.windows.append(Window(series, period, first_slot, slots, budget_wh))
        return len(self.windows)

    def publish_baseline(
        self, window: int, account: str, values: bytes, *, sender: str, now: int
    ) -> None:
        opened = self._window(window)
        self._require_issuer(opened.series, sender)
        known = self.series[opened.series]
        if not known.terms.rule.is_published:
            raise BaselineIsComputed("from readings")
        self._require_not_begun(opened, now)
        if (window, account) in self.published:
            raise BaselinePublishedBefore(account)
        if len(values) != BYTES_PER_SLOT * known.period_slots:
            raise BadLength(str(len(values)))
        self.published[window, account] = keccak(values)

    # The account that reduces

    def join(self, window: int, cap_wh: int, since: int, *, sender: str, now: int) -> None:
        if cap_wh == 0:
            raise ZeroAmount("a part of nothing")
        opened = self._window(window)
        known = self.series[opened.series]
        self._require_not_begun(opened, now)
        if (window, sender) in self.joined:
            raise JoinedBefore(sender)
        if known.terms.rule.is_published and (window, sender) not in self.published:
            raise BaselineNotPublished(sender)
        most_wh = self._most_measured(known, sender, opened.slots)
        if cap_wh > most_wh:
            raise BeyondMeter(f"{most_wh} Wh")
        left_wh = opened.budget_wh - opened.joined_wh
        if cap_wh > left_wh:
            raise InsufficientBudget(f"{left_wh} Wh are left")
        reservation = self.deviations.reserve(
            known.terms.market,
            sender,
            known.terms.carrier,
            opened.period,
            (2**opened.slots - 1) << opened.first_slot,
            sender=self.address,
            now=now,
        )
        self.windows[window - 1] = replace(opened, joined_wh=opened.joined_wh + cap_wh)
        self.joined[window, sender] = Joined(cap_wh, since, reservation)

    def issue(self, window: int, account: str, claim: Claim, *, now: int) -> int:
        opened = self._window(window)
        known = self.series[opened.series]
        part = self.joined.get((window, account))
        if part is None:
            raise NotJoined(account)
        if part.issued:
            raise IssuedBefore(account)
        deadline = self.deviations.claim_by(known.terms.market, opened.period)
        if now > deadline:
            raise ClaimedTooLate(str(deadline))
        used = self._reductions(window, account, claim, now=now)
        amount = sum(used)
        self.deviations.use(part.reservation, used, sender=self.address, now=now)
        self.windows[window - 1] = replace(
            opened,
            budget_wh=opened.budget_wh - part.cap_wh,
            joined_wh=opened.joined_wh - part.cap_wh,
        )
        self.series[opened.series] = replace(
            known, budget_wh=known.budget_wh - part.cap_wh, issued_wh=known.issued_wh + amount
        )
        self.joined[window, account] = replace(part, issued=True)
        self.balances[account, opened.series] += amount
        return amount

    def close_window(self, window: int, *, now: int) -> None:
        opened = self._window(window)
        known = self.series[opened.series]
        starts_at = known.start_of(opened.period, opened.first_slot)
        if now < starts_at:
            raise WindowNotBegun(str(starts_at))
        over = now > self.deviations.claim_by(known.terms.market, opened.period)
        kept_wh = 0 if over else opened.joined_wh
        released_wh = opened.budget_wh - kept_wh
        if released_wh == 0:
            raise NothingToRelease(str(window))
        self.windows[window - 1] = replace(opened, budget_wh=kept_wh, joined_wh=kept_wh)
        self.series[opened.series] = replace(known, budget_wh=known.budget_wh - released_wh)

    # Trading

    def bind_market(self, market: int, issuer: str, *, sender: str) -> None:
        self.authority.require("MARKET_ADMIN", sender)
        if issuer == ZERO_ADDRESS:
            raise ZeroAddress("nobody's credits")
        if market in self.issuers:
            raise BoundBefore(self.issuers[market])
        params = self.exchange.market(market)
        if (
            params.capacity_source != self.address
            or params.capacity_unit_wh != 0
            or params.slot_seconds <= params.settle_window
        ):
            raise NotTradable(str(market))
        self.issuers[market] = issuer

    def _to_escrow(self, holder: str, market: int, slot: int, amount: int, *, now: int) -> None:
        series = self.traded(market, slot)
        if now >= expiry_of(series):
            raise SeriesExpired(str(expiry_of(series)))
        self._take(holder, series, amount)
        self.balances[self.address, series] += amount

    def _from_escrow(self, to: str, market: int, slot: int, amount: int) -> None:
        series = self.traded(market, slot)
        self._take(self.address, series, amount)
        self.balances[to, series] += amount

    def traded(self, market: int, slot: int) -> int:
        """The series that a tokenised market's slot trades."""
        if market not in self.issuers:
            raise NotBound(str(market))
        expiry = (slot + 1) * self.exchange.market(market).slot_seconds
        if expiry > MAX_EXPIRY:
            raise UnknownSeries(f"none expires at {expiry}")
        return series_id(self.issuers[market], expiry)

    # Parts

    def _reductions(self, window: int, account: str, claim: Claim, *, now: int) -> list[int]:
        """Wh of every slot of the period, at least 0, in slot order up to the cap."""
        opened = self._window(window)
        known = self.series[opened.series]
        part = self.joined[window, account]
        subject = Subject(
            market=known.terms.market,
            account=account,
            carrier=known.terms.carrier,
            period=opened.period,
            first_slot=opened.first_slot,
            slots=opened.slots,
            since=part.since,
            period_slots=known.period_slots,
            published_hash=self.published.get((window, account), bytes(32)),
        )
        baseline, metered = measure(
            self.meters, self.deviations, known.terms.rule, subject, claim, now=now
        )
        used = [0] * known.period_slots
        left = part.cap_wh
        for at, (usual_wh, wh) in enumerate(zip(baseline, metered, strict=True)):
            reduction = 0 if wh == MISSING else max(0, usual_wh - wh)
            used[opened.first_slot + at] = min(reduction, left, MAX_WH_A_SLOT)
            left -= used[opened.first_slot + at]
        return used

    def _most_measured(self, known: Series, account: str, slots: int) -> int:
        terms = known.terms
        device = self.meters.device_of.get((terms.market, account, terms.carrier))
        capacity_w = self.meters.devices[device].capacity_w if device else 0
        return capacity_w * known.slot_seconds * slots // SECONDS_PER_HOUR

    def _window(self, window: int) -> Window:
        if not 1 <= window <= len(self.windows):
            raise UnknownWindow(str(window))
        return self.windows[window - 1]

    def _require_not_begun(self, opened: Window, now: int) -> None:
        starts_at = self.series[opened.series].start_of(opened.period, opened.first_slot)
        if now >= starts_at:
            raise WindowBegan(str(starts_at))
