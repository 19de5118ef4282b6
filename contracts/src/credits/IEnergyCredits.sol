// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BaselineRule, Claim} from "../flexibility/Baseline.sol";

/// @notice What a series promises, for ever. `redemption` is nano-units of money per kWh: what a
/// credit of one Wh is worth until it expires, times a million.
struct SeriesTerms {
    uint32 market;
    uint16 carrier;
    uint64 redemption;
    BaselineRule rule;
}

/// @notice A series as it stands. Money in micro-units of `asset`, energy in Wh.
/// `budgetWh` is what open windows may still issue; `spentWh` what was redeemed or spent.
struct SeriesView {
    SeriesTerms terms;
    address asset;
    uint64 escrow;
    uint64 budgetWh;
    uint64 issuedWh;
    uint64 spentWh;
}

/// @notice Slots of one period in which reductions are credited; `firstSlot` counts from the period's
/// first. `budgetWh` is what may still be issued in it, `joinedWh` the part of it that accounts took.
struct Window {
    uint256 series;
    uint32 period;
    uint16 firstSlot;
    uint16 slots;
    uint64 budgetWh;
    uint64 joinedWh;
}

/// @notice An account's part in a window: its share of the budget, the first period that may count as
/// one of its baseline days, its reservation, and whether its credits were issued.
struct Joined {
    uint64 capWh;
    uint32 since;
    bool issued;
    uint256 reservation;
}

/// @title Energy credits (docs/protocol.md section 12)
/// @notice A credit is one Wh that somebody measurably did not consume. Credits of one series (issuer
/// and expiry) are alike; until they expire each can be redeemed for money that the issuer has put into
/// escrow beforehand, or spent as margin with which energy is bought. Nothing is issued that the escrow
/// does not cover, or that a final meter reading does not show against the series' baseline.
/// @dev ERC-6909 without receiver hooks; an id is `issuer (160 bits) << 40 | expiry (40 bits)`.
/// Also refuses with `ILedger.ZeroAmount` (an amount, cap, budget or redemption of nothing),
/// `ILedger.ZeroAddress`, `ILedger.UnknownMarket` and `ILedger.WrongAmountReceived` (an asset that took
/// a fee).
interface IEnergyCredits {
    event SeriesOpened(
        uint256 indexed series, address indexed issuer, uint40 expiry, SeriesTerms terms, address asset
    );
    event Funded(uint256 indexed series, address indexed from, uint256 amount);
    event Defunded(uint256 indexed series, address indexed to, uint256 amount);
    event WindowAnnounced(
        uint256 indexed window,
        uint256 indexed series,
        uint32 period,
        uint16 firstSlot,
        uint16 slots,
        uint64 budgetWh
    );
    event BaselinePublished(uint256 indexed window, address indexed account, bytes values);
    event WindowJoined(
        uint256 indexed window,
        address indexed account,
        uint64 capWh,
        uint32 since,
        uint256 reservation
    );
    /// @dev What was used of every slot is in the event of the deviations.
    event CreditsIssued(
        uint256 indexed window, address indexed account, uint256 indexed series, uint256 amount
    );
    /// @param releasedWh budget that can no longer be issued
    event WindowClosed(uint256 indexed window, uint256 releasedWh);
    event CreditsRedeemed(
        uint256 indexed series,
        address indexed holder,
        address indexed to,
        uint256 amount,
        uint256 value
    );
    event CreditsSpent(
        uint256 indexed series,
        address indexed holder,
        uint32 indexed market,
        uint256 amount,
        uint256 value
    );
    event SeriesSwept(uint256 indexed series, uint256 amount);
    event MarketBound(uint32 indexed market, address indexed issuer);

    /// @notice The market has no such carrier.
    error UnknownCarrier(uint16 carrier);
    /// @notice The expiry is not in the future.
    error ExpiryPassed(uint256 expiry);
    /// @notice The issuer has a series of this expiry already.
    error SeriesExists(uint256 series);
    /// @notice Nobody opened this series.
    error UnknownSeries(uint256 series);
    /// @notice Only the series' issuer may do this.
    error NotIssuer(address caller);
    /// @notice The series has expired: its credits are worth nothing and do not move.
    error SeriesExpired(uint256 expiry);
    /// @notice The escrow goes back to the issuer from `expiry` on.
    error NotExpired(uint256 expiry);
    /// @notice More than 64 bits of money or energy in one series.
    error SeriesFull();
    /// @notice Credits and open budgets bind all of the escrow but `unbound` micro.
    error EscrowBound(uint256 unbound);
    /// @notice What the credits and open budgets are worth needs `needed` micro of escrow.
    error InsufficientEscrow(uint256 escrow, uint256 needed);
    /// @notice The window has no slot, does not lie within one period, or leaves no room before it for
    /// the rule's same-day adjustment.
    error BadWindow();
    /// @notice The window began, or begins now, at `startsAt`.
    error WindowBegan(uint256 startsAt);
    /// @notice The window begins at `startsAt`: until then accounts may join.
    error WindowNotBegun(uint256 startsAt);
    /// @notice Credits of the window could be claimed until `claimBy`, which is not before the expiry.
    error ClaimableBeyondExpiry(uint256 claimBy);
    /// @notice Nobody announced this window.
    error UnknownWindow(uint256 window);
    /// @notice The series' baselines are computed from readings, not published.
    error BaselineIsComputed();
    /// @notice A baseline of another number of slots than a period has.
    error BadLength(uint256 length);
    /// @notice The account's baseline was published before.
    error BaselinePublishedBefore(address account);
    /// @notice The issuer must publish the account's baseline before the account can join.
    error BaselineNotPublished(address account);
    /// @notice The account joined the window before.
    error JoinedBefore(address account);
    /// @notice The account has no meter that could show a reduction of more than `mostWh`.
    error BeyondMeter(uint256 mostWh);
    /// @notice The window's budget has only `leftWh` left.
    error InsufficientBudget(uint256 leftWh);
    /// @notice The account has not joined the window.
    error NotJoined(address account);
    /// @notice The account's credits of this window were issued.
    error IssuedBefore(address account);
    /// @notice Credits had to be claimed by `claimBy`.
    error ClaimedTooLate(uint256 claimBy);
    /// @notice The window has no budget that could be released now.
    error NothingToRelease();
    /// @notice The amount is worth less than a micro-unit.
    error WorthNothing(uint256 amount);
    /// @notice Credits are spent in markets of the series' asset only.
    error OtherAsset(address asset);
    /// @notice The market does not trade tokens of this contract, or its slots are not longer than
    /// its settlement window.
    error NotTradable(uint32 market);
    /// @notice The market trades the credits of `issuer`.
    error BoundBefore(address issuer);
    /// @notice No issuer's credits are traded in the market.
    error NotBound(uint32 market);

    // ------------------------------------------------------------------ the issuer

    /// @notice Opens the caller's series that expires at `expiry`. Restricted (credit issuer).
    function openSeries(uint40 expiry, SeriesTerms calldata terms)
        external
        returns (uint256 series);

    /// @notice Puts `amount` micro of the series' asset into its escrow; anyone may, it is the issuer's.
    function fund(uint256 series, uint256 amount) external;

    /// @notice Takes out what neither credits nor open budgets need. Only the issuer.
    function defund(uint256 series, uint256 amount, address to) external;

    /// @notice Announces a window before it begins and sets `budgetWh` of the escrow aside for it. Only
    /// the issuer.
    /// @param firstSlot counts from the period's first slot
    function announce(
        uint256 series,
        uint32 period,
        uint16 firstSlot,
        uint16 slots,
        uint64 budgetWh
    ) external returns (uint256 window);

    /// @notice Publishes the baseline of an account before the window begins and before the account
    /// joins, so that joining is to agree to it; once. Only the issuer, only for series with published
    /// baselines.
    /// @param values packed `int32` Wh of every slot of the period
    function publishBaseline(uint256 window, address account, bytes calldata values) external;

    // ------------------------------------------------------------------ the account that reduces

    /// @notice Reserves the window's slots of the caller's meter and takes `capWh` of its budget, before
    /// it begins. At most what the meter can measure in the window.
    /// @param since the first period that may count as one of the caller's baseline days
    function join(uint256 window, uint64 capWh, uint32 since) external;

    /// @notice Issues what the account's final reading shows it to have reduced, at most its cap, in
    /// slot order; anyone may bring the readings, up to and including `claimBy`.
    function issue(uint256 window, address account, Claim calldata claim)
        external
        returns (uint256 amount);

    /// @notice Takes out of the budget what was not joined by the window's beginning and, after
    /// `claimBy`, what was not claimed; anyone.
    function closeWindow(uint256 window) external;

    // ------------------------------------------------------------------ holders

    /// @notice Pays `floor(amount * redemption / 1e6)` micro for `amount` of the caller's credits.
    function redeem(uint256 series, uint256 amount, address to) external returns (uint256 value_);

    /// @notice The same value, as margin of the caller in a market of the same asset; refused while
    /// that market is frozen.
    function spend(uint256 series, uint256 amount, uint32 market)
        external
        returns (uint256 value_);

    /// @notice Returns an expired series' escrow to its issuer; anyone.
    function sweep(uint256 series) external;

    // ------------------------------------------------------------------ trading

    /// @notice Lets a tokenised market trade `issuer`'s credits; once. Slot s of it is the series that
    /// expires at `(s + 1) * slotSeconds`. Restricted (market administrator).
    function bindMarket(uint32 market, address issuer) external;

    // ------------------------------------------------------------------ views

    function seriesId(address issuer, uint40 expiry) external pure returns (uint256);

    function seriesOf(uint256 series) external view returns (SeriesView memory);

    /// @notice Micro-units that the escrow must hold for credits and open budgets; 0 once expired.
    function owed(uint256 series) external view returns (uint256);

    /// @notice Micro-units for which `amount` of a series is redeemed, rounded down.
    function value(uint256 series, uint256 amount) external view returns (uint256);

    function windowOf(uint256 window) external view returns (Window memory);

    /// @notice Windows are numbered from 1.
    function windowCount() external view returns (uint256);

    function joinedOf(uint256 window, address account) external view returns (Joined memory);

    /// @notice Hash of an account's published baseline, 0 without one.
    function publishedBaseline(uint256 window, address account) external view returns (bytes32);

    /// @notice The last second in which credits of the window can be issued.
    function claimBy(uint256 window) external view returns (uint256);

    /// @notice Whose credits a market trades; zero for none.
    function issuerOf(uint32 market) external view returns (address);
}
